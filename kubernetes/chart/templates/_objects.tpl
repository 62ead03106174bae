{{/*
The objects of some manifests, changed as the values say. Arguments: the top, then files below manifests/.
An object that has the name of a workload that is not enabled is left out.
*/}}
{{- define "dubbo.objects" -}}
{{- $top := first . }}
{{- range $file := rest . }}
{{- range $text := regexSplit "(?m)^---$" ($top.Files.Get (printf "manifests/%s" $file)) -1 }}
{{- $object := fromYaml $text }}
{{- $own := include "dubbo.workload" (list $top $object.metadata.name) | fromYaml }}
{{- if or (not (hasKey $own "enabled")) $own.enabled }}
{{- include "dubbo.metadata" (list $top $object) }}
{{- if eq $object.kind "RoleBinding" }}
{{- $_ := set $object "subjects" (list (dict "kind" "ServiceAccount" "name" $top.Values.prometheus.serviceAccount "namespace" $top.Values.prometheus.namespace)) }}
{{- else if eq $object.kind "NetworkPolicy" }}
{{- include "dubbo.policy" (list $top $object) }}
{{- else if eq $object.kind "HorizontalPodAutoscaler" }}
{{- $scaling := $top.Values.autoscaling }}
{{- $_ := set $object.spec "minReplicas" $scaling.minReplicas }}
{{- $_ := set $object.spec "maxReplicas" $scaling.maxReplicas }}
{{- $_ := set (first $object.spec.metrics).external.target "averageValue" (toString $scaling.requestsPerSecond) }}
{{- else if has $object.kind (list "Deployment" "StatefulSet") }}
{{- include "dubbo.pods" (list $top $object $own) }}
{{- end }}
---
# {{ $file }}
{{ toYaml $object }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* The values of a workload, by the name of its objects. */}}
{{- define "dubbo.workload" -}}
{{- $values := (index . 0).Values }}
{{- get (dict "dubbo-server" $values.server "dubbo-client" $values.client "zookeeper" $values.zookeeper "pushgateway" $values.pushgateway "pgw-cleaner" $values.cleaner) (index . 1) | default dict | toYaml }}
{{- end }}

{{/* Sets an object's namespace and the label that kube-prometheus-stack selects by. */}}
{{- define "dubbo.metadata" -}}
{{- $top := index . 0 }}
{{- $metadata := (index . 1).metadata }}
{{- $_ := set $metadata "namespace" (eq $metadata.namespace "monitoring" | ternary $top.Values.prometheus.namespace $top.Release.Namespace) }}
{{- if hasKey ($metadata.labels | default dict) "release" }}
{{- $_ := unset $metadata.labels "release" }}
{{- with $top.Values.prometheus.release }}{{ $_ := set $metadata.labels "release" . }}{{ end }}
{{- end }}
{{- end }}

{{/* Admits the namespace of Prometheus where the manifests admit `monitoring`. */}}
{{- define "dubbo.policy" -}}
{{- $top := index . 0 }}
{{- range (index . 1).spec.ingress }}
{{- range .from }}
{{- with .namespaceSelector }}
{{- if .matchLabels }}
{{- $_ := set .matchLabels "kubernetes.io/metadata.name" $top.Values.prometheus.namespace }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* Sets the image, the number of pods, variables and resources of a workload. */}}
{{- define "dubbo.pods" -}}
{{- $top := index . 0 }}
{{- $spec := (index . 1).spec }}
{{- $own := index . 2 }}
{{- if hasKey $own "replicas" }}{{ $_ := set $spec "replicas" $own.replicas }}{{ end }}
{{- if and $top.Values.autoscaling.enabled (eq (index . 1).metadata.name "dubbo-server") }}{{ $_ := unset $spec "replicas" }}{{ end }}
{{- $container := first $spec.template.spec.containers }}
{{- $_ := set $container "image" $own.image }}
{{- with $own.resources }}{{ $_ := set $container "resources" . }}{{ end }}
{{- $variables := list }}
{{- range $container.env }}
{{- if eq .name "ZK_ADDRESS" }}
{{- $_ := set . "value" $top.Values.zookeeper.address }}
{{- else if eq .name "PUSHGATEWAY_URL" }}
{{- $_ := set . "value" (printf "pushgateway.%s:9091" $top.Values.prometheus.namespace) }}
{{- end }}
{{- if not (hasKey ($own.env | default dict) .name) }}{{ $variables = append $variables . }}{{ end }}
{{- end }}
{{- range $name, $value := $own.env }}
{{- $variables = append $variables (dict "name" $name "value" (toString $value)) }}
{{- end }}
{{- if $variables }}{{ $_ := set $container "env" $variables }}{{ end }}
{{- end }}
