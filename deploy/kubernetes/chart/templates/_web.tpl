{{/* A Deployment of the process that answers HTTP. Takes root, component, values. */}}
{{- define "polarizer.web" -}}
{{- $root := .root -}}
{{- $account := dict "root" .root "account" "api" -}}
{{- $preStop := 10 -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ $root.Release.Name }}-{{ .component }}
  labels:
    {{- include "polarizer.labels" . | nindent 4 }}
spec:
  {{- if not .values.autoscaling.enabled }}
  replicas: {{ .values.replicas }}
  {{- end }}
  strategy:
    rollingUpdate:
      maxSurge: 1
      maxUnavailable: 0
  selector:
    matchLabels:
      {{- include "polarizer.selector" . | nindent 6 }}
  template:
    metadata:
      labels:
        {{- include "polarizer.selector" . | nindent 8 }}
      annotations:
        checksum/settings: {{ include (print $root.Template.BasePath "/settings.yaml") $root | sha256sum }}
    spec:
      # Sleep, running requests, what the service itself puts away, and some more.
      {{- include "polarizer.pod" (dict "root" $root "account" "api" "values" .values "grace" (add $preStop (mul 2 .values.shutdownSeconds) 10)) | nindent 6 }}
      {{- include "polarizer.spread" . | nindent 6 }}
      containers:
        - name: {{ .component }}
          image: {{ include "polarizer.image" (dict "root" $root "gpu" .values.gpu) }}
          imagePullPolicy: {{ $root.Values.image.pullPolicy }}
          args: [python, -m, service, api]
          ports:
            - name: http
              containerPort: 8000
          envFrom:
            - configMapRef:
                name: {{ $root.Release.Name }}-settings
          env:
            {{- include "polarizer.credentials" $account | nindent 12 }}
            {{- include "polarizer.secret" (dict "root" $root "name" "POLARIZER_WEBHOOK_KEY" "key" $root.Values.secret.keys.webhookKey "optional" true) | nindent 12 }}
            {{- include "polarizer.threads" . | nindent 12 }}
            - name: POLARIZER_SHUTDOWN_SECONDS
              value: {{ .values.shutdownSeconds | quote }}
            - name: POLARIZER_DEVICE
              value: {{ ternary "cuda" "cpu" .values.gpu }}
            {{- if $root.Values.traces.endpoint }}
            - name: OTEL_SERVICE_NAME
              value: polarizer-{{ .component }}
            {{- end }}
            {{- with .values.modelBytes }}
            - name: POLARIZER_ENGINE_MODEL_BYTES
              value: {{ . | int64 | quote }}
            {{- end }}
            {{- with .values.preload }}
            - name: POLARIZER_ENGINE_PRELOAD
              value: {{ join "," . | quote }}
            {{- end }}
            {{- range $name, $value := .values.env }}
            - name: {{ $name }}
              value: {{ $value | quote }}
            {{- end }}
          # Whoever cannot reach database, store and broker is never started, and a rollout stops
          # there. Later only the process itself is asked: were their absence to count, all pods
          # would leave the Service at once, and callers would hear nothing instead of 503 with
          # Retry-After, or 202 while only the broker is away.
          startupProbe:
            httpGet: {path: /readyz, port: http}
            periodSeconds: 5
            timeoutSeconds: 6
            failureThreshold: 60
          readinessProbe:
            httpGet: {path: /healthz, port: http}
            periodSeconds: 5
            timeoutSeconds: 3
            failureThreshold: 2
          livenessProbe:
            httpGet: {path: /healthz, port: http}
            periodSeconds: 15
            timeoutSeconds: 10
            failureThreshold: 4
          lifecycle:
            # New requests come until every node has heard that this pod is leaving.
            preStop:
              sleep:
                seconds: {{ $preStop }}
          resources:
            {{- toYaml .values.resources | nindent 12 }}
          securityContext:
            {{- include "polarizer.confined" . | nindent 12 }}
          volumeMounts:
            {{- include "polarizer.mounts" $account | nindent 12 }}
      volumes:
        {{- include "polarizer.volumes" (merge (dict "size" .values.dataSize) $account) | nindent 8 }}
{{- end }}

{{/* Takes root, component. */}}
{{- define "polarizer.service" -}}
apiVersion: v1
kind: Service
metadata:
  name: {{ .root.Release.Name }}-{{ .component }}
  labels:
    {{- include "polarizer.labels" . | nindent 4 }}
spec:
  selector:
    {{- include "polarizer.selector" . | nindent 4 }}
  ports:
    - name: http
      port: 80
      targetPort: http
{{- end }}

{{/* One pod of a kind may be away at a time; one that is broken never stands in the way. */}}
{{- define "polarizer.budget" -}}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ .root.Release.Name }}-{{ .component }}
  labels:
    {{- include "polarizer.labels" . | nindent 4 }}
spec:
  maxUnavailable: 1
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels:
      {{- include "polarizer.selector" . | nindent 6 }}
{{- end }}
