{{/* The Deployment and the PodDisruptionBudget of a component: .component, .account, .arguments, .ports, .seconds. */}}
{{- define "bulkhead.deployment" -}}
{{- $values := index .root.Values .component }}
{{- $name := printf "bulkhead-%s" .component }}
{{- $selector := include "bulkhead.selectorLabels" . }}
apiVersion: apps/v1
kind: Deployment
{{ include "bulkhead.metadata" (merge (dict "name" $name) .) }}
spec:
  replicas: {{ $values.replicas }}
  revisionHistoryLimit: {{ $values.revisionHistoryLimit }}
  strategy:
    {{- toYaml $values.updateStrategy | nindent 4 }}
  selector:
    matchLabels:
      {{- $selector | nindent 6 }}
  template:
    metadata:
      labels:
        {{- include "bulkhead.labels" . | nindent 8 }}
        {{- with $values.podLabels }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      annotations:
        kubectl.kubernetes.io/default-container: bulkhead
        {{- with $values.podAnnotations }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
    spec:
      serviceAccountName: {{ .account }}
      {{- with .root.Values.imagePullSecrets }}
      imagePullSecrets:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with $values.priorityClassName }}
      priorityClassName: {{ . }}
      {{- end }}
      terminationGracePeriodSeconds: {{ .seconds }}
      {{- if $values.hostNetwork }}
      hostNetwork: true
      {{- end }}
      {{- with $values.dnsPolicy | default (ternary "ClusterFirstWithHostNet" "" $values.hostNetwork) }}
      dnsPolicy: {{ . }}
      {{- end }}
      securityContext:
        {{- toYaml $values.podSecurityContext | nindent 8 }}
      {{- with $values.nodeSelector }}
      nodeSelector:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with $values.tolerations }}
      tolerations:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      affinity:
        {{- if $values.affinity }}
        {{- toYaml $values.affinity | nindent 8 }}
        {{- else }}
        podAntiAffinity:
          preferredDuringSchedulingIgnoredDuringExecution:
            - weight: 100
              podAffinityTerm:
                topologyKey: kubernetes.io/hostname
                labelSelector:
                  matchLabels:
                    {{- $selector | nindent 20 }}
        {{- end }}
      {{- with $values.topologySpreadConstraints }}
      topologySpreadConstraints:
        {{- range . }}
        - {{ merge (dict) . (dict "labelSelector" (dict "matchLabels" (fromYaml $selector))) | toYaml | nindent 10 | trim }}
        {{- end }}
      {{- end }}
      containers:
        - name: bulkhead
          image: {{ include "bulkhead.image" .root }}
          imagePullPolicy: {{ .root.Values.image.pullPolicy }}
          args:
            - serve
            - --parts={{ .component }}
            - --namespace={{ .root.Release.Namespace }}
            - --settings-config-map={{ .root.Values.settingsConfigMap }}
            - --admin={{ .root.Values.listenAddress }}:{{ .root.Values.adminPort }}
            {{- if include "bulkhead.externalCertificates" .root }}
            - --certificates=external
            {{- end }}
            {{- range concat .arguments $values.extraArgs }}
            - {{ . | quote }}
            {{- end }}
          env:
            - { name: BULKHEAD_LOG, value: {{ .root.Values.logLevel | quote }} }
            {{- with $values.extraEnv }}
            {{- toYaml . | nindent 12 }}
            {{- end }}
          ports:
            {{- range $port, $number := .ports }}
            - { name: {{ $port }}, containerPort: {{ $number }} }
            {{- end }}
          livenessProbe:
            httpGet: { path: /healthz, port: admin }
            {{- toYaml $values.livenessProbe | nindent 12 }}
          readinessProbe:
            httpGet: { path: /readyz, port: admin }
            {{- toYaml $values.readinessProbe | nindent 12 }}
          resources:
            {{- toYaml $values.resources | nindent 12 }}
          securityContext:
            {{- toYaml $values.securityContext | nindent 12 }}
          {{- with concat (.volumeMounts | default list) $values.extraVolumeMounts }}
          volumeMounts:
            {{- toYaml . | nindent 12 }}
          {{- end }}
      {{- with concat (.volumes | default list) $values.extraVolumes }}
      volumes:
        {{- toYaml . | nindent 8 }}
      {{- end }}
{{- with $values.podDisruptionBudget }}
{{- if .enabled }}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
{{ include "bulkhead.metadata" (merge (dict "name" $name) $) }}
spec:
  selector:
    matchLabels:
      {{- $selector | nindent 6 }}
  {{- omit . "enabled" | toYaml | nindent 2 }}
{{- end }}
{{- end }}
{{- end }}
