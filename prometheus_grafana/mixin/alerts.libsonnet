// Alerts; each has a section of its name in the runbook.
(import 'config.libsonnet') + {
  local config = $._config,
  local alert(name, severity, pending, expr, summary, description) = {
    alert: name,
    expr: expr,
    'for': pending,
    labels: { severity: severity },
    annotations: {
      summary: summary,
      description: description,
      runbook_url: '%s#%s' % [config.runbook, std.asciiLower(name)],
    },
  },

  // Groups that nobody pushes to any more keep their last values; they say nothing about now.
  local live(selector) =
    '(%s unless on (job, instance) (time() - push_time_seconds > %d))' % [selector, config.staleSeconds],

  // Both windows above the same multiple of the budget's even pace: the long one says that it matters, the short one that it goes on.
  local burning(family, objective, pairs) = std.join('or\n', [
    '(\n  %(family)s:ratio_rate%(long)s > %(factor)s * %(budget)s\n  and\n  %(family)s:ratio_rate%(short)s > %(factor)s * %(budget)s\n)\n' % {
      family: family,
      long: pair.long,
      short: pair.short,
      factor: pair.factor,
      // jsonnet prints 1 - 0.999 with all its binary digits.
      budget: '%.4g' % (1 - objective),
    }
    for pair in pairs
  ]),
  local fast = [{ long: '1h', short: '5m', factor: '14.4' }, { long: '6h', short: '30m', factor: '6' }],
  local slow = [{ long: '1d', short: '2h', factor: '3' }, { long: '3d', short: '6h', factor: '1' }],

  local burn(name, family, objective, what) = [
    alert(name + 'BurnFast', 'critical', '2m', burning(family, objective, fast), '%s: the error budget of 30 days is gone in days.' % what,
          '{{ $labels.interface }} of {{ $labels.application_name }}, seen by the {{ $labels.side }}: {{ $value | humanizePercentage }} of the calls missed the objective, allowed are %.4g%%.' % (100 * (1 - objective))),
    alert(name + 'BurnSlow', 'warning', '15m', burning(family, objective, slow), '%s: the error budget of 30 days will not last.' % what,
          '{{ $labels.interface }} of {{ $labels.application_name }}, seen by the {{ $labels.side }}: {{ $value | humanizePercentage }} of the calls missed the objective, allowed are %.4g%%.' % (100 * (1 - objective))),
  ],

  prometheusAlerts+:: {
    groups+: [
      {
        name: 'dubbo-objectives',
        rules:
          burn('DubboAvailability', 'service:dubbo_requests_unanswered', config.availabilityObjective, 'Calls stay without an answer') +
          burn('DubboLatency', 'service:dubbo_requests_slow', config.latencyObjective, 'Calls take longer than %s s' % config.latencySeconds),
      },
      {
        name: 'dubbo-calls',
        rules: [
          alert('DubboBusinessErrors', 'warning', '5m',
                |||
                  sum by (%(labels)s) (rate(dubbo_provider_requests_business_failed_total[5m]))
                  /
                  sum by (%(labels)s) (rate(dubbo_provider_requests_total[5m]))
                  > %(limit)s
                ||| % { labels: std.join(', ', config.methodLabels), limit: config.businessErrorRatio },
                'A handler answers with business errors.',
                '{{ $labels.interface }}/{{ $labels.method }} of {{ $labels.application_name }}: {{ $value | humanizePercentage }} of the calls end in a business error.'),
          alert('DubboInFlightSaturation', 'warning', '5m',
                'sum by (job, instance, application_name) (%s) > %d' % [live('dubbo_provider_requests_processing_total'), config.inFlightLimit],
                'Calls pile up in a provider.',
                '{{ $labels.instance }} of {{ $labels.application_name }} works on {{ $value }} calls at once.'),
          alert('DubboRetryStorm', 'warning', '5m',
                |||
                  sum by (application_name, interface) (rate(dubbo_consumer_attempts_total[5m]))
                  /
                  sum by (application_name, interface) (rate(dubbo_consumer_requests_total[5m]))
                  > %s
                ||| % config.attemptsRatio,
                'Consumers repeat their calls.',
                '{{ $labels.application_name }} makes {{ $value | humanize }} attempts for each call to {{ $labels.interface }}.'),
        ],
      },
      {
        name: 'dubbo-registry',
        rules: [
          alert('DubboNoProvider', 'critical', '1m',
                |||
                  count by (interface) (%s)
                  unless
                  count by (interface) (%s)
                ||| % [live('dubbo_consumer_requests_total'), live('dubbo_provider_requests_total')],
                'An interface that is called has no provider.',
                '{{ $value }} series of consumers call {{ $labels.interface }}, and no provider of it reports metrics.'),
          alert('DubboDirectoryEmpty', 'critical', '1m',
                '%s == 0' % live('dubbo_registry_directory_num_valid_total'),
                'A consumer knows no provider to call.',
                '{{ $labels.instance }} of {{ $labels.application_name }} has no valid provider in its directory.'),
          alert('DubboRegistryDisconnected', 'warning', '1m',
                '%s == 0' % live('dubbo_registry_connected'),
                'A process has lost ZooKeeper.',
                '{{ $labels.instance }} of {{ $labels.application_name }} has no session with ZooKeeper; it works on with what it knows.'),
          alert('DubboRegistrationFailing', 'warning', '1m',
                'sum by (job, instance, application_name) (increase(dubbo_registry_register_service_failed_total[5m])) > 0',
                'A provider can not register.',
                '{{ $labels.instance }} of {{ $labels.application_name }} failed to register {{ $value | humanize }} times in 5 minutes.'),
        ],
      },
      {
        name: 'dubbo-collection',
        rules: [
          alert('DubboPushStale', 'warning', '1m',
                |||
                  time() - push_time_seconds > %d
                  and on (job, instance)
                  dubbo_application_info_total
                ||| % config.staleSeconds,
                'A group in the Pushgateway is no longer pushed to.',
                'Nobody has pushed to job {{ $labels.job }}, instance {{ $labels.instance }}, for {{ $value | humanizeDuration }}: its process was killed, or can not reach the gateway.'),
          alert('DubboPushFailing', 'warning', '1m',
                |||
                  sum by (job, instance, application_name) (increase(dubbo_push_requests_total{result="failure"}[5m])) > 0
                  or
                  push_failure_time_seconds > push_time_seconds and on (job, instance) dubbo_application_info_total
                |||,
                'Pushes fail.',
                'Pushes of job {{ $labels.job }}, instance {{ $labels.instance }}, fail or are refused.'),
          alert('DubboPushgatewayDown', 'critical', '1m',
                'up{%s} == 0' % config.pushgateway,
                'Prometheus can not scrape the Pushgateway.',
                '{{ $labels.instance }} does not answer: nothing of the processes in push mode is seen.'),
          alert('DubboTargetDown', 'warning', '1m',
                'up{%s} == 0' % config.processes,
                'Prometheus can not scrape a process.',
                '{{ $labels.instance }} of job {{ $labels.job }} is known, by ZooKeeper or by Kubernetes, and does not answer.'),
        ],
      },
    ],
  },
}
