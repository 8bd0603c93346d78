{{/* The values without nulls and with what components share, made once: every template begins with this. An absent value is
its default: users write null, --reuse-values of an older chart leaves out whole sections, and Helm drops both. */}}
{{- define "marquee.values" -}}
{{- if not (hasKey .Values "complete") -}}
{{- /* A copy: Helm keeps the chart's defaults for --reuse-values. */ -}}
{{- $values := deepCopy .Values -}}
{{- $defaults := .Files.Get "files/defaults.yaml" | fromYaml -}}
{{- include "marquee.fill" (list $values $defaults) -}}
{{- range $component := list $values.training $values.rollback $values.retrieval $values.reranker $values.tests $values.artifacts.gateway -}}
{{- include "marquee.share" (list $component $values.pods $defaults.pods) -}}
{{- end -}}
{{- /* These were merged with those of all pods, so that what is empty here is empty there. */ -}}
{{- range $key := list "nodeSelector" "tolerations" "affinity" "priorityClassName" "dnsPolicy" "dnsConfig" "hostAliases" -}}
{{- range $component := list $values.rollback $values.tests -}}
{{- if eq (toJson (index $component $key)) (toJson (index $values.pods $key)) -}}
{{- $_ := set $component $key (index $values.reranker $key) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- include "marquee.share" (list $values.reranker.service $values.services $defaults.services) -}}
{{- range $key, $value := set $values "complete" true -}}
{{- $_ := set $.Values $key $value -}}
{{- end -}}
{{- end -}}
{{- end }}

{{/* Defaults for what is absent. (list values defaults) Absent resources and labels stay absent, and a probe has one handler. */}}
{{- define "marquee.fill" -}}
{{- $values := first . -}}
{{- $other := or $values.exec $values.tcpSocket $values.grpc -}}
{{- if $other }}{{ $_ := unset $values "httpGet" }}{{ end -}}
{{- range $key, $default := empty $other | ternary (last .) (omit (last .) "httpGet") -}}
{{- $value := index $values $key -}}
{{- if kindIs "invalid" $value -}}
{{- if not (has $key (list "replicas" "runAsUser" "runAsGroup" "fsGroup")) -}}
{{- $_ := set $values $key $default -}}
{{- end -}}
{{- else if and (kindIs "map" $value) (kindIs "map" $default) (not (has $key (list "resources" "waitForModelResources" "labels"))) -}}
{{- include "marquee.fill" (list $value $default) -}}
{{- end -}}
{{- end -}}
{{- end }}

{{/* What all have, for one that may have its own. (list its all's defaults) */}}
{{- define "marquee.share" -}}
{{- $own := first . -}}
{{- $shared := index . 1 -}}
{{- range $key, $default := last . -}}
{{- $value := index $own $key -}}
{{- $all := index $shared $key -}}
{{- if kindIs "map" $default -}}
{{- $_ := set $own $key (merge dict ($value | default dict) $all) -}}
{{- else if kindIs "slice" $default -}}
{{- $_ := set $own $key (include "marquee.unique" (concat $all ($value | default list)) | fromJsonArray) -}}
{{- else -}}
{{- $_ := set $own $key ($value | default $all) -}}
{{- end -}}
{{- end -}}
{{- end }}

{{/* A list, as JSON, where of one name the last counts: server-side apply refuses a name that is there twice. */}}
{{- define "marquee.unique" -}}
{{- $names := dict -}}
{{- $found := list -}}
{{- range reverse . -}}
{{- $name := or (and (kindIs "map" .) (or .mountPath .name)) (toJson .) -}}
{{- if not (hasKey $names $name) -}}
{{- $found = prepend $found . -}}
{{- $_ := set $names $name true -}}
{{- end -}}
{{- end -}}
{{ toJson $found }}
{{- end }}
