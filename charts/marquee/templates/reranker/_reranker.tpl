{{/* Variables of the re-ranker. */}}
{{- define "marquee.reranker.env" -}}
{{ include "marquee.server.env" (list . .Values.reranker "/artifacts" "") }}
- {name: MARQUEE_RETRIEVAL_URL, value: {{ include "marquee.retrieval.url" . | quote }}}
- {name: MARQUEE_RETRIEVAL_PROTOCOL, value: {{ .Values.retrieval.protocol }}}
- {name: MARQUEE_ROLLBACK, value: {{ include "marquee.rollback" . | quote }}}
{{- with .Values.ui.tmdb }}
{{- if .existingSecret }}
- name: MARQUEE_TMDB_KEY
  valueFrom: {secretKeyRef: {name: {{ .existingSecret | quote }}, key: {{ .key | quote }}}}
{{- end }}
{{- end }}
{{- with .Values.retrieval.canary }}
{{- if .enabled }}
- {name: MARQUEE_RETRIEVAL_CANARY_URL, value: {{ .url | default (printf "http://%s" (include "marquee.retrieval.canary" $)) | quote }}}
- {name: MARQUEE_RETRIEVAL_CANARY_SHARE, value: {{ divf .percent 100 | quote }}}
{{- end }}
{{- end }}
{{- with .Values.reranker.shadow }}
{{- if .model }}
- {name: MARQUEE_SHADOW_MODEL, value: {{ .model | quote }}}
- {name: MARQUEE_SHADOW_SHARE, value: {{ .share | quote }}}
{{- end }}
{{- end }}
{{- with .Values.reranker.items }}
{{- if .existingSecret }}
- name: MARQUEE_ITEMS_TOKEN
  valueFrom: {secretKeyRef: {name: {{ .existingSecret | quote }}, key: {{ .key | quote }}}}
{{- end }}
{{- if or .seconds .existingSecret }}
- {name: MARQUEE_ITEMS_SECONDS, value: {{ .seconds | default 0.5 | quote }}}
{{- end }}
{{- end }}
{{- with .Values.reranker.rootPath }}
- {name: MARQUEE_ROOT_PATH, value: {{ . | quote }}}
{{- end }}
{{- end }}

{{/* The path that proxies match. (list $ "path") */}}
{{- define "marquee.reranker.path" -}}
{{ last . | default (first .).Values.reranker.rootPath | default "/" }}
{{- end }}
