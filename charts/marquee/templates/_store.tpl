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

{{/* The model that servers load unless it is the channel `current`. (list $ "version or channel") */}}
{{- define "marquee.model.env" -}}
{{- with (first .).Values.model }}
{{- $model := last $ | default .version | default .channel -}}
{{- if ne $model "current" }}
- {name: MARQUEE_MODEL, value: {{ $model | quote }}}
{{- end }}
{{- end }}
{{- end }}

{{/* Secrets and ConfigMaps of variables: the bucket's credentials, and the user's. (list $ values) */}}
{{- define "marquee.envFrom" -}}
{{- $artifacts := (first .).Values.artifacts -}}
{{- $from := list -}}
{{- if and (eq $artifacts.store "object") $artifacts.existingSecret (not $artifacts.gateway.enabled) -}}
{{- $from = append $from (dict "secretRef" (dict "name" $artifacts.existingSecret)) -}}
{{- end -}}
{{- with concat $from ((last .).extraEnvFrom | default list) }}
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
    - podSelector:
        matchLabels:
          {{- include "marquee.selectorLabels" (list $ "gateway") | nindent 10 }}
  ports: [{port: 7070, protocol: TCP}]
{{- else if not .egress -}}
# A bucket's addresses change.
- ports: [{port: 443, protocol: TCP}]
{{- if not .existingSecret }}
# Cloud identity: the metadata server (with GKE also 988), and EKS' pod identity.
- to: [{ipBlock: {cidr: 169.254.169.254/32}}, {ipBlock: {cidr: 169.254.169.252/32}}, {ipBlock: {cidr: 169.254.170.23/32}}]
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
