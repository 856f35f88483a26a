{{- define "maestro-operator.name" -}}
{{ .Chart.Name }}
{{- end }}

{{- /* The release's name; with the chart's in it, so that two charts of one release do not collide. */ -}}
{{- define "maestro-operator.fullname" -}}
{{- if contains .Chart.Name .Release.Name }}
{{- .Release.Name | trunc 63 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 63 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "maestro-operator.selectorLabels" -}}
app.kubernetes.io/name: {{ include "maestro-operator.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "maestro-operator.labels" -}}
{{ include "maestro-operator.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "maestro-operator.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "maestro-operator.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- required "serviceAccount.name is needed where serviceAccount.create is false" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "maestro-operator.image" -}}
{{ .Values.image.repository }}:{{ default .Chart.AppVersion .Values.image.tag }}{{ with .Values.image.digest }}@{{ . }}{{ end }}
{{- end }}

{{- /* What the operator may do with pairs and events, whether in one namespace or in all. */ -}}
{{- define "maestro-operator.pairRules" -}}
# spec belongs to people: `patch` is for the finalizer alone, and a ValidatingAdmissionPolicy holds it to that.
- apiGroups: [maestropair.dev]
  resources: [maestropairs]
  verbs: [get, list, watch, patch]
- apiGroups: [maestropair.dev]
  resources: [maestropairs/status]
  verbs: [update]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create]
{{- if .Values.rbac.traffic.endpointSlices }}
- apiGroups: [discovery.k8s.io]
  resources: [endpointslices]
  verbs: [get, list, create, update]
{{- end }}
{{- if .Values.rbac.traffic.externalDNS }}
- apiGroups: [externaldns.k8s.io]
  resources: [dnsendpoints]
  verbs: [get, create, update]
{{- end }}
{{- if .Values.rbac.kubevirt }}
- apiGroups: [kubevirt.io]
  resources: [virtualmachineinstances]
  verbs: [get]
- apiGroups: [kubevirt.io]
  resources: [virtualmachineinstancemigrations]
  verbs: [get, list, create]
{{- end }}
{{- end }}

{{- define "maestro-operator.subject" -}}
- kind: ServiceAccount
  name: {{ include "maestro-operator.serviceAccountName" . }}
  namespace: {{ .Release.Namespace }}
{{- end }}
