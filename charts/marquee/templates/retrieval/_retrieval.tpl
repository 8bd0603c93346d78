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
env:
  {{- include "marquee.store.env" (list $root (index . 2)) | nindent 2 }}
  {{- include "marquee.model.env" (list $root (eq (last .) "retrieval-canary" | ternary $retrieval.canary.model "")) | nindent 2 }}
  {{- with include "marquee.settings" $retrieval.settings }}
  {{- . | nindent 2 }}
  {{- end }}
  {{- with $retrieval.extraEnv }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- include "marquee.envFrom" (list $root $retrieval) }}
ports:
  # The one port that is declared: KServe would show others, such as the metrics' 9090, on its Service.
  - {name: http, containerPort: 8080, protocol: TCP}
# The server is up. Whether it has a model is readiness: the first one may take training's time.
startupProbe:
  httpGet: {path: /ping, port: 8080}
  periodSeconds: 2
  timeoutSeconds: 3
  failureThreshold: {{ div (add $retrieval.startupSeconds 1) 2 }}
# A real search; TorchServe's /ping says healthy while nothing is loaded yet.
readinessProbe:
  httpGet: {path: /predictions/two_tower, port: 8080}
  periodSeconds: 5
  timeoutSeconds: 2
  failureThreshold: 3
# Never a search, which could wait in the queue behind others.
livenessProbe:
  httpGet: {path: /ping, port: 8080}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
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
