{{/* A list of rules, which may be empty. (list "egress" "rules as YAML"...) */}}
{{- define "marquee.rules" -}}
{{ dict (first .) (rest . | join "\n" | fromYamlArray) | toYaml }}
{{- end }}

{{/* Whom a NetworkPolicy is for. (list $ "component") */}}
{{- define "marquee.policy" -}}
podSelector:
  matchLabels:
    {{- include "marquee.selectorLabels" . | nindent 4 }}
policyTypes: [Ingress, Egress]
{{- end }}

{{/* Pods of this release as peers. (list $ "component"...) */}}
{{- define "marquee.peers" -}}
{{- $root := first . -}}
{{- range rest . }}
- podSelector:
    matchLabels:
      {{- include "marquee.selectorLabels" (list $root .) | nindent 6 }}
{{- end }}
{{- end }}

{{/* Ports of pods, and those that proxies of a mesh use between them: Istio's ambient mode (HBONE), Linkerd's opaque transport.
(list $ port...) */}}
{{- define "marquee.ports" -}}
{{- $ports := concat (rest .) (dict "istio" (list 15008) "linkerd" (list 4143) | dig (first .).Values.networkPolicy.mesh list) -}}
[{{ range $index, $port := $ports }}{{ if $index }}, {{ end }}{port: {{ $port }}, protocol: TCP}{{ end }}]
{{- end }}

{{/* Ingress rules of all policies: (list $ has-metrics). Probes come from the node, which policies don't hold back; in Istio's
ambient mode they come from an address of its own. */}}
{{- define "marquee.policy.ingress" -}}
{{- with (first .).Values.networkPolicy }}
{{- $proxies := dict "istio" (list 15020 15090) "linkerd" (list 4191) | dig .mesh list }}
{{- if or (last $) $proxies }}
- from:
    {{- toYaml .metricsFrom | nindent 4 }}
  ports: {{ include "marquee.ports" (concat (list (first $)) (last $ | ternary (list 9090) list) $proxies) }}
{{- end }}
{{- if eq .mesh "istio" }}
- from: [{ipBlock: {cidr: 169.254.7.127/32}}, {ipBlock: {cidr: "fd16:9254:7127:1337:ffff:ffff:ffff:ffff/128"}}]
{{- end }}
{{- with .extraIngress }}
{{ toYaml . }}
{{- end }}
{{- end }}
{{- end }}

{{/* Egress rules of all policies: to a mesh's control plane, with the names that it is found by. */}}
{{- define "marquee.policy.egress" -}}
{{- with .Values.networkPolicy }}
{{- with dict "istio" (list 15012) "linkerd" (list 8080 8086 8090) | dig .mesh list }}
- ports: {{ include "marquee.dnsPorts" $ }}
- to: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: {{ eq $.Values.networkPolicy.mesh "istio" | ternary "istio-system" "linkerd" }}}}}]
  ports: [{{ range $index, $port := . }}{{ if $index }}, {{ end }}{port: {{ $port }}, protocol: TCP}{{ end }}]
{{- end }}
{{- with .extraEgress }}
{{ toYaml . }}
{{- end }}
{{- end }}
{{- end }}
