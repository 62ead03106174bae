// Recorded series of the calls: what Rust, Go and Java export, under one name each, with the label `side`.
(import 'config.libsonnet') + {
  local config = $._config,
  local promql = (import 'promql.libsonnet')(config),
  local labels = promql.callLabels,
  local rust = std.member(config.languages, 'rust'),
  local others = std.member(config.languages, 'go') || std.member(config.languages, 'java'),
  local java = std.member(config.languages, 'java'),

  // Groups that stand on nothing of each other's are evaluated at the same time; a part of them has some of the methods.
  local groups(side, part) =
    local promql = (import 'promql.libsonnet')(config { part: part.matcher });
    local record(name, expr, extra={}) = { record: 'dubbo:' + name, labels: { side: side } + extra, expr: promql.text(expr) };
    local recorded(name, matcher='') = promql.recorded(side, name, matcher);
    local rate(family, matcher='') = promql.rate(promql.calls(side, family, matcher));
    local sum(vector) = promql.sum(labels, vector);
    // What a process exports only after its first occurrence counts as 0 wherever it counts calls.
    local none = recorded('requests:rate5m') + ' * 0';
    local or(vectors) = promql.or(labels, vectors);
    local histogram = rate('request_duration_seconds');
    // Go and Java make a family with its first occurrence, which is no increase of it.
    local occurrences(family) =
      if others then promql.rateSinceFirst(labels, promql.calls(side, family), promql.calls(side, 'requests_total')) else rate(family);
    local group(name, interval, rules) = { name: 'dubbo-%s-%s%s' % [name, side, part.name], interval: interval, rules: rules };

    // Peers without errors_total count failures by kind.
    local kinds = {
      business: ['requests_business_failed_total', 'BUSINESS', 'caller'],
      timeout: ['requests_timeout_total', 'DEADLINE_EXCEEDED', 'provider'],
      limit: ['requests_limit_total', 'RESOURCE_EXHAUSTED', 'provider'],
      unavailable: ['requests_failed_service_unavailable_total', 'UNAVAILABLE', 'provider'],
      unknown: ['requests_unknown_failed_total', 'UNKNOWN', 'provider'],
    } + if java then {
      network: ['requests_failed_network_total', 'NETWORK', 'provider'],
      codec: ['requests_failed_codec_total', 'CODEC', 'provider'],
    } else {};
    local byKind =
      local tagged(type, vector) =
        'label_replace(label_replace(label_replace(%s, "error_type", "%s", "", ""), "error_name", "%s", "", ""), "fault", "%s", "", "")' % ([vector, type] + kinds[type][1:]);
      // Those of all kinds at once: what they are compared with is read once, and zeros are left out before they get labels.
      local all(rate) = std.join('\nor\n', [tagged(type, rate(promql.calls(side, kinds[type][0]))) for type in std.objectFields(kinds)]);
      '%s\nunless on (%s) %s' % [
        promql.sum(labels + ['error_type', 'error_name', 'fault'], '\n(\n%s\n)\nand on (%s) %s offset %s\nor\n%s\n' % [
          all(promql.first),
          std.join(', ', labels),
          promql.calls(side, 'requests_total'),
          config.rateWindow,
          all(function(vector) promql.rate(vector) + ' > 0'),
        ]),
        std.join(', ', labels),
        promql.calls(side, 'errors_total'),
      ];
    local errors =
      (if rust then [promql.sum(
        labels + ['error_type', 'error_code', 'error_name', 'fault'],
        promql.rateOfOccurrences(labels, promql.calls(side, 'errors_total'), promql.calls(side, 'requests_total')),
      ) + ' > 0'] else []) +
      (if others then [byKind] else []);

    // Over the sliding window of the processes themselves; a lean process leaves it out, Java names it otherwise, and without calls it may say NaN. Rates go on for a while
    // after the end of a process, whose calls in flight do not.
    local windowed(family, derived) = or([
      sum(promql.live(family + ' >= 0')),
      '%s and on (%s) %s' % [derived, std.join(', ', labels), recorded('requests_in_flight')],
    ]);
    local succeeded = promql.calls(side, 'requests_succeed_total_aggregate');

    [
      group('calls', config.callsInterval, [
        record('errors:rate5m', std.join('\nor\n', errors)),
        record('requests:rate5m', sum(rate('requests_total'))),
        record('requests_failed:rate5m', or([sum(occurrences('requests_failed_total')), none])),
        record('requests_business_failed:rate5m', or([
          sum(occurrences('requests_business_failed_total')),
          sum(recorded('errors:rate5m', 'error_type="business"')),
          none,
        ])),
        // Mistakes of the caller: by the label that says so, or by the code of a peer that does not have it (all but 2, 4, 8, 13, 14, 15).
        record('requests_mistaken:rate5m', or([
          sum('%s or %s' % [
            recorded('errors:rate5m', 'fault="caller",error_type!="business"'),
            recorded('errors:rate5m', 'fault="",error_type!="business",error_code=~"1|3|5|6|7|9|10|11|12|16"'),
          ]),
          none,
        ])),
        // What the provider answers for: failures, but for business errors and mistakes of the caller.
        record('requests_faulty:rate5m', 'clamp_min(%s - %s - %s, 0)' % [
          recorded('requests_failed:rate5m'),
          recorded('requests_business_failed:rate5m'),
          recorded('requests_mistaken:rate5m'),
        ]),
      ]),
      group('windows', config.callsInterval, [
        record('requests_in_flight', sum(promql.live(promql.callsGauge(side, 'requests_processing') + ' >= 0'))),
        record('requests_per_second', windowed(promql.calls(side, 'qps_total'), recorded('requests:rate5m'))),
        record('window_requests_succeeded', windowed(succeeded, '(%s - %s) * 120' % [recorded('requests:rate5m'), recorded('requests_failed:rate5m')])),
        record('window_requests', windowed(
          '(%s and on (%s) %s)' % [promql.calls(side, 'requests_total_aggregate'), std.join(', ', labels), succeeded],
          '%s * 120' % recorded('requests:rate5m')
        )),
      ]),
      // Times: from the classic histogram, from the native one, from dubbo-go's and Java's sums.
      group('times', config.callsInterval, [
        record('request_duration_seconds_count:rate5m', or([
          sum(rate('request_duration_seconds_count')),
          'histogram_count(%s)' % sum(histogram),
        ] + if java then [sum(rate('rt_milliseconds_histogram_seconds_count'))] else [])),
        record('request_duration_seconds_sum:rate5m', or([
          sum(rate('request_duration_seconds_sum')),
          'histogram_sum(%s)' % sum(histogram),
          '%s / 1000' % sum(rate('rt_milliseconds_sum')),
        ])),
        record('requests_slow:rate5m', or([
          'clamp_min(%s - %s, 0)' % [sum(rate('request_duration_seconds_count')), sum(rate('request_duration_seconds_bucket', promql.bound(config.latencySeconds)))],
          'histogram_count(%(h)s) * (1 - histogram_fraction(0, %(limit)s, %(h)s))' % { h: sum(histogram), limit: config.latencySeconds },
        ] + if java then ['clamp_min(%s - %s, 0)' % [
          sum(rate('rt_milliseconds_histogram_seconds_count')),
          sum(rate('rt_milliseconds_histogram_seconds_bucket', promql.bound(config.javaLatencySeconds))),
        ]] else [])),
      ]),
      group('messages', config.callsInterval, [
        record('messages_received:rate5m', sum(rate('messages_received_total'))),
        record('messages_sent:rate5m', sum(rate('messages_sent_total'))),
      ] + if side == 'consumer' then [
        record('attempts:rate5m', promql.sum(labels + ['outcome'], promql.rate(promql.calls(side, 'attempts_total')))),
      ] else []),
      group('methods', config.callsInterval, sums(promql, side, 'method', promql.methodLabels, [
        'requests:rate5m',
        'requests_failed:rate5m',
        'requests_business_failed:rate5m',
        'requests_faulty:rate5m',
        'requests_slow:rate5m',
        'messages_received:rate5m',
        'messages_sent:rate5m',
      ] + if side == 'consumer' then ['attempts:rate5m'] else []) + [
        // Calls of which is known whether they are slow: without a bucket at the bound there is no objective, rather than one that is met.
        record('method_requests_timed:rate5m', promql.sum(promql.methodLabels, '%s and %s' % [recorded('request_duration_seconds_count:rate5m'), recorded('requests_slow:rate5m')])),
      ]),
      group('quantiles', config.objectivesInterval, quantiles(side, part)),
    ],

  // Quantiles need the buckets of all instances; they are most of what is read.
  local quantiles(side, part) =
    local promql = (import 'promql.libsonnet')(config { part: part.matcher });
    local labels = promql.methodLabels;
    local record(name, expr) = { record: 'dubbo:' + name, labels: { side: side }, expr: promql.text(expr) };
    local recorded(name, matcher='') = promql.recorded(side, name, matcher);
    [
      record('request_duration_seconds_bucket:rate5m', promql.or(labels + ['le'], [
        promql.sum(labels + ['le'], promql.rate(promql.calls(side, 'request_duration_seconds_bucket'))),
      ] + if java then [promql.sum(labels + ['le'], promql.rate(promql.calls(side, 'rt_milliseconds_histogram_seconds_bucket')))] else [])),
      // Native ones.
      record('request_duration_seconds:rate5m', promql.sum(labels, promql.rate(promql.calls(side, 'request_duration_seconds')))),
    ] + [
      record('request_duration_seconds:p' + percent, promql.or(labels, [
        'histogram_quantile(0.%s, %s) >= 0' % [percent, recorded('request_duration_seconds_bucket:rate5m')],
        'histogram_quantile(0.%s, %s) >= 0' % [percent, recorded('request_duration_seconds:rate5m')],
      ] + if others then [
        // Quantiles of several instances can not be combined: this is the worst of them, and it stands still without calls.
        // Without calls in its own window a process says NaN.
        '(%s >= 0) / 1000 and on (%s) (%s > 0)' % [
          promql.by('max', labels, promql.calls(side, 'rt_milliseconds_p' + percent)),
          std.join(', ', labels),
          recorded('method_requests:rate5m'),
        ],
      ] else []))
      for percent in ['50', '90', '95', '99']
    ],

  // What objectives stand on, and what the dashboard shows as long as no method, or no instance, is chosen: it would have to read methods times instances again and again.
  local sums(promql, side, level, labels, names) = [
    { record: 'dubbo:%s_%s' % [level, name], labels: { side: side }, expr: promql.sum(labels, promql.recorded(side, name)) }
    for name in names
  ],

  prometheusRules+:: {
    groups+: [
      group
      for side in ['provider', 'consumer']
      for part in promql.parts
      for group in groups(side, part)
    ] + [
      group
      for side in ['provider', 'consumer']
      for group in [
        {
          name: 'dubbo-%s-%s' % [one[0], side],
          interval: config.callsInterval,
          rules: sums(promql, side, 'instance', promql.instanceLabels + ['application_name', 'interface'], one[1]),
        }
        for one in [
          ['instances', ['requests:rate5m', 'requests_failed:rate5m', 'request_duration_seconds_sum:rate5m']],
          ['instance-windows', ['requests_in_flight', 'requests_per_second', 'window_requests', 'window_requests_succeeded']],
        ]
      ] + [{
        name: 'dubbo-interfaces-%s' % side,
        interval: config.objectivesInterval,
        rules:
          sums(promql, side, 'interface', promql.serviceLabels + ['le'], ['request_duration_seconds_bucket:rate5m']) +
          sums(promql, side, 'interface', promql.serviceLabels, ['request_duration_seconds:rate5m']),
      }]
    ],
  },
}
