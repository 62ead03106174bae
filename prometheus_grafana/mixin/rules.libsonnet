// Recording rules: rate, errors and duration for each method, and what the objectives are measured by.
(import 'config.libsonnet') + {
  local config = $._config,
  local by(labels) = 'sum by (%s)' % std.join(', ', labels),
  local sides = ['provider', 'consumer'],
  // The windows of multi-window, multi-burn-rate alerts (Google's SRE workbook, chapter 5).
  local windows = ['5m', '30m', '1h', '2h', '6h', '1d', '3d'],

  // A ratio that reads 0 when nothing was called, and nothing at all when there is nobody to ask.
  local ratio(part, all) = '%(part)s\n/\n(%(all)s > 0)\nor\n%(all)s * 0\n' % { part: part, all: all },

  local method(side) =
    local total = 'method:dubbo_%s_requests:rate5m' % side;
    local failed = 'method:dubbo_%s_requests_failed:rate5m' % side;
    local bucket = 'method:dubbo_%s_request_duration_seconds_bucket:rate5m' % side;
    local labels = ['job'] + config.methodLabels;
    [
      { record: total, expr: '%s (rate(dubbo_%s_requests_total[5m]))' % [by(labels), side] },
      { record: failed, expr: '%s (rate(dubbo_%s_requests_failed_total[5m]))' % [by(labels), side] },
      { record: 'method:dubbo_%s_requests_failed:ratio_rate5m' % side, expr: ratio(failed, total) },
      { record: bucket, expr: '%s (rate(dubbo_%s_request_duration_seconds_bucket[5m]))' % [by(labels + ['le']), side] },
    ] + [
      {
        record: 'method:dubbo_%s_request_duration_seconds:p%s_rate5m' % [side, percent],
        expr: 'histogram_quantile(0.%s, %s)' % [percent, bucket],
      }
      for percent in ['50', '90', '99']
    ],

  local objective(side, window) =
    local sum = by(config.serviceLabels);
    local rate(family) = 'rate(dubbo_%s_%s[%s])' % [side, family, window];
    [
      {
        record: 'service:dubbo_requests_unanswered:ratio_rate' + window,
        labels: { side: side },
        expr: ratio(
          '%s (%s - %s)' % [sum, rate('requests_failed_total'), rate('requests_business_failed_total')],
          '%s (%s)' % [sum, rate('requests_total')]
        ),
      },
      {
        record: 'service:dubbo_requests_slow:ratio_rate' + window,
        labels: { side: side },
        expr: ratio(
          '(%(sum)s (%(count)s) - %(sum)s (%(fast)s))' % {
            sum: sum,
            count: rate('request_duration_seconds_count'),
            fast: rate('request_duration_seconds_bucket{le="%s"}' % config.latencySeconds),
          },
          '%s (%s)' % [sum, rate('request_duration_seconds_count')]
        ),
      },
    ],

  prometheusRules+:: {
    groups+: [
      { name: 'dubbo-%s-methods' % side, rules: method(side) }
      for side in sides
    ] + [
      { name: 'dubbo-%s-objectives' % side, rules: std.flattenArrays([objective(side, window) for window in windows]) }
      for side in sides
    ],
  },
}
