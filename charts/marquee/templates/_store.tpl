{{/* The address of the bucket, or the folder of the store where the claim is mounted. (list $ "/artifacts"). Not a mount's subPath:
the kubelet would make it as root, and training makes it as its own user. */}}
{{- define "marquee.store" -}}
{{- $artifacts := (first .).Values.artifacts -}}
{{- if eq $artifacts.store "object" -}}
{{ $artifacts.url | default "s3://marquee/models" }}
{{- else -}}
{{ last . }}{{ with $artifacts.subPath }}/{{ . }}{{ end }}
{{- end -}}
{{- end }}

{{/* Variables that name the store. (list $ "/artifacts"); without a folder only those of a bucket. */}}
{{- define "marquee.store.env" -}}
{{- $root := first . -}}
{{- if eq $root.Values.artifacts.store "object" -}}
- {name: MARQUEE_ARTIFACTS, value: {{ include "marquee.store" . | quote }}}
- {name: MARQUEE_CACHE_DIR, value: /cache}
{{- if $root.Values.artifacts.gateway.enabled }}
- {name: AWS_ENDPOINT, value: "http://{{ include "marquee.gateway" $root }}:7070"}
- {name: AWS_REGION, value: us-east-1}
{{- range list "AWS_ACCESS_KEY_ID" "AWS_SECRET_ACCESS_KEY" }}
- name: {{ . }}
  valueFrom: {secretKeyRef: {name: {{ include "marquee.gateway.secret" $root | quote }}, key: {{ . }}}}
{{- end }}
{{- end }}
{{- with $root.Values.artifacts.env }}
{{ toYaml . }}
{{- end }}
{{- else if last . -}}
- {name: MARQUEE_ARTIFACTS_DIR, value: {{ include "marquee.store" . }}}
{{- end -}}
{{- end }}

{{/* Variables of a server. (list $ values "where the store is mounted" "model"). */}}
{{- define "marquee.server.env" -}}
{{- $root := first . -}}
{{ include "marquee.store.env" (list $root (index . 2)) }}
{{- include "marquee.model.env" (list $root (last .)) }}
{{- with $root.Values.listenAddress }}
- {name: MARQUEE_HOST, value: {{ . | quote }}}
{{- end }}
{{- with include "marquee.settings" (index . 1).settings }}
{{ . }}
{{- end }}
{{- end }}

{{/* The model that servers load unless it is the channel `current`. (list $ "version or channel") */}}
{{- define "marquee.model.env" -}}
{{- with (first .).Values.model }}
{{- $model := last $ | default .version | default .channel -}}
{{- if ne $model "current" }}
- {name: MARQUEE_MODEL, value: {{ $model | quote }}}
{{- end }}
{{- end }}
{{- end }}

{{/* Variables of a container, the user's over the chart's, and its Secrets and ConfigMaps of variables: the bucket's credentials,
if it has the bucket's address, and the user's. (list $ values "variables as YAML") */}}
{{- define "marquee.env" -}}
{{- $artifacts := (first .).Values.artifacts -}}
{{- $values := index . 1 -}}
{{- $env := concat (last . | fromYamlArray) $values.extraEnv -}}
{{- with include "marquee.unique" $env | fromJsonArray }}
env:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- $from := list -}}
{{- if and $artifacts.existingSecret (not $artifacts.gateway.enabled) (contains "MARQUEE_ARTIFACTS," (last .)) -}}
{{- $from = append $from (dict "secretRef" (dict "name" $artifacts.existingSecret)) -}}
{{- end -}}
{{- with concat $from $values.extraEnvFrom }}
envFrom:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* (list $ "read" or "write") */}}
{{- define "marquee.store.mount" -}}
{{- if eq (first .).Values.artifacts.store "object" -}}
- {name: cache, mountPath: /cache}
{{- else if eq (last .) "read" -}}
- {name: artifacts, mountPath: /artifacts, readOnly: true}
{{- else -}}
- {name: artifacts, mountPath: /artifacts}
{{- end -}}
{{- end }}

{{- define "marquee.store.volume" -}}
{{- if eq .Values.artifacts.store "object" -}}
- name: cache
  emptyDir: {sizeLimit: {{ .Values.artifacts.cacheSize }}}
{{- else -}}
- name: artifacts
  persistentVolumeClaim: {claimName: {{ include "marquee.claim" . | quote }}}
{{- end -}}
{{- end }}

{{/* Egress rules for the bucket; none with a volume. */}}
{{- define "marquee.store.egress" -}}
{{- if eq .Values.artifacts.store "object" -}}
{{- with .Values.artifacts -}}
{{- if .gateway.enabled -}}
- to:
    {{- include "marquee.peers" (list $ "gateway") | nindent 4 }}
  ports: {{ include "marquee.ports" (list $ 7070) }}
{{- else if not .egress -}}
# A bucket's addresses change.
- ports: [{port: 443, protocol: TCP}]
{{- if not .existingSecret }}
# Cloud identity: the metadata server (with GKE also 988), and EKS' pod identity.
- to:
    {{- range list "169.254.169.254/32" "169.254.169.252/32" "169.254.170.23/32" "fd00:ec2::254/128" "fd00:ec2::23/128" }}
    - ipBlock: {cidr: {{ . | quote }}}
    {{- end }}
  ports: [{port: 80, protocol: TCP}, {port: 988, protocol: TCP}]
{{- end }}
{{- end }}
{{- with .egress }}
{{ toYaml . }}
{{- end }}
{{- end -}}
{{- end -}}
{{- end }}

{{/* The object store over the chart's own claim. */}}
{{- define "marquee.gateway" -}}
{{ include "marquee.fullname" . }}-gateway
{{- end }}

{{- define "marquee.gateway.secret" -}}
{{ .Values.artifacts.existingSecret | default (include "marquee.gateway" .) }}
{{- end }}

{{/* Releases, or programs without one, that use the claim and are not named in artifacts.sharedWith, as JSON. */}}
{{- define "marquee.otherUsers" -}}
{{- $users := list -}}
{{- range (lookup "v1" "Pod" .Release.Namespace "").items -}}
{{- $owner := index (.metadata.labels | default dict) "app.kubernetes.io/instance" | default .metadata.name -}}
{{- range .spec.volumes -}}
{{- if eq (dig "persistentVolumeClaim" "claimName" "" .) (include "marquee.claim" $) -}}
{{- $users = append $users $owner -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- range append .Values.artifacts.sharedWith .Release.Name }}{{ $users = without $users . }}{{ end -}}
{{ $users | uniq | sortAlpha | toJson }}
{{- end }}
