{{/* Labels that never change: what selectors may name. Takes root, component. */}}
{{- define "polarizer.selector" -}}
app.kubernetes.io/name: neural-polarizer-service
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "polarizer.labels" -}}
{{ include "polarizer.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
{{- end }}

{{/* Takes root, gpu. */}}
{{- define "polarizer.image" -}}
{{- $image := ternary .root.Values.gpuImage .root.Values.image .gpu -}}
{{- if $image.digest -}}
{{ $image.repository }}@{{ $image.digest }}
{{- else -}}
{{ $image.repository }}:{{ $image.tag | default .root.Chart.AppVersion }}
{{- end -}}
{{- end }}

{{/* What every pod has in common. Takes root, account, grace, and values with nodeSelector,
     tolerations and runtimeClassName where there are any. */}}
{{- define "polarizer.pod" -}}
serviceAccountName: {{ .root.Release.Name }}-{{ .account }}
automountServiceAccountToken: false
enableServiceLinks: false
terminationGracePeriodSeconds: {{ .grace }}
{{- with .root.Values.image.pullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.runtimeClassName }}
runtimeClassName: {{ . }}
{{- end }}
{{- with .values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  seccompProfile:
    {{- include "polarizer.seccomp" .root | nindent 4 }}
{{- end }}

{{- define "polarizer.seccomp" -}}
type: {{ .Values.seccomp.type }}
{{- with .Values.seccomp.localhostProfile }}
localhostProfile: {{ . }}
{{- end }}
{{- end }}

{{/* Takes root, component. */}}
{{- define "polarizer.spread" -}}
topologySpreadConstraints:
  {{- range $key, $when := dict "topology.kubernetes.io/zone" .root.Values.spread.zones "kubernetes.io/hostname" .root.Values.spread.nodes }}
  - topologyKey: {{ $key }}
    maxSkew: 1
    whenUnsatisfiable: {{ $when }}
    # A node that nobody may come to, such as one that is lost, is no place to spread to.
    nodeTaintsPolicy: Honor
    matchLabelKeys: [pod-template-hash]
    labelSelector:
      matchLabels:
        {{- include "polarizer.selector" $ | nindent 8 }}
  {{- end }}
{{- end }}

{{- define "polarizer.confined" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{/* One variable from the Secret. Takes root, name, key, optional. */}}
{{- define "polarizer.secret" -}}
- name: {{ .name }}
  valueFrom:
    secretKeyRef:
      name: {{ .root.Values.secret.name }}
      key: {{ .key }}
      {{- if .optional }}
      optional: true
      {{- end }}
{{- end }}

{{/* Credentials. Takes root, account. */}}
{{- define "polarizer.credentials" -}}
{{- $keys := .root.Values.secret.keys -}}
{{ include "polarizer.secret" (dict "root" .root "name" "POLARIZER_DATABASE_URL" "key" $keys.databaseUrl) }}
{{ include "polarizer.secret" (dict "root" .root "name" "POLARIZER_BROKER_URL" "key" $keys.brokerUrl) }}
{{- if .root.Values.store.staticKeys }}
{{ include "polarizer.secret" (dict "root" .root "name" "POLARIZER_S3_ACCESS_KEY_ID" "key" $keys.s3AccessKeyId) }}
{{ include "polarizer.secret" (dict "root" .root "name" "POLARIZER_S3_SECRET_ACCESS_KEY" "key" $keys.s3SecretAccessKey) }}
{{- end }}
{{- with include "polarizer.role" . }}
- name: AWS_ROLE_ARN
  value: {{ . }}
- name: AWS_ROLE_SESSION_NAME
  valueFrom:
    fieldRef:
      fieldPath: metadata.name
- name: AWS_WEB_IDENTITY_TOKEN_FILE
  value: /var/run/secrets/store/token
- name: AWS_DEFAULT_REGION
  value: {{ $.root.Values.store.region }}
{{- with $.root.Values.store.identity.stsEndpointUrl }}
- name: AWS_ENDPOINT_URL_STS
  value: {{ . }}
{{- end }}
{{- end }}
{{- end }}

{{/* The role of an account; empty: none. Takes root, account. */}}
{{- define "polarizer.role" -}}
{{- $identity := .root.Values.store.identity -}}
{{- if not .root.Values.store.staticKeys -}}
{{- ternary $identity.workerRoleArn $identity.apiRoleArn (eq .account "worker") -}}
{{- end -}}
{{- end }}

{{/* A computing process takes as many threads as its pod may have cores, not as its node has. */}}
{{- define "polarizer.threads" -}}
- name: OMP_NUM_THREADS
  valueFrom:
    resourceFieldRef:
      resource: limits.cpu
{{- end }}

{{/* Takes root, account, size. */}}
{{- define "polarizer.volumes" -}}
- name: data
  emptyDir:
    sizeLimit: {{ .size }}
- name: tmp
  emptyDir:
    sizeLimit: 256Mi
{{- if include "polarizer.role" . }}
- name: identity
  projected:
    sources:
      - serviceAccountToken:
          path: token
          audience: {{ .root.Values.store.identity.audience }}
          expirationSeconds: 3600
{{- end }}
{{- end }}

{{- define "polarizer.mounts" -}}
- name: data
  mountPath: /data
- name: tmp
  mountPath: /tmp
{{- if include "polarizer.role" . }}
- name: identity
  mountPath: /var/run/secrets/store
  readOnly: true
{{- end }}
{{- end }}
