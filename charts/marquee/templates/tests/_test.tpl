{{/* A pod of `helm test` that runs files/tests/NAME.py. (list $ "name" mounts-the-volume) */}}
{{- define "marquee.test" -}}
{{- $root := first . -}}
{{- $name := index . 1 -}}
apiVersion: v1
kind: Pod
metadata:
  {{- $tests := $root.Values.tests }}
  {{- $annotations := merge (dict "helm.sh/hook" "test" "helm.sh/hook-delete-policy" "before-hook-creation") $tests.podAnnotations }}
  {{- include "marquee.metadata" (list $root "test" (printf "%s-test-%s" (include "marquee.fullname" $root) $name) $tests.podLabels $annotations) | nindent 2 }}
spec:
  restartPolicy: Never
  activeDeadlineSeconds: 300
  {{- include "marquee.pod" (list $root $tests "test") | nindent 2 }}
  containers:
    - name: test
      image: {{ include "marquee.image" (list $root $root.Values.reranker.image "marquee-reranker") }}
      imagePullPolicy: {{ $root.Values.image.pullPolicy }}
      command: [python3, -c]
      args:
        - |
          {{- $root.Files.Get (printf "files/tests/%s.py" $name) | trim | nindent 10 }}
      {{- /* Not MARQUEE_ names: those are settings. */}}
      {{- $api := printf "http://%s-reranker:%v" (include "marquee.fullname" $root) $root.Values.reranker.service.port }}
      {{- $env := list (dict "name" "API_URL" "value" $api) (dict "name" "RETRIEVAL_URL" "value" (include "marquee.retrieval.url" $root)) }}
      {{- $env = append $env (dict "name" "STORE" "value" (include "marquee.store" (list $root "/artifacts"))) | toYaml }}
      {{- if last . }}
      {{- $env = printf "%s\n%s" $env (include "marquee.store.env" (list $root "")) }}
      {{- end }}
      {{- include "marquee.env" (list $root $tests $env) | nindent 6 }}
      resources:
        {{- toYaml $root.Values.tests.resources | nindent 8 }}
      securityContext:
        {{- toYaml $root.Values.securityContext | nindent 8 }}
      volumeMounts:
        - {name: tmp, mountPath: /tmp}
        {{- include "marquee.extraMounts" $tests | nindent 8 }}
        {{- if last . }}
        {{- include "marquee.store.mount" (list $root "read") | nindent 8 }}
        {{- end }}
  volumes:
    - name: tmp
      emptyDir: {sizeLimit: 64Mi}
    {{- include "marquee.extraVolumes" $tests | nindent 4 }}
    {{- if last . }}
    {{- include "marquee.store.volume" $root | nindent 4 }}
    {{- end }}
{{- end }}
