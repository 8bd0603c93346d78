{{- define "marquee.training.image" -}}
{{ include "marquee.image" (list . .Values.training.image "marquee-training") }}
{{- end }}

{{/* A Job can't be changed, so its name tells what it runs: the version, and a hash of its whole pod. A TrainJob fixes more, and
its pods' names, <name>-node-0-<index>-<5 characters>, are longer: 47 are left for its own; the hash keeps it apart. */}}
{{- define "marquee.training.name" -}}
{{- $version := .Values.training.image.digest | trimPrefix "sha256:" | default (include "marquee.tag" (list . .Values.training.image)) -}}
{{- $slug := $version | lower | replace "." "-" | replace "_" "-" | trunc 10 | trimSuffix "-" -}}
{{- $fixed := printf "%s %s %v" .Values.training.backend (include "marquee.training.podTemplate" (list . "NAME")) .Values.training.nodes -}}
{{- $name := printf "%s-train-%s" (include "marquee.training.prefix" .) $slug -}}
{{- if eq .Values.training.backend "trainjob" -}}
{{- $fixed = printf "%s %s %v" $fixed .Values.training.trainRuntime (int64 .Values.training.activeDeadlineSeconds) -}}
{{- $name = trunc 38 $name | trimSuffix "-" -}}
{{- end -}}
{{ $name }}-{{ $fixed | sha256sum | trunc 8 }}
{{- end }}

{{/* What the names of all its Jobs begin with. */}}
{{- define "marquee.training.prefix" -}}
{{- $full := include "marquee.fullname" . -}}
{{- eq .Values.training.backend "trainjob" | ternary (trunc 31 $full | trimSuffix "-") $full -}}
{{- end }}

{{/* The arguments of `marquee`. */}}
{{- define "marquee.training.args" -}}
{{- $training := .Values.training -}}
- train
- --store={{ include "marquee.store" (list . "/artifacts") }}
{{- if ne $training.channel "current" }}
- --channel={{ $training.channel }}
{{- end }}
{{- if not $training.data.allowSynthetic }}
- --real-only
{{- end }}
- --config={{ empty $training.configToml | ternary $training.config "/config/training.toml" }}
{{- with $training.data.dataset }}
- --dataset={{ . }}
{{- end }}
{{- if $training.force }}
- --force
{{- end }}
{{- with $training.extraArgs }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Where training finds the ratings: the address of a bucket, or /data, which is mounted or unpacked; empty: GroupLens. */}}
{{- define "marquee.training.dataDir" -}}
{{- with .Values.training.data -}}
{{- if and .url (not (hasPrefix "http" .url)) }}{{ .url }}{{ else if or .existingClaim .url .existingSecret .custom }}/data{{ end }}
{{- end -}}
{{- end }}

{{/* `marquee train`, or torchrun around it. (list $ name-of-the-job) */}}
{{- define "marquee.training.command" -}}
{{- $root := first . -}}
{{- $backend := $root.Values.training.backend -}}
{{- if eq $backend "job" -}}
args:
  {{- include "marquee.training.args" $root | nindent 2 }}
{{- else -}}
command:
  - python3
  - -m
  - torch.distributed.run
  {{- if eq $backend "torchrun" }}
  - --nnodes={{ $root.Values.training.nodes }}
  - --nproc-per-node=1
  - --node-rank=$(JOB_COMPLETION_INDEX)
  - --master-addr={{ last . }}-0.{{ include "marquee.fullname" $root }}-train
  - --master-port=29500
  {{- end }}
  # The program marquee, not a Python file.
  - --no-python
  - marquee
  {{- include "marquee.training.args" $root | nindent 2 }}
{{- end -}}
{{- end }}

{{- define "marquee.training.env" -}}
{{- include "marquee.store.env" (list . "") }}
{{- with include "marquee.training.dataDir" . }}
- {name: MARQUEE_DATA_DIR, value: {{ . | quote }}}
{{ end }}
{{- end }}

{{/* The pod of every backend. (list $ name-of-the-job) */}}
{{- define "marquee.training.podTemplate" -}}
{{- $root := first . -}}
{{- $training := $root.Values.training -}}
{{- $data := $training.data -}}
{{- $fetches := or (hasPrefix "http" $data.url) $data.existingSecret -}}
metadata:
  {{- $run := empty $training.runId | not | ternary (dict "marquee/run" $training.runId) dict }}
  {{- $config := empty $training.configToml | not | ternary (dict "marquee/config" (sha256sum $training.configToml)) dict }}
  {{- include "marquee.podMetadata" (list $root "training" $training (merge $run $config)) | nindent 2 }}
spec:
  restartPolicy: Never
  {{- include "marquee.pod" (list $root $training "training") | nindent 2 }}
  {{- if eq $training.backend "torchrun" }}
  # Gives <job>-<index> a host name.
  subdomain: {{ include "marquee.fullname" $root }}-train
  {{- end }}
  {{- if or $fetches $training.extraInitContainers }}
  initContainers:
  {{- end }}
  {{- if $fetches }}
    - name: fetch-data
      image: {{ include "marquee.training.image" $root }}
      imagePullPolicy: {{ $root.Values.image.pullPolicy }}
      command: [python3, -c]
      args:
        - |
          {{- $root.Files.Get "files/fetch_data.py" | trim | nindent 10 }}
      {{- $url := empty $data.url | ternary (dict "valueFrom" (dict "secretKeyRef" (dict "name" $data.existingSecret "key" "url"))) (dict "value" $data.url) }}
      {{- $env := list (set $url "name" "DATA_URL") (dict "name" "DATA_SHA256" "value" $data.sha256) }}
      {{- /* A proxy, a CA: fetching needs them most. */}}
      {{- include "marquee.env" (list $root $training (toYaml $env)) | nindent 6 }}
      resources:
        {{- toYaml $training.resources | nindent 8 }}
      securityContext:
        {{- toYaml $root.Values.securityContext | nindent 8 }}
      volumeMounts:
        - {name: data, mountPath: /data}
        - {name: tmp, mountPath: /tmp}
        {{- include "marquee.extraMounts" $training | nindent 8 }}
  {{- end }}
  {{- with $training.extraInitContainers }}
    {{- toYaml . | nindent 4 }}
  {{- end }}
  containers:
    - name: train
      image: {{ include "marquee.training.image" $root }}
      imagePullPolicy: {{ $root.Values.image.pullPolicy }}
      {{- include "marquee.training.command" . | nindent 6 }}
      {{- include "marquee.env" (list $root $training (include "marquee.training.env" $root)) | nindent 6 }}
      resources:
        {{- toYaml $training.resources | nindent 8 }}
      securityContext:
        {{- toYaml $root.Values.securityContext | nindent 8 }}
      volumeMounts:
        {{- include "marquee.store.mount" (list $root "write") | nindent 8 }}
        - {name: tmp, mountPath: /tmp}
        {{- if $data.existingClaim }}
        - name: data
          mountPath: /data
          readOnly: true
          {{- with $data.subPath }}
          subPath: {{ . | quote }}
          {{- end }}
        {{- else if or $fetches $data.custom }}
        - {name: data, mountPath: /data, readOnly: true}
        {{- end }}
        {{- if $training.configToml }}
        - {name: config, mountPath: /config, readOnly: true}
        {{- end }}
        {{- include "marquee.extraMounts" $training | nindent 8 }}
  volumes:
    {{- include "marquee.store.volume" $root | nindent 4 }}
    - name: tmp
      emptyDir: {sizeLimit: {{ $training.scratchSize }}}
    {{- if $data.existingClaim }}
    - name: data
      persistentVolumeClaim: {claimName: {{ $data.existingClaim | quote }}, readOnly: true}
    {{- else if or $fetches $data.custom }}
    - name: data
      emptyDir: {sizeLimit: {{ $training.scratchSize }}}
    {{- end }}
    {{- if $training.configToml }}
    - name: config
      configMap: {name: {{ include "marquee.fullname" $root }}-train}
    {{- end }}
    {{- include "marquee.extraVolumes" $training | nindent 4 }}
{{- end }}

{{/* What Jobs share: a node's drain isn't a failure; bad data, a bad configuration, a refused model fail at once. */}}
{{- define "marquee.training.jobPolicy" -}}
# Where one pod of torchrun fails, all do.
backoffLimit: {{ mul .Values.training.backoffLimit (eq .Values.training.backend "torchrun" | ternary .Values.training.nodes 1) }}
activeDeadlineSeconds: {{ int64 .Values.training.activeDeadlineSeconds }}
# Never two writers.
podReplacementPolicy: Failed
podFailurePolicy:
  rules:
    - action: Ignore
      onPodConditions: [{type: DisruptionTarget, status: "True"}]
    # 2: option, setting or configuration. 3: data. 4: a damaged store. 5: worse than what it would replace. 6: a store
    # that is full, read-only, refuses access or lacks what publishing needs.
    - action: FailJob
      onExitCodes: {operator: In, values: [2, 3, 4, 5, 6]}
{{- end }}
