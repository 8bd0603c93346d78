{{/* A pod of `helm test` that runs files/tests/NAME.py. (list $ "name" mounts-the-volume) */}}
{{- define "marquee.test" -}}
{{- $root := first . -}}
{{- $name := index . 1 -}}
apiVersion: v1
kind: Pod
metadata:
  name: {{ include "marquee.fullname" $root }}-test-{{ $name }}
  namespace: {{ $root.Release.Namespace | quote }}
  labels:
    {{- include "marquee.labels" (list $root "test") | nindent 4 }}
  annotations:
    helm.sh/hook: test
    helm.sh/hook-delete-policy: before-hook-creation
spec:
  restartPolicy: Never
  activeDeadlineSeconds: 300
  {{- include "marquee.pod" (list $root $root.Values.reranker "test") | nindent 2 }}
  containers:
    - name: test
      image: {{ include "marquee.image" (list $root $root.Values.reranker.image "marquee-reranker") }}
      imagePullPolicy: {{ $root.Values.image.pullPolicy }}
      command: [python3, -c]
      args:
        - |
          {{- $root.Files.Get (printf "files/tests/%s.py" $name) | trim | nindent 10 }}
      env:
        # Not MARQUEE_ names: those are settings.
        - {name: API_URL, value: "http://{{ include "marquee.fullname" $root }}-reranker:{{ $root.Values.reranker.service.port }}"}
        - {name: RETRIEVAL_URL, value: {{ include "marquee.retrieval.url" $root | quote }}}
        - {name: STORE, value: {{ include "marquee.store" (list $root "/artifacts") }}}
        {{- if last . }}
        {{- include "marquee.store.env" (list $root "") | nindent 8 }}
      {{- include "marquee.envFrom" (list $root dict) | nindent 6 }}
        {{- end }}
      resources:
        {{- toYaml $root.Values.tests.resources | nindent 8 }}
      securityContext:
        {{- toYaml $root.Values.securityContext | nindent 8 }}
      volumeMounts:
        - {name: tmp, mountPath: /tmp}
        {{- if last . }}
        {{- include "marquee.store.mount" (list $root "read") | nindent 8 }}
        {{- end }}
  volumes:
    - name: tmp
      emptyDir: {sizeLimit: 64Mi}
    {{- if last . }}
    {{- include "marquee.store.volume" $root | nindent 4 }}
    {{- end }}
{{- end }}
