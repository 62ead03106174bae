// Alerts on everything around the calls: the registry, the processes, and the way of the figures to Prometheus.
(import 'config.libsonnet') + {
  local config = $._config,
  local promql = (import 'promql.libsonnet')(config),
  local alert = (import 'alert.libsonnet')(config).alert,

  local join(labels) = std.join(', ', labels),
  local instance = join(promql.instanceLabels),
  local application = join(promql.applicationLabels),
  // A counter of failures that goes on growing, and not one that grew once: what happened during an outage is counted when it is over.
  local growing(counter, times) = |||
    changes(%(counter)s[5m]) >= %(times)d
    and
    %(counter)s > %(counter)s offset 2m
  ||| % { counter: counter, times: times },
  // Jobs without any server: discovery forgets those that are gone, all of them at once where a name is no longer resolved.
  local gone(servers) = |||
    group by (%(labels)s) (last_over_time(%(servers)s[%(within)s])) * 0
    unless on (%(labels)s) %(servers)s
  ||| % { servers: servers, labels: join(promql.jobLabels), within: config.goneWithin },
  local down(servers) = 'up{%s} == 0\nor\n%s' % [servers, gone('up{%s}' % servers)],
  local notAnswering = '{{ with $labels.instance }}{{ . }} does not answer{{ else }}Job {{ $labels.job }} has no target any more{{ end }}',
  local running = 'dubbo:application_processes',
  local process = '{{ $labels.instance }} of {{ $labels.application_name }}',

  prometheusAlerts+:: {
    groups+: [
      {
        name: 'dubbo-registry',
        rules: [
          // A consumer that calls nothing, or has ended, misses nothing; a provider may be in another cluster. What a consumer has in its directory
          // is there, when the figures of providers can't arrive.
          alert('DubboNoProvider',
                'critical',
                '1m',
                |||
                  %s > 0
                  and on (%s)
                  dubbo:interface_processes{side="consumer"}
                  unless on (interface)
                  dubbo:interface_processes{side="provider"}
                  unless on (%s)
                  (dubbo:directory_valid_providers > 0 and on (%s) dubbo:gateway_silent)
                ||| % [
                  promql.sum(promql.serviceLabels, 'dubbo:method_requests:rate5m{side="consumer",interface!="other"}'),
                  join(promql.serviceLabels),
                  join(promql.serviceLabels),
                  join(config.clusterLabels),
                ],
                'An interface that is called has no provider.',
                '{{ $labels.application_name }} calls {{ $labels.interface }} {{ $value | humanize }} times a second, and no provider of it reports metrics.'),
          alert('DubboDirectoryEmpty',
                'critical',
                '1m',
                'dubbo:directory_valid_providers == 0',
                'A consumer knows no provider to call.',
                process + ' has no valid provider{{ with $labels.interface }} of {{ . }}{{ end }} in its directory.'),
          alert('DubboRegistryDisconnected',
                'warning',
                '1m',
                'dubbo:registry_connected == 0',
                'A process has lost ZooKeeper.',
                process + ' has no session with ZooKeeper; it works on with what it knows.'),
          alert('DubboRegistrationFailing',
                'warning',
                '1m',
                growing('dubbo:registrations_failed', 2),
                'A provider can not register.',
                process + ' fails to register again and again.'),
          alert('DubboZooKeeperDown',
                'warning',
                '1m',
                'dubbo:zookeeper_serving == 0',
                'A ZooKeeper server does not serve clients.',
                '{{ $labels.instance }} of job {{ $labels.job }} does not answer on its metrics port, or has no majority of the servers around it.',
                ours=false),
          alert('DubboZooKeeperNoQuorum',
                'critical',
                '1m',
                |||
                  sum by (%(labels)s) (dubbo:zookeeper_serving) * 2
                  <=
                  count by (%(labels)s) (dubbo:zookeeper_serving)
                  or
                ||| % { labels: join(promql.jobLabels) } + gone('dubbo:zookeeper_serving'),
                'ZooKeeper has no majority.',
                'At most half of the servers of job {{ $labels.job }} serve clients: nothing can register, and no change of providers is seen.',
                ours=false),
        ],
      },
      {
        name: 'dubbo-process-alerts',
        rules: [
          alert('DubboApplicationGone',
                'critical',
                '2m',
                |||
                  max_over_time(%(running)s{application_name!~"%(batch)s"}[%(within)s])
                  unless on (%(labels)s)
                  %(running)s
                  unless on (%(labels)s)
                  (
                    max_over_time(dubbo:application_finished_timestamp_seconds[%(within)s])
                    unless on (%(labels)s)
                    max_over_time(dubbo:application_running_timestamp_seconds[%(within)s])
                    > on (%(labels)s)
                    max_over_time(dubbo:application_finished_timestamp_seconds[%(within)s])
                  )
                  unless on (%(labels)s)
                  dubbo:application_unseen
                ||| % { running: running, batch: config.batchApplications, within: config.goneWithin, labels: application },
                'An application is gone.',
                '{{ $labels.application_name }} had {{ $value }} processes within the last %s, and none reports metrics now.' % config.goneWithin),
          alert('DubboWorkersSaturated',
                'warning',
                '10m',
                'dubbo:workers_busy / dubbo:workers >= %s' % promql.number(config.saturationRatio),
                'The worker threads of a process are busy all the time.',
                '{{ $labels.instance }} of job {{ $labels.job }}: {{ $value | humanizePercentage }} of the worker threads are busy.'),
          alert('DubboDescriptorsExhausted',
                'warning',
                '5m',
                'dubbo:process_open_fds / dubbo:process_max_fds > %s' % promql.number(config.descriptorsRatio),
                'A process runs out of file descriptors.',
                '{{ $labels.instance }} of job {{ $labels.job }} has {{ $value | humanizePercentage }} of its file descriptors open.'),
          // A start is seen as another start time of an instance, or, where each start is an instance of its own, as one more instance.
          alert('DubboRestartLoop',
                'warning',
                '0m',
                |||
                  (
                    (
                      sum by (%(labels)s) (dubbo:process_up * on (%(instance)s) group_left () changes(dubbo:process_start_time_seconds[15m]))
                      or on (%(labels)s)
                      %(running)s * 0
                    )
                    + on (%(labels)s)
                    count by (%(labels)s) (count_over_time(dubbo:process_up[15m]))
                    - on (%(labels)s)
                    %(running)s
                  )
                  > on (%(labels)s)
                  %(limit)s * %(running)s
                ||| % { labels: application, instance: instance, running: running, limit: promql.number(config.restartsLimit) },
                'The processes of an application start again and again.',
                '{{ $labels.application_name }} had {{ $value }} starts in 15 minutes.'),
          alert('DubboSeriesFolded',
                'info',
                '15m',
                'dubbo:requests_folded:rate5m > 0',
                'Calls are counted on series that methods share.',
                '{{ $labels.instance }} of job {{ $labels.job }} counts {{ $value | humanize }} calls a second without their own method.'),
        ],
      },
      {
        name: 'dubbo-collection',
        rules: [
          alert('DubboPushStale',
                'warning',
                '1m',
                |||
                  dubbo:figures_age_seconds
                  and on (%(instance)s)
                  dubbo:push_stale
                  unless on (%(instance)s)
                  dubbo:push_final == 1
                ||| % { instance: instance },
                'A group in the Pushgateway is no longer pushed to.',
                'Job {{ $labels.job }}, instance {{ $labels.instance }}, has not pushed for {{ $value | humanizeDuration }}: its process was killed, or can not reach the gateway.'),
          alert('DubboPushFailing',
                'warning',
                '1m',
                promql.by('max', promql.instanceLabels, '\n' + growing('dubbo:pushes_failed', 3) + |||
                  or
                  %(ours)s
                  and
                  push_failure_time_seconds > push_time_seconds
                  unless
                  push_failure_time_seconds == push_failure_time_seconds offset %(stale)ds
                ||| % { ours: promql.ours('push_failure_time_seconds'), stale: config.staleSeconds }),
                'Pushes fail.',
                'Pushes of job {{ $labels.job }}, instance {{ $labels.instance }}, fail or are refused.'),
          alert('DubboPushgatewayDown',
                'critical',
                '1m',
                down(config.pushgateway),
                'Prometheus can not scrape the Pushgateway.',
                notAnswering + ': nothing of the processes in push mode is seen.',
                ours=false),
          alert('DubboTargetDown',
                'warning',
                '1m',
                'up{%s} == 0' % config.processes,
                'Prometheus can not scrape a process.',
                '{{ $labels.instance }} of job {{ $labels.job }} is known, by ZooKeeper or by Kubernetes, and does not answer.'),
          alert('DubboCleanerNotRunning',
                'warning',
                '5m',
                |||
                  count by (%(cluster)s) (dubbo:push_stale and dubbo:push_stale offset %(within)s)
                  or
                  count by (%(cluster)s) (time() - dubbo:cleaner_last_success_timestamp_seconds > %(seconds)d)
                  or
                  count by (%(cluster)s) (
                    %(down)s
                  )
                ||| % {
                  cluster: join(config.clusterLabels),
                  within: config.cleanedWithin,
                  seconds: promql.seconds(config.cleanedWithin),
                  down: std.strReplace(std.rstripChars(down(config.cleaner), '\n'), '\n', '\n  '),
                },
                'Stale groups stay in the Pushgateway.',
                'The cleaner does not run, or does not succeed: groups without pushes are there for longer than %s.' % config.cleanedWithin,
                ours=false),
          alert('DubboAlertmanagerDown',
                'warning',
                '1m',
                down(config.alertmanager),
                'An Alertmanager does not answer.',
                notAnswering + ': alerts may not be sent.',
                ours=false),
          alert('DubboRulesFailing',
                'warning',
                '5m',
                |||
                  increase(prometheus_rule_evaluation_failures_total{rule_group=~".*;dubbo-.+"}[5m]) > 0
                  or
                  increase(prometheus_rule_group_iterations_missed_total{rule_group=~".*;dubbo-.+"}[5m]) > 0
                |||,
                'Rules of this mixin can not be evaluated.',
                'Prometheus {{ $labels.instance }} fails or is too slow at {{ $labels.rule_group }}: dashboards and alerts are incomplete.',
                ours=false),
          // Fires always: what receives it can tell that alerts arrive.
          alert('DubboWatchdog',
                'none',
                '0m',
                'vector(1)',
                'Alerts are evaluated and sent.',
                'This alert fires always. When it stops, Prometheus or the Alertmanager does not work.',
                ours=false),
        ],
      },
    ],
  },
}
