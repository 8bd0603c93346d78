{{/* What all pods have. (list $ values "component"). Service links would look like unknown MARQUEE_ settings, an error. */}}
{{- define "marquee.pod" -}}
{{- $root := first . -}}
{{- $values := index . 1 -}}
serviceAccountName: {{ include "marquee.serviceAccount" $root | quote }}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  {{- toYaml $root.Values.podSecurityContext | nindent 2 }}
{{- with include "marquee.pullSecrets" $root }}
imagePullSecrets:
  {{- . | nindent 2 }}
{{- end }}
{{- with $values.priorityClassName }}
priorityClassName: {{ . | quote }}
{{- end }}
{{- with $values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- range $key := list "dnsPolicy" "dnsConfig" "hostAliases" }}
{{- with index $values $key }}
{{ dict $key . | toYaml }}
{{- end }}
{{- end }}
{{- with include "marquee.affinity" . }}
affinity:
  {{- . | nindent 2 }}
{{- end }}
{{- end }}

{{/* Of this chart and of the one around it; there they may be plain names. */}}
{{- define "marquee.pullSecrets" -}}
{{- $secrets := list -}}
{{- range concat ((.Values.global).imagePullSecrets | default list) .Values.image.pullSecrets -}}
{{- $secrets = append $secrets (kindIs "string" . | ternary (dict "name" .) .) -}}
{{- end -}}
{{- with $secrets | uniq }}{{ toYaml . }}{{ end }}
{{- end }}

{{/* What users add to the pods of a component. */}}
{{- define "marquee.extraMounts" -}}
{{- with .extraVolumeMounts }}{{ toYaml . }}{{ end }}
{{- end }}

{{- define "marquee.extraVolumes" -}}
{{- with .extraVolumes }}{{ toYaml . }}{{ end }}
{{- end }}

{{/* A claim that one node can mount. A bucket has no node. */}}
{{- define "marquee.singleNode" -}}
{{ and .Values.artifacts.singleNode (eq .Values.artifacts.store "volume") | ternary "true" "" }}
{{- end }}

{{/* The user's affinity; with singleNode also: where the release's other pods are. The first pod may go anywhere. */}}
{{- define "marquee.affinity" -}}
{{- $root := first . -}}
{{- $affinity := deepCopy (index . 1).affinity -}}
{{- if include "marquee.singleNode" $root -}}
{{- $labels := omit (include "marquee.selectorLabels" (list $root "") | fromYaml) "app.kubernetes.io/component" -}}
{{- $expressions := list (dict "key" "app.kubernetes.io/component" "operator" "In" "values" (list "training" "rollback" "retrieval" "reranker")) -}}
{{- with $root.Values.artifacts.sharedWith -}}
{{- $labels = omit $labels "app.kubernetes.io/name" "app.kubernetes.io/instance" -}}
{{- $expressions = append $expressions (dict "key" "app.kubernetes.io/instance" "operator" "In" "values" (prepend . $root.Release.Name | uniq | sortAlpha)) -}}
{{- end -}}
{{- $selector := merge (dict "matchExpressions" $expressions) (empty $labels | ternary dict (dict "matchLabels" $labels)) -}}
{{- $term := dict "topologyKey" "kubernetes.io/hostname" "labelSelector" $selector -}}
{{- $pods := $affinity.podAffinity | default dict -}}
{{- $required := append ($pods.requiredDuringSchedulingIgnoredDuringExecution | default list) $term -}}
{{- $_ := set $affinity "podAffinity" (set $pods "requiredDuringSchedulingIgnoredDuringExecution" $required) -}}
{{- end -}}
{{- if and (has (last .) (list "retrieval" "reranker")) (not (or (index . 1).topologySpreadConstraints (include "marquee.singleNode" $root))) -}}
{{- $selector := dict "matchLabels" (include "marquee.selectorLabels" (list $root (last .)) | fromYaml) -}}
{{- $term := dict "weight" 50 "podAffinityTerm" (dict "topologyKey" "topology.kubernetes.io/zone" "labelSelector" $selector) -}}
{{- $pods := $affinity.podAntiAffinity | default dict -}}
{{- $preferred := append ($pods.preferredDuringSchedulingIgnoredDuringExecution | default list) $term -}}
{{- $_ := set $affinity "podAntiAffinity" (set $pods "preferredDuringSchedulingIgnoredDuringExecution" $preferred) -}}
{{- end -}}
{{- with $affinity }}{{ toYaml . }}{{ end }}
{{- end }}

{{/* Spread a server's pods over nodes. (list $ values "component"). Over zones it is the affinity that does it: where nodes have no
zone, a constraint on zones would make the scheduler ignore all constraints. */}}
{{- define "marquee.spread" -}}
topologySpreadConstraints:
{{- with (index . 1).topologySpreadConstraints }}
  {{- toYaml . | nindent 2 }}
{{- else }}
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "marquee.selectorLabels" (list (first $) (last $)) | nindent 8 }}
{{- end }}
{{- end }}

{{/* Init containers of a server: one that says what the pod waits for, and the user's. (list $ image values) */}}
{{- define "marquee.initContainers" -}}
{{- $root := first . -}}
{{- $waits := and $root.Values.artifacts.waitForModel (ne $root.Values.artifacts.store "object") -}}
{{- if or $waits (last .).extraInitContainers -}}
initContainers:
  {{- with (last .).extraInitContainers }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}
{{- if $waits }}
  - name: wait-for-model
    image: {{ index . 1 }}
    imagePullPolicy: {{ $root.Values.image.pullPolicy }}
    command: [python3, -c]
    args:
      - |
        {{- $root.Files.Get "files/wait_for_model.py" | trim | nindent 8 }}
      - {{ include "marquee.store" (list $root "/artifacts") }}
      - {{ $root.Release.Namespace | quote }}
      - app.kubernetes.io/instance={{ $root.Release.Name }},app.kubernetes.io/component=training
    resources:
      {{- toYaml $root.Values.artifacts.waitForModelResources | nindent 6 }}
    securityContext:
      {{- toYaml $root.Values.securityContext | nindent 6 }}
    volumeMounts:
      - {name: artifacts, mountPath: /artifacts, readOnly: true}
{{- end }}
{{- end }}

{{/* Stay reachable while the Service forgets this pod. `sleep` needs no program in the image, since Kubernetes 1.30. */}}
{{- define "marquee.preStop" -}}
{{- if semverCompare ">=1.30.0-0" (first .).Capabilities.KubeVersion.Version -}}
preStop: {sleep: {seconds: {{ last . }}}}
{{- else -}}
preStop: {exec: {command: [sleep, {{ last . | quote }}]}}
{{- end -}}
{{- end }}

{{/* An HPA's spec but for its target. */}}
{{- define "marquee.hpa" -}}
minReplicas: {{ int64 .minReplicas }}
maxReplicas: {{ int64 .maxReplicas }}
metrics:
  - type: Resource
    resource:
      name: cpu
      target: {type: Utilization, averageUtilization: {{ .targetCPUUtilization }}}
  {{- with .extraMetrics }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
behavior:
  {{- toYaml .behavior | nindent 2 }}
{{- end }}

{{/* The replicas that are sure, whatever the load; empty if others decide. */}}
{{- define "marquee.minReplicas" -}}
{{- $replicas := .autoscaling.enabled | ternary .autoscaling.minReplicas .replicas -}}
{{- if not (kindIs "invalid" $replicas) }}{{ int64 $replicas }}{{ end -}}
{{- end }}

{{/* A Deployment's replicas; none if an HPA or others decide. */}}
{{- define "marquee.replicas" -}}
{{- if not (or .autoscaling.enabled (kindIs "invalid" .replicas)) }}replicas: {{ int64 .replicas }}{{ end -}}
{{- end }}

{{- define "marquee.strategy" -}}
{{ eq .strategy.type "Recreate" | ternary (dict "type" "Recreate") .strategy | toYaml }}
{{- end }}

{{/* Not with singleNode: when that node is drained, a new pod waits for the old ones to leave, and a budget would hold them. */}}
{{- define "marquee.hasBudget" -}}
{{- $values := last . -}}
{{- if and $values.pdb.enabled (not (include "marquee.singleNode" (first .))) (ge (int (include "marquee.minReplicas" $values | default 2)) 2) }}true{{ end }}
{{- end }}

{{/* How long a rollout may take. As long as no pod was ever ready it may be waiting for the first model, so training's time is
added; afterwards a broken image should be seen soon. `helm template` can't see pods and adds it. (list $ values "suffix") */}}
{{- define "marquee.progressDeadline" -}}
{{- $root := first . -}}
{{- $given := (index . 1).progressDeadlineSeconds -}}
{{- $live := lookup "apps/v1" "Deployment" $root.Release.Namespace (printf "%s-%s" (include "marquee.fullname" $root) (last .)) -}}
{{- if not (kindIs "invalid" $given) -}}
{{ int64 $given }}
{{- else if or (not $root.Values.training.enabled) (($live).status).readyReplicas -}}
600
{{- else -}}
{{ add 600 (int64 $root.Values.training.activeDeadlineSeconds) }}
{{- end -}}
{{- end }}

{{/* What all Services have. */}}
{{- define "marquee.service" -}}
{{- range $key := list "ipFamilyPolicy" "ipFamilies" "trafficDistribution" }}
{{- with index $ $key }}
{{ dict $key . | toYaml }}
{{- end }}
{{- end }}
{{- end }}
