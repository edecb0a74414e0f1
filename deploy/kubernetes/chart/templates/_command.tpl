{{/* A pod that runs one command on the database. It needs nothing else of the chart, because the
     migration runs before the rest is there. Takes root, args. */}}
{{- define "polarizer.command" -}}
restartPolicy: Never
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .root.Values.image.pullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  seccompProfile:
    {{- include "polarizer.seccomp" .root | nindent 4 }}
containers:
  - name: command
    image: {{ include "polarizer.image" (dict "root" .root "gpu" false) }}
    imagePullPolicy: {{ .root.Values.image.pullPolicy }}
    args: {{ .args }}
    env:
      {{- include "polarizer.secret" (dict "root" .root "name" "POLARIZER_DATABASE_URL" "key" .root.Values.secret.keys.databaseUrl) | nindent 6 }}
    resources:
      {{- toYaml .root.Values.migration.resources | nindent 6 }}
    securityContext:
      {{- include "polarizer.confined" . | nindent 6 }}
    volumeMounts:
      - name: data
        mountPath: /data
      - name: tmp
        mountPath: /tmp
volumes:
  - name: data
    emptyDir:
      sizeLimit: 64Mi
  - name: tmp
    emptyDir:
      sizeLimit: 64Mi
{{- end }}
