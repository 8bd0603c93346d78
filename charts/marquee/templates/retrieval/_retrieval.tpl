{{/* The components that serve retrieval, as JSON. A canary is one by itself, so that no selector of the others finds its pods. */}}
{{- define "marquee.retrieval.components" -}}
{{ .Values.retrieval.canary.enabled | ternary (list "retrieval" "retrieval-canary") (list "retrieval") | toJson }}
{{- end }}

{{/* Deployment and Service of the canary, as KServe names those of a canary `canary`. */}}
{{- define "marquee.retrieval.canary" -}}
{{ include "marquee.retrieval.name" . }}-canary-predictor
{{- end }}

{{/* (list $ component). What a canary's image leaves out is that of the others. */}}
{{- define "marquee.retrieval.image" -}}
{{- $retrieval := (first .).Values.retrieval -}}
{{- $image := $retrieval.image -}}
{{- if eq (last .) "retrieval-canary" -}}
{{- with $retrieval.canary.image -}}
{{- $image = merge (dict "repository" (.repository | default $image.repository)) (empty (or .tag .digest) | ternary $image .) -}}
{{- end -}}
{{- end -}}
{{- $default := eq $retrieval.server "kserve" | ternary "marquee-retrieval-kserve" "marquee-retrieval" -}}
{{ include "marquee.image" (list (first .) $image $default) }}
{{- end }}

{{/* The server's container, the same in both modes. (list $ "name" "where the store is mounted" component) */}}
{{- define "marquee.retrieval.container" -}}
{{- $root := first . -}}
{{- $retrieval := $root.Values.retrieval -}}
name: {{ index . 1 }}
image: {{ include "marquee.retrieval.image" (list $root (last .)) }}
imagePullPolicy: {{ $root.Values.image.pullPolicy }}
{{- $model := eq (last .) "retrieval-canary" | ternary $retrieval.canary.model "" }}
{{- include "marquee.env" (list $root $retrieval (include "marquee.server.env" (list $root $retrieval (index . 2) $model))) }}
ports:
  # The one port that is declared: KServe would show others, such as the metrics' 9090, on its Service.
  - {name: http, containerPort: 8080, protocol: TCP}
{{- /* The server is up. Whether it has a model is readiness: the first one may take training's time. */}}
{{- $attempts := div (add $retrieval.startupSeconds 1) (max 1 ($retrieval.startupProbe.periodSeconds | default 10)) | max 1 }}
startupProbe:
  {{- merge (dict "failureThreshold" ($retrieval.startupProbe.failureThreshold | default $attempts)) $retrieval.startupProbe | toYaml | nindent 2 }}
readinessProbe:
  {{- toYaml $retrieval.readinessProbe | nindent 2 }}
livenessProbe:
  {{- toYaml $retrieval.livenessProbe | nindent 2 }}
lifecycle:
  {{- include "marquee.preStop" (list $root $retrieval.preStopSeconds) | nindent 2 }}
resources:
  {{- toYaml $retrieval.resources | nindent 2 }}
securityContext:
  {{- toYaml $root.Values.securityContext | nindent 2 }}
{{- end }}

{{/* Drain, then at most 30 s for the process to end. */}}
{{- define "marquee.retrieval.grace" -}}
{{ add .Values.retrieval.preStopSeconds 30 }}
{{- end }}

{{/* What KServe loads. A model without any storage would be multi-model, with an agent beside the server. */}}
{{- define "marquee.retrieval.model" -}}
modelFormat: {name: pytorch, version: "1"}
runtime: {{ include "marquee.retrieval.name" . }}
protocolVersion: {{ .Values.retrieval.protocol }}
{{- if eq .Values.artifacts.store "object" }}
# Storage without a path: KServe fetches nothing and the server reads the bucket, so a new model needs no rollout.
storage: {}
{{- else }}
# The whole store, mounted as it is: servers follow CURRENT.json, so a new model needs no rollout. A claim is
# mounted without any storage initializer since KServe 0.16.
storageUri: pvc://{{ include "marquee.claim" . }}
{{- end }}
{{- end }}
