{{- define "bulkhead.selectorLabels" -}}
app.kubernetes.io/name: bulkhead
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- with .component }}
app.kubernetes.io/component: {{ . }}
{{- end }}
{{- end }}

{{/* Labels of an object; .component may be absent. */}}
{{- define "bulkhead.labels" -}}
{{ include "bulkhead.selectorLabels" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/part-of: bulkhead
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- with .root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* The metadata of an object: .name, and perhaps .component, .labels, .annotations, .namespace, .clusterScoped. */}}
{{- define "bulkhead.metadata" -}}
metadata:
  name: {{ .name }}
  {{- if not .clusterScoped }}
  namespace: {{ .namespace | default .root.Release.Namespace }}
  {{- end }}
  labels:
    {{- include "bulkhead.labels" . | nindent 4 }}
    {{- with .labels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- with merge (dict) (.annotations | default dict) .root.Values.commonAnnotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}

{{- define "bulkhead.image" -}}
{{- with .Values.image.registry }}{{ . }}/{{ end }}{{ .Values.image.repository }}
{{- if .Values.image.digest }}@{{ .Values.image.digest }}{{ else }}:{{ .Values.image.tag | default .Chart.AppVersion }}{{ end }}
{{- end }}

{{/* True if the controller issues no certificate. */}}
{{- define "bulkhead.externalCertificates" -}}
{{- if ne .Values.certificates.mode "selfManaged" }}true{{ end }}
{{- end }}

{{/* The objects of a generated file, with the labels of the release and its namespace. .annotations has those of the
object's name, as `Kind/name`. */}}
{{- define "bulkhead.generated" -}}
{{- $root := .root }}
{{- $namespace := printf "namespace: %s" .root.Release.Namespace }}
{{- $dns := ($root.Values.settings.network | default dict).dns | default dict }}
{{- $dnsNamespace := $dns.namespace | default (ternary "openshift-dns" "kube-system" (eq $dns.preset "OpenShift")) }}
{{- $text := .root.Files.Get .file | replace "namespace: bulkhead-system" $namespace }}
{{- $text = $text | replace "namespace: kube-system" (printf "namespace: %s" $dnsNamespace) }}
{{- range $document := regexSplit "(?m)^---\n" $text -1 }}
{{- $object := fromYaml $document }}
{{- $labels := fromYaml (include "bulkhead.labels" (dict "root" $root)) }}
{{- $annotations := get $.annotations (printf "%s/%s" $object.kind $object.metadata.name) | default dict }}
{{- $_ := set $object.metadata "labels" (merge (dict) ($object.metadata.labels | default dict) $labels) }}
{{- with merge (dict) $annotations $root.Values.commonAnnotations }}
{{- $_ := set $object.metadata "annotations" . }}
{{- end }}
{{- if and (eq $object.kind "ClusterRole") (eq $object.metadata.name "bulkhead-controller") }}
{{- range $kind := concat ($root.Values.settings.podTemplates | default list) (($root.Values.settings.platform | default dict).reservedKinds | default list) }}
{{- $_ := set $object "rules" (append $object.rules (dict "apiGroups" (list $kind.group) "resources" (list $kind.resource) "verbs" (list "list"))) }}
{{- end }}
{{- end }}
---
{{ toYaml $object }}
{{- end }}
{{- end }}
