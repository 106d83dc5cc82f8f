{{- define "weir.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{- define "weir.account" -}}
{{ .Values.serviceAccount.name | default .Release.Name }}
{{- end }}

{{/* Labels of everything; (dict "top" $ "component" name). */}}
{{- define "weir.labels" -}}
{{ include "weir.selector" . }}
app.kubernetes.io/version: {{ .top.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .top.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .top.Chart.Name .top.Chart.Version }}
{{- end }}

{{- define "weir.selector" -}}
app.kubernetes.io/name: weir
app.kubernetes.io/instance: {{ .top.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{/* The configuration file: what is said by values of their own, and `config` over it. */}}
{{- define "weir.config" -}}
{{- $kafka := dict "bootstrap" .Values.kafka.bootstrap "properties" .Values.kafka.properties }}
{{- $store := dict "url" .Values.clickhouse.url "database" .Values.clickhouse.database "user" .Values.clickhouse.user }}
{{- $partitions := dict }}
{{- range $name, $count := .Values.partitions }}
{{- $_ := set $partitions $name (int $count) }}
{{- end }}
{{- $made := dict
  "log" .Values.log
  "processor" (dict "kafka" $kafka "partitions" $partitions)
  "sink" (dict "kafka" $kafka "store" $store)
  "gateway" (dict "kafka" $kafka "bind" "0.0.0.0:4318" "grpc" "0.0.0.0:4317")
  "api" (dict "kafka" $kafka "store" $store "bind" "0.0.0.0:9347")
  "notify" (dict "kafka" $kafka "routes" "/etc/weir-notify/notify.yaml") }}
{{- toYaml (mergeOverwrite $made (deepCopy .Values.config)) }}
{{- end }}

{{/* The pod of a service: (dict "top" $ "component" name "args" list "resources" r), and where it has
     them "store" (name of its section that has a store), "ports" (number by name) and "routes"
     (whether it takes the file of notify). */}}
{{- define "weir.pod" -}}
{{- $values := .top.Values -}}
metadata:
  labels:
    {{- include "weir.labels" . | nindent 4 }}
    {{- with $values.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  annotations:
    prometheus.io/scrape: "true"
    prometheus.io/port: "9464"
    checksum/config: {{ include "weir.config" .top | sha256sum }}
    {{- if .routes }}
    checksum/routes: {{ $values.notify.routes | sha256sum }}
    {{- end }}
    {{- with $values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  serviceAccountName: {{ include "weir.account" .top }}
  automountServiceAccountToken: false
  enableServiceLinks: false
  terminationGracePeriodSeconds: {{ $values.terminationGracePeriodSeconds }}
  {{- with $values.image.pullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $values.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  securityContext:
    runAsNonRoot: true
    runAsUser: 65532
    runAsGroup: 65532
    fsGroup: 65532
    seccompProfile: {type: RuntimeDefault}
  containers:
    - name: {{ .component }}
      image: {{ include "weir.image" .top }}
      imagePullPolicy: {{ $values.image.pullPolicy }}
      args:
        {{- range .args }}
        - {{ . | quote }}
        {{- end }}
        - --config=/etc/weir/weir.yaml
        - --instance=$(POD_NAME)
        - --http=0.0.0.0:9464
      env:
        - name: POD_NAME
          valueFrom: {fieldRef: {fieldPath: metadata.name}}
        {{- range $property, $key := $values.kafka.secretProperties }}
        - name: WEIR__KAFKA__PROPERTIES__{{ upper $property }}
          valueFrom: {secretKeyRef: {name: {{ $values.kafka.existingSecret }}, key: {{ $key }}}}
        {{- end }}
        {{- with .store }}
        - name: WEIR__{{ upper . }}__STORE__PASSWORD
          valueFrom:
            secretKeyRef:
              name: {{ $values.clickhouse.existingSecret }}
              key: {{ $values.clickhouse.passwordKey }}
        {{- end }}
      ports:
        - {name: metrics, containerPort: 9464}
        {{- range $name, $port := .ports }}
        - {name: {{ $name }}, containerPort: {{ $port }}}
        {{- end }}
      # A service waits for Kafka and ClickHouse as long as it takes: that is no reason to end it.
      startupProbe:
        httpGet: {path: /livez, port: metrics}
        periodSeconds: 2
        failureThreshold: 60
      livenessProbe:
        httpGet: {path: /livez, port: metrics}
        periodSeconds: 10
        timeoutSeconds: 5
        failureThreshold: 3
      readinessProbe:
        httpGet: {path: /readyz, port: metrics}
        periodSeconds: 5
        timeoutSeconds: 5
        failureThreshold: 2
      resources:
        {{- toYaml .resources | nindent 8 }}
      securityContext:
        readOnlyRootFilesystem: true
        allowPrivilegeEscalation: false
        capabilities: {drop: [ALL]}
      volumeMounts:
        - {name: config, mountPath: /etc/weir, readOnly: true}
        - {name: tmp, mountPath: /tmp}
        {{- if .routes }}
        - {name: routes, mountPath: /etc/weir-notify, readOnly: true}
        {{- end }}
  volumes:
    - name: config
      configMap: {name: {{ .top.Release.Name }}-config}
    - name: tmp
      emptyDir: {medium: Memory, sizeLimit: 64Mi}
    {{- if .routes }}
    # The file, and beside it the secrets that it names.
    - name: routes
      projected:
        sources:
          - configMap: {name: {{ .top.Release.Name }}-notify}
          {{- with $values.notify.existingSecret }}
          - secret: {name: {{ . }}}
          {{- end }}
    {{- end }}
  {{- range $key := list "nodeSelector" "tolerations" "affinity" "topologySpreadConstraints" }}
  {{- with index $values $key }}
  {{ $key }}:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- end }}
{{- end }}
