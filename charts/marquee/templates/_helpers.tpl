{{/* Names. 34 characters leave room for the longest suffixes within 63: -retrieval-predictor, -train-<version>-<hash>-<index>.
What is longer gets a hash, so that two long names stay two; a Service's name must begin with a letter. */}}
{{- define "marquee.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 34 | trimSuffix "-" }}
{{- end }}

{{- define "marquee.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- $full := contains $name .Release.Name | ternary .Release.Name (printf "%s-%s" .Release.Name $name) -}}
{{- $full = default $full .Values.fullnameOverride | replace "." "-" -}}
{{- if regexMatch "^[0-9]" $full }}{{ $full = printf "m-%s" $full }}{{ end -}}
{{- if gt (len $full) 34 }}{{ $full = printf "%s-%s" (trunc 27 $full | trimSuffix "-") (sha256sum $full | trunc 6) }}{{ end -}}
{{ $full }}
{{- end }}

{{/* The InferenceService. KServe calls its Deployment and Service <name>-predictor; deployment mode does the same. */}}
{{- define "marquee.retrieval.name" -}}
{{ include "marquee.fullname" . }}-retrieval
{{- end }}

{{- define "marquee.retrieval.service" -}}
{{ include "marquee.retrieval.name" . }}-predictor
{{- end }}

{{- define "marquee.retrieval.url" -}}
{{ .Values.retrieval.url | default (printf "http://%s" (include "marquee.retrieval.service" .)) }}
{{- end }}

{{/* kserve or deployment; `auto` looks at the cluster's APIs. */}}
{{- define "marquee.retrieval.mode" -}}
{{- if ne .Values.retrieval.mode "auto" -}}
{{ .Values.retrieval.mode }}
{{- else -}}
{{ .Capabilities.APIVersions.Has "serving.kserve.io/v1beta1" | ternary "kserve" "deployment" }}
{{- end -}}
{{- end }}

{{- define "marquee.claim" -}}
{{ .Values.artifacts.existingClaim | default (printf "%s-%s" (include "marquee.fullname" .) (eq .Values.artifacts.store "object" | ternary "gateway" "artifacts")) }}
{{- end }}

{{- define "marquee.serviceAccount" -}}
{{ .Values.serviceAccount.name | default (.Values.serviceAccount.create | ternary (include "marquee.fullname" .) "default") }}
{{- end }}

{{/* Labels. Call with (list $ "component"). Selectors never hold the chart's version. */}}
{{- define "marquee.selectorLabels" -}}
{{- $root := first . -}}
app.kubernetes.io/name: {{ include "marquee.name" $root | quote }}
app.kubernetes.io/instance: {{ $root.Release.Name | quote }}
app.kubernetes.io/component: {{ last . }}
{{- end }}

{{/* A version as a label's value: builds of CI have long ones. */}}
{{- define "marquee.label" -}}
{{- regexReplaceAll "[^a-zA-Z0-9]+$" (replace "+" "_" . | trunc 63) "" -}}
{{- end }}

{{/* An object's name, namespace, labels and annotations. (list $ "component" "name" labels annotations); the last two are the
user's and may be left out. The chart's own labels count, but for part-of: selectors and Helm need them. */}}
{{- define "marquee.metadata" -}}
{{- $root := first . -}}
{{- $more := slice . 3 -}}
{{- $labels := include "marquee.selectorLabels" (list $root (index . 1)) | fromYaml -}}
{{- $_ := set $labels "app.kubernetes.io/version" (include "marquee.label" $root.Chart.AppVersion) -}}
{{- $_ := set $labels "app.kubernetes.io/managed-by" $root.Release.Service -}}
{{- $_ := set $labels "helm.sh/chart" (include "marquee.label" (printf "%s-%s" $root.Chart.Name $root.Chart.Version)) -}}
name: {{ index . 2 | quote }}
namespace: {{ $root.Release.Namespace | quote }}
labels:
  {{- merge $labels (first $more | default dict) $root.Values.commonLabels (dict "app.kubernetes.io/part-of" "marquee") | toYaml | nindent 2 }}
{{- with merge dict (rest $more | first | default dict) $root.Values.commonAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* Labels and annotations of pods: what selectors need, and the user's own; nothing that changes with the chart.
(list $ "component" values annotations) */}}
{{- define "marquee.podMetadata" -}}
{{- $component := index . 1 -}}
{{- $labels := include "marquee.selectorLabels" (list (first .) $component) | fromYaml -}}
{{- if has $component (list "retrieval" "retrieval-canary" "reranker") }}{{ $_ := set $labels "marquee/metrics" "true" }}{{ end -}}
labels:
  {{- merge $labels ((index . 2).podLabels | default dict) (first .).Values.commonLabels | toYaml | nindent 2 }}
{{- with merge dict (slice . 3 | first | default dict) ((index . 2).podAnnotations | default dict) }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* 5353: where OpenShift's DNS pods listen, and what its network plugin compares with. */}}
{{- define "marquee.dnsPorts" -}}
[{port: 53, protocol: UDP}, {port: 53, protocol: TCP}, {port: 5353, protocol: UDP}, {port: 5353, protocol: TCP}]
{{- end }}

{{/* (list $ image "repository by default") */}}
{{- define "marquee.image" -}}
{{- $root := first . -}}
{{- $image := index . 1 -}}
{{- $repository := $image.repository | default (last .) -}}
{{- with ($root.Values.global).imageRegistry | default $root.Values.image.registry }}{{ . | trimSuffix "/" }}/{{ end -}}
{{ $repository }}
{{- if $image.digest }}@{{ $image.digest }}
{{- else }}:{{ include "marquee.tag" (list $root $image) }}{{ end }}
{{- end }}

{{- define "marquee.tag" -}}
{{- (last .).tag | default (first .).Values.image.tag | default (first .).Chart.AppVersion }}
{{- end }}

{{/* settings: {reloadSeconds: 5} -> MARQUEE_RELOAD_SECONDS. Lists become JSON. */}}
{{- define "marquee.settings" -}}
{{- $env := list -}}
{{- range $key, $value := . -}}
{{- if kindIs "invalid" $value }}{{ continue }}{{ end -}}
{{- $text := kindIs "string" $value | ternary $value ($value | toJson) -}}
{{- $env = append $env (dict "name" (printf "MARQUEE_%s" ($key | snakecase | upper)) "value" $text) -}}
{{- end -}}
{{- with $env }}{{ toYaml . }}{{ end }}
{{- end }}

{{/* The command that makes the previous model current again: NOTES and the operator's view show it. */}}
{{- define "marquee.rollback" -}}
kubectl -n {{ .Release.Namespace }} create job --from=cronjob/{{ include "marquee.fullname" . }}-rollback back-1
{{- end }}
