// Alerts on calls: error budgets, business errors, saturation, retries. Each has a section of its name in the runbook.
(import 'config.libsonnet') + {
  local config = $._config,
  local promql = (import 'promql.libsonnet')(config),
  local alert = (import 'alert.libsonnet')(config).alert,

  local service = '{{ $labels.interface }}{{ with $labels.method }}/{{ . }}{{ end }} of {{ $labels.application_name }}',
  // Calls in the window of a rate.
  local counted(rate) = '%s * %d' % [rate, promql.seconds(config.rateWindow)],

  // Both windows above the same multiple of the budget's even pace: the long one says that it matters, the short one that it goes on. The
  // counts come from rates, so that 5 calls may read as 4.98.
  local burn(name, part, missed, all, what) = [
    alert(
      name,
      rate.severity,
      rate.pending,
      |||
        dubbo:%(part)s_missed:ratio%(long)s > %(factor)s * dubbo:%(part)s_budget
        and
        dubbo:%(part)s_missed:ratio%(short)s > %(factor)s * dubbo:%(part)s_budget
        and
        dubbo:%(missed)s:sum%(long)s > %(failures)s
        and
        dubbo:%(all)s:sum%(long)s > %(calls)s
      ||| % rate {
        part: part,
        missed: missed,
        all: all,
        factor: promql.number(super.factor),
        failures: promql.number(config.minimumFailures - 0.5),
        calls: promql.number(config.minimumCalls - 0.5),
      },
      '%s, more than the error budget of 30 days allows.' % what,
      '%s, seen by the {{ $labels.side }}: {{ $value | humanizePercentage }} of the calls of the last %s missed the objective.' % [service, rate.long],
      { long: rate.long, short: rate.short },
    )
    for rate in config.burnRates
  ],

  prometheusAlerts+:: {
    groups+: [
      {
        name: 'dubbo-burn',
        interval: config.objectivesInterval,
        rules:
          burn('DubboAvailabilityBurn', 'availability', 'service_requests_faulty', 'service_requests', 'Calls stay without an answer') +
          burn('DubboLatencyBurn', 'latency', 'service_requests_slow', 'service_requests_timed', 'Calls take longer than %s s' % config.latencySeconds),
      },
      {
        name: 'dubbo-calls',
        rules: [
          alert('DubboBusinessErrors',
                'warning',
                '5m',
                |||
                  (
                    %(business)s
                    /
                    %(all)s
                    > %(limit)s
                  )
                  and
                  %(business)s * %(seconds)d > %(failures)s
                ||| % {
                  business: promql.sum(promql.methodLabels, 'dubbo:method_requests_business_failed:rate5m{side="provider"}'),
                  all: promql.sum(promql.methodLabels, 'dubbo:method_requests:rate5m{side="provider"}'),
                  limit: promql.number(config.businessErrorRatio),
                  seconds: promql.seconds(config.rateWindow),
                  failures: promql.number(config.minimumFailures - 0.5),
                },
                'A handler answers with business errors.',
                '{{ $labels.interface }}/{{ $labels.method }} of {{ $labels.application_name }}: {{ $value | humanizePercentage }} of the calls end in a business error.'),
          alert('DubboInFlightSaturation',
                'warning',
                '5m',
                '%s > %d' % [promql.sum(promql.instanceLabels + ['application_name'], promql.short('dubbo:requests_in_flight', '{side="provider"}')), config.inFlightLimit],
                'Calls pile up in a provider.',
                '{{ $labels.instance }} of {{ $labels.application_name }} works on {{ $value }} calls at once.'),
          alert('DubboRetryStorm',
                'warning',
                '5m',
                |||
                  (
                    %(attempts)s
                    /
                    %(all)s
                    > %(limit)s
                  )
                  and
                  %(all)s * %(seconds)d > %(calls)s
                ||| % {
                  attempts: promql.sum(promql.serviceLabels, 'dubbo:method_attempts:rate5m'),
                  all: promql.sum(promql.serviceLabels, 'dubbo:method_requests:rate5m{side="consumer"}'),
                  limit: promql.number(config.attemptsRatio),
                  seconds: promql.seconds(config.rateWindow),
                  calls: promql.number(config.minimumCalls - 0.5),
                },
                'Consumers repeat their calls.',
                '{{ $labels.application_name }} makes {{ $value | humanize }} attempts for each call to {{ $labels.interface }}.'),
        ],
      },
    ],
  },
}
