{{/* The server's container, the same in both modes. (list $ "name" "where the store is mounted") */}}
{{- define "marquee.retrieval.container" -}}
{{- $root := first . -}}
{{- $retrieval := $root.Values.retrieval -}}
name: {{ index . 1 }}
image: {{ include "marquee.retrieval.image" $root }}
imagePullPolicy: {{ $root.Values.image.pullPolicy }}
env:
  - {name: MARQUEE_ARTIFACTS_DIR, value: {{ last . }}}
  {{- with include "marquee.settings" $retrieval.settings }}
  {{- . | nindent 2 }}
  {{- end }}
  {{- with $retrieval.extraEnv }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- include "marquee.envFrom" $retrieval }}
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
