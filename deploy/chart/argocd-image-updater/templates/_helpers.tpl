{{- define "argocd-image-updater.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/* The release's name alone where it says already what it is. 40: the longest ending follows. */}}
{{- define "argocd-image-updater.fullname" -}}
{{- $name := include "argocd-image-updater.name" . -}}
{{- $full := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) -}}
{{- default $full .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- define "argocd-image-updater.namespace" -}}
{{- default .Release.Namespace .Values.namespaceOverride -}}
{{- end -}}

{{- define "argocd-image-updater.serviceAccount" -}}
{{- $made := printf "%s-controller" (include "argocd-image-updater.fullname" .) -}}
{{- default (ternary $made "default" .Values.serviceAccount.create) .Values.serviceAccount.name -}}
{{- end -}}

{{- define "argocd-image-updater.selector" -}}
app.kubernetes.io/name: {{ include "argocd-image-updater.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "argocd-image-updater.labels" -}}
{{ include "argocd-image-updater.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: argocd-image-updater
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "argocd-image-updater.image" -}}
{{- with .Values.image.digest -}}
{{ $.Values.image.repository }}@{{ . }}
{{- else -}}
{{ .Values.image.repository }}:{{ default .Chart.AppVersion .Values.image.tag }}
{{- end -}}
{{- end -}}

{{- define "argocd-image-updater.argocdNamespace" -}}
{{- $own := include "argocd-image-updater.namespace" . -}}
{{- index .Values.config "argocd.namespace" | default .Values.config.argocd.namespace | default $own -}}
{{- end -}}

{{- define "argocd-image-updater.subjects" -}}
subjects:
- kind: ServiceAccount
  name: {{ include "argocd-image-updater.serviceAccount" . }}
  namespace: {{ include "argocd-image-updater.namespace" . }}
{{- end -}}

{{/* The rights in each watched namespace. */}}
{{- define "argocd-image-updater.managerRules" -}}
- apiGroups: [argocd-image-updater.argoproj.io]
  resources: [imageupdaters]
  verbs: [get, list, watch, patch]
- apiGroups: [argocd-image-updater.argoproj.io]
  resources: [imageupdaters/status]
  verbs: [patch]
- apiGroups: [argoproj.io]
  resources: [applications]
  verbs: [get, list, watch, patch]
- apiGroups: [""]
  resources: [events]
  verbs: [create]
- apiGroups: [""]
  resources: [secrets]
  verbs: [get]
{{- end -}}

{{/* The data of the ConfigMap, as YAML: what stands under friendly names, then keys as they are. */}}
{{- define "argocd-image-updater.configData" -}}
{{- $config := .Values.config -}}
{{- $data := dict -}}
{{- range $name, $key := dict "logLevel" "log.level" "gitCommitUser" "git.user" "gitCommitMail" "git.email" "gitCommitTemplate" "git.commit-message-template" -}}
{{- with index $config $name -}}{{- $_ := set $data $key (toString .) -}}{{- end -}}
{{- end -}}
{{- with $config.argocd.namespace -}}{{- $_ := set $data "argocd.namespace" . -}}{{- end -}}
{{- if $config.disableKubeEvents -}}{{- $_ := set $data "kube.events" "true" -}}{{- end -}}
{{- if $config.gitCommitSignOff -}}{{- $_ := set $data "git.commit-sign-off" "true" -}}{{- end -}}
{{- with $config.registries -}}{{- $_ := set $data "registries.conf" (toYaml (dict "registries" .)) -}}{{- end -}}
{{- if .Values.workloadPullSecrets.enabled -}}{{- $_ := set $data "workload-pull-secrets" "true" -}}{{- end -}}
{{- if .Values.webhook.enabled -}}
{{- $_ := set $data "webhook.enable" "true" -}}
{{- $_ := set $data "webhook.port" (toString .Values.webhook.port) -}}
{{- end -}}
{{- $named := list "name" "argocd" "logLevel" "disableKubeEvents" "gitCommitUser" "gitCommitMail" "gitCommitTemplate" "gitCommitSignOff" "registries" "sshConfig" -}}
{{- range $key, $value := $config -}}
{{- if not (or (has $key $named) (kindIs "invalid" $value)) -}}
{{- $_ := set $data $key (toString (ternary (int64 $value) $value (kindIs "float64" $value))) -}}
{{- end -}}
{{- end -}}
{{- if $data -}}{{- toYaml $data -}}{{- end -}}
{{- end -}}
