{{/* Values that are well-formed each, but do not go together. */}}
{{- define "websub.check" -}}
{{- $dispatcher := .Values.dispatcher -}}
{{- if and $dispatcher.autoscaling.enabled $dispatcher.keda.enabled -}}
{{- fail "dispatcher.autoscaling and dispatcher.keda are both enabled: two controllers would fight over the replicas" -}}
{{- end -}}

{{- $exposed := or .Values.ingress.enabled .Values.httpRoute.enabled (ne .Values.hub.service.type "ClusterIP") -}}
{{- if and $exposed (include "websub.open" .) (not .Values.exposeWithoutAuthentication) -}}
{{- fail "config.auth.mode is \"none\", and the hub would be reachable from outside of the cluster: everybody could do everything. Set config.auth.mode (docs/security.md), or exposeWithoutAuthentication if that is what you want" -}}
{{- end -}}

{{- /* A hub lets requests wait for Kafka and for its view when it stops, then flushes its producers. */ -}}
{{- $config := .Values.config -}}
{{- $wait := include "websub.seconds" (dig "kafka" "produce_timeout" "5s" $config) -}}
{{- $view := include "websub.seconds" (dig "hub" "view_timeout" "5s" $config) -}}
{{- $hub := addf .Values.hub.preStopSeconds $wait $view 5 | int -}}
{{- if lt (int .Values.hub.terminationGracePeriodSeconds) $hub -}}
{{- fail (printf "hub.terminationGracePeriodSeconds: a hub may need %d seconds to stop (preStopSeconds, kafka.produce_timeout, hub.view_timeout, and 5)" $hub) -}}
{{- end -}}

{{- /* A dispatcher finishes what is under way, hands its shards over and leaves the group. */ -}}
{{- $grace := addf (include "websub.seconds" (dig "dispatcher" "shutdown_grace" "10s" $config)) 15 | int -}}
{{- if lt (int $dispatcher.terminationGracePeriodSeconds) $grace -}}
{{- fail (printf "dispatcher.terminationGracePeriodSeconds: a dispatcher may need %d seconds to stop (dispatcher.shutdown_grace, and 15)" $grace) -}}
{{- end -}}
{{- end -}}
