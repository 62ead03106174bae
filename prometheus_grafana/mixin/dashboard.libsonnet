// The dashboard, grafana.json: what is wrong, and then, in folded rows, everything else. Panels are listed row by row; their places on the
// grid follow from their widths.
(import 'config.libsonnet') + {
  local config = $._config,
  local panel = (import 'panel.libsonnet') {
    variables:: ['datasource'] + config.clusterLabels + ['job', 'application', 'instance', 'side', 'interface', 'group', 'version', 'method'],
  },

  // === Selectors and expressions ===

  local promql = (import 'promql.libsonnet')(config),
  local cluster = std.join(',', ['%s=~"$%s"' % [label, label] for label in config.clusterLabels]),
  // What follows the cluster's labels, where there are any.
  local inCluster(matchers) = std.join(',', [one for one in [cluster, matchers] if one != '']),
  local process = inCluster('job=~"$job",instance=~"$instance"'),
  local application = process + ',application_name=~"$application"',
  local calls = application + ',interface=~"$interface",method=~"$method",group=~"$group",version=~"$version"',
  // Of the chosen side, where both are in one panel.
  local chosen = 'side=~"$side",' + calls,
  // Series of all instances together.
  local service = inCluster('application_name=~"$application",interface=~"$interface"'),

  // Processes of two clusters may have the same names: each is a line of its own, which is called after its cluster where there is one.
  local place = config.clusterLabels,
  local by(function_, labels, vector) = promql.by(function_, place + labels, vector),
  local named = std.join('', [' {{%s}}' % label for label in place]),

  // Columns of a table, with those of the cluster behind them, and the variables that their values choose.
  local title(label) = std.asciiUpper(label[0]) + label[1:],
  local columns(labels) = labels + [[label, title(label)] for label in place],
  local variableOf(labels) = { [label]: if label == 'application_name' then 'application' else label for label in labels },
  local choosing(labels) = variableOf(labels + place),

  // Keeps what is known of the processes of the chosen applications, of those that live, or of all that are known.
  local among(vector, known) = '%s and on (%s) %s{%s}' % [vector, std.join(', ', promql.instanceLabels), known, application],
  local running(vector) = among(vector, 'dubbo:process_up'),

  // What a counter counted within the chosen time. A series that began within it counts from its start.
  local within(selector) =
    '(increase(%(s)s[$__range]) and %(s)s offset $__range) or (last_over_time(%(s)s[$__range]) unless %(s)s offset $__range)' % { s: selector },
  // Reads `idle` when nothing was called, and nothing when there is no process to ask.
  local ratio(part, all, idle) = '%s / (%s > 0) or %s * 0 + %d' % [part, all, all, idle],
  // Of failures: there are none where there are no calls.
  local shareOrNone(part, all) = '%s / clamp_min(%s, 1e-9)' % [part, all],
  // A lean process leaves out what can be derived: what is derived stands in for a family, process by process.
  local orDerived(vector, derived) = '(%s) or on (%s) (%s)' % [vector, std.join(', ', promql.callLabels), derived],

  // === What is chosen ===

  // Of everything, sums are recorded: a sum over methods has no label of them, and answers as long as all are chosen. Only then the second
  // selector matches nothing: no series has the label `none`.
  local all(variables) = std.join('', ['$' + variable for variable in variables]),
  local either(labels, level, name, which, variables) =
    '(%s or %s)' % [
      promql.sum(labels, 'dubbo:%s_%s{%s}' % [level, name, which]),
      promql.sum(labels, 'dubbo:%s{%s,none!~"%s"}' % [name, which, all(variables)]),
    ],
  local total(labels, name, which) = either(labels, 'instance', name, which, ['group', 'version', 'method']),
  local totalOfMethods(labels, name, which) = either(labels, 'method', name, which, ['job', 'instance']),
  local share(labels, name) = '%s / (%s > 0)' % [total(labels, name, chosen), total(labels, 'requests:rate5m', chosen)],
  local on(side, selector=calls) = 'side="%s",%s' % [side, selector],

  // Buckets are recorded of all methods of an interface, and of all instances together; those of chosen instances are read where they are.
  local java = std.member(config.languages, 'java'),
  local ofMethod = all(['group', 'version', 'method']),
  local ofInstance = all(['job', 'instance']),
  local buckets(side) =
    std.join(' or ', [
      promql.sum(['le'], 'dubbo:interface_request_duration_seconds_bucket:rate5m{%s}' % on(side)),
      promql.sum(['le'], 'dubbo:request_duration_seconds_bucket:rate5m{%s,none!~"%s"}' % [on(side), ofMethod]),
    ] + [
      promql.sum(['le'], 'rate(dubbo_%s_%s_bucket{%s,none!~"%s"}[$__rate_interval])' % [side, family, calls, ofInstance])
      for family in ['request_duration_seconds'] + if java then ['rt_milliseconds_histogram_seconds'] else []
    ]),
  local native(side) = promql.sum([], std.join(' or ', [
    'dubbo:interface_request_duration_seconds:rate5m{%s}' % on(side),
    'dubbo:request_duration_seconds:rate5m{%s,none!~"%s"}' % [on(side), ofMethod],
    'rate(dubbo_%s_request_duration_seconds{%s,none!~"%s"}[$__rate_interval])' % [side, calls, ofInstance],
  ])),
  // From classic buckets, from native ones where Prometheus takes those, or the worst of the methods' own where a language has no buckets.
  local quantile(side, percent) =
    'histogram_quantile(0.%(percent)s, %(classic)s) >= 0 or histogram_quantile(0.%(percent)s, %(native)s) >= 0 or max(dubbo:request_duration_seconds:p%(percent)s{%(which)s})' % {
      percent: percent,
      classic: buckets(side),
      native: native(side),
      which: on(side),
    },

  // === The rows ===

  local window = 'Over the sliding window of the processes themselves, 120 s if --metrics-window says nothing else; of lean processes over five minutes.',

  local glance(side, title) = [
    panel.stat(title + ' QPS', 'Calls per second, of all instances. ' + window + ' A process that is younger shows its rate from the first second on.', 'reqps', total([], 'requests_per_second', on(side)), empty='no ' + side),
    panel.stat(title + ' success rate',
               'Share of the calls that succeeded; 100 % before the first call. ' + window,
               'percentunit',
               ratio(total([], 'window_requests_succeeded', on(side)), total([], 'window_requests', on(side)), 1),
               thresholds=[[null, 'red'], [config.availabilityObjective - 0.01, 'orange'], [config.availabilityObjective, 'green']],
               empty='no ' + side),
    panel.stat(title + ' P99', '99 of 100 calls took at most this long, from the histogram of all instances. Without calls there is no figure.', 's', quantile(side, '99'), empty='no calls'),
  ],

  // A share of the objective's budget, of the service that has least left; of the last hour as long as there is not more.
  local windows = std.set([rate.long for rate in config.burnRates], promql.seconds),
  local longest = windows[std.length(windows) - 1],
  local left(part, side) =
    'min(1 - (dubbo:%(part)s_missed:ratio%(longest)s{%(which)s} or dubbo:%(part)s_missed:ratio%(first)s{%(which)s}) / dubbo:%(part)s_budget{%(which)s})' % {
      part: part,
      longest: longest,
      first: windows[0],
      which: 'side="%s",%s' % [side, service],
    },
  local budget(part, side, title, what) =
    panel.stat(title,
               'Of the budget that the objective leaves for calls that %s, at the pace of the last %s: the service with least. Below 0 the objective is missed.' % [what, longest],
               'percentunit',
               left(part, side),
               thresholds=[[null, 'red'], [0, 'orange'], [0.25, 'green']],
               empty='no calls',
               w=5),

  local overview = [
    budget('availability', 'provider', 'Provider availability budget', 'stay without an answer'),
    budget('latency', 'provider', 'Provider latency budget', 'take longer than %s s' % config.latencySeconds),
    budget('availability', 'consumer', 'Consumer availability budget', 'stay without an answer'),
    budget('latency', 'consumer', 'Consumer latency budget', 'take longer than %s s' % config.latencySeconds),
    panel.stat('Processes', 'Processes whose figures are alive.', 'short', 'count(count by (%s) (dubbo:process_up{%s}))' % [std.join(', ', promql.instanceLabels), application], empty='no process', w=2),
    panel.stat('Providers', 'Processes that provide the chosen interfaces.', 'short', 'count(%s)' % running(total(promql.instanceLabels, 'requests:rate5m', on('provider'))), thresholds=[[null, 'red'], [1, 'green']], empty='no provider', w=2),
    panel.table('Firing alerts', 'Alerts of this mixin that fire now, on the chosen applications or on what they share; empty when there is none.', [
      ['sum by (alertname, severity, %s, interface, instance) (ALERTS{alertstate="firing",alertname=~"Dubbo.+",alertname!="DubboWatchdog",%s})' % [std.join(', ', promql.applicationLabels), inCluster('application_name=~"$application|"')], 'Firing', 'short'],
    ], columns([['alertname', 'Alert'], ['severity', 'Severity'], ['application_name', 'Application'], ['interface', 'Interface'], ['instance', 'Instance']]), 24, h=6, sort='Severity', ascending=true, links=choosing(['application_name', 'interface', 'instance']), hidden=['Value'], overrides=[panel.severities('Severity')]),
    panel.graph('Calls by application', 'Calls per second of each side, by application and interface: the ten with most.', 'reqps', [
      ['topk by (side) (10, %s)' % total(place + ['side', 'application_name', 'interface'], 'requests:rate5m', chosen), '{{side}} {{application_name}} {{interface}}' + named],
    ]),
    panel.graph('Errors by application', 'Share of the calls that failed, business errors included: the ten with most.', 'percentunit', [
      ['topk by (side) (10, %s)' % share(place + ['side', 'application_name', 'interface'], 'requests_failed:rate5m'), '{{side}} {{application_name}} {{interface}}' + named],
    ]),
    panel.graph('P99 by method', 'Response time that 99 of 100 calls did not exceed, of all instances: the ten slowest methods.', 's', [
      ['topk by (side) (10, dubbo:request_duration_seconds:p99{side=~"$side",%s,method=~"$method",group=~"$group",version=~"$version"})' % service, '{{side}} {{application_name}} {{interface}}/{{method}}' + named],
    ], steps=[[null, 'transparent'], [std.parseJson(config.latencySeconds), 'red']], w=24, legend='right'),
    panel.timeline('Processes over time', 'Whose figures arrive. A process that has ended has no line any more.', [
      ['min by (%(labels)s) (up{%(process)s} and on (%(labels)s) last_over_time(dubbo:process_info{%(application)s}[$__range])) or max by (%(labels)s) (dubbo:process_up{%(application)s})' % { process: process, application: application, labels: std.join(', ', promql.instanceLabels) }, '{{job}} {{instance}}' + named],
    ], [[null, 'red'], [1, 'green']], { '0': 'no answer', '1': 'up' }, w=24),
  ],

  local failing = [
    panel.table('Failing calls', 'Failed calls per second, by method, instance and code: the hundred with most. A click on a value chooses it.', [
      ['sort_desc(topk(100, %s))' % by('sum', ['side', 'application_name', 'interface', 'method', 'instance', 'error_name', 'fault'], 'dubbo:errors:rate5m{%s}' % chosen), 'Failed', 'reqps'],
    ], columns([['method', 'Method'], ['instance', 'Instance'], ['error_name', 'Code'], ['interface', 'Interface'], ['application_name', 'Application'], ['side', 'Side'], ['fault', 'Fault']]), 24, sort='Failed', links=choosing(['application_name', 'interface', 'method', 'instance', 'side']), overrides=panel.narrow(['Side', 'Fault'])),
    panel.graph('Failing calls over time', 'Since when: failed calls per second, by method, instance and code, the ten with most.', 'reqps', [
      ['topk by (side) (10, %s)' % by('sum', ['side', 'interface', 'method', 'instance', 'error_name'], 'dubbo:errors:rate5m{%s}' % chosen), '{{side}} {{interface}}/{{method}} {{error_name}} {{instance}}' + named],
    ], 12),
    panel.graph('Errors by instance', 'Share of the calls of an instance that failed, the ten with most.', 'percentunit', [
      ['topk by (side) (10, %s)' % share(place + ['side', 'application_name', 'instance'], 'requests_failed:rate5m'), '{{side}} {{application_name}} {{instance}}' + named],
    ], 12),
    panel.graph('Mean response time by instance', 'Time of all calls over their number, the ten slowest instances.', 's', [
      ['topk by (side) (10, %s)' % share(place + ['side', 'application_name', 'instance'], 'request_duration_seconds_sum:rate5m'), '{{side}} {{application_name}} {{instance}}' + named],
    ], 12),
    panel.graph('In flight by instance', 'Calls that have started and not ended, the ten instances with most.', 'short', [
      ['topk by (side) (10, %s)' % total(place + ['side', 'application_name', 'instance'], 'requests_in_flight', chosen), '{{side}} {{application_name}} {{instance}}' + named],
    ], 12),
  ],

  local ofMethods(side, name) = totalOfMethods(place + ['interface', 'method'], name, on(side)),
  // Exemplars are those of the buckets that processes export. Nothing is read of them but exemplars: there is no sample at the time 0.
  local exemplars(side) = 'dubbo_%s_request_duration_seconds_bucket{%s} @ 0' % [side, calls],
  local red(side, title) = [
    panel.graph(title + ' requests',
                'Calls per second that ended, by method: the ten with most.',
                'reqps',
                [['topk(10, %s)' % ofMethods(side, 'requests:rate5m'), '{{interface}}/{{method}}' + named]]),
    panel.graph(title + ' error rate',
                'Share of the calls that failed, by method: the ten with most. 0 without calls.',
                'percentunit',
                [['topk(10, %s)' % shareOrNone(ofMethods(side, 'requests_failed:rate5m'), ofMethods(side, 'requests:rate5m')), '{{interface}}/{{method}}' + named]]),
    panel.graph(title + ' errors by type',
                'Failed calls per second. A business error is an answer of the handler; the others are faults on the way.',
                'reqps',
                [[promql.by('sum', ['error_type'], 'dubbo:errors:rate5m{%s}' % on(side)), '{{error_type}}']],
                stack=true,
                overrides=panel.errorTypes),
    panel.graph(title + ' response time',
                'From the histogram of the chosen instances; where a language has none, the worst method. A gap means that there were no calls.',
                's',
                [[quantile(side, percent), 'p' + percent] for percent in ['50', '90', '95', '99']] + [[exemplars(side), 'single calls']],
                exemplar=true,
                steps=[[null, 'transparent'], [std.parseJson(config.latencySeconds), 'red']]),
    panel.heatmap(title + ' response times', 'How many calls per second took how long. A gap means that there were no calls.', [
      '%s or on () %s' % [buckets(side), native(side)],
      exemplars(side),
    ]),
    panel.graph(title + ' in flight',
                'Calls that have started and not ended, by instance: the ten with most.',
                'short',
                [['topk(10, %s)' % total(place + ['instance'], 'requests_in_flight', on(side)), '{{instance}}' + named]]),
    panel.graph(title + ' messages', 'Messages per second, which are more than calls where methods stream: the ten methods with most.', 'ops', [
      ['topk(10, %s)' % totalOfMethods(place + ['method'], 'messages_received:rate5m', on(side)), 'received, {{method}}' + named],
      ['topk(10, %s)' % totalOfMethods(place + ['method'], 'messages_sent:rate5m', on(side)), 'sent, {{method}}' + named],
    ], 24),
  ],

  // Counts are differences of counters, and rates over five minutes would not tell them to the last call. They are those of some of the chosen methods: of a
  // thousand methods on many instances, Prometheus would read for half a minute.
  local counted = application + ',interface=~"$interface",method=~"$busiest",group=~"$group",version=~"$version"',
  local ofCounts = by('sum', ['application_name', 'interface', 'method'], '%s') + ' > 0',
  local statistics(side, title) =
    panel.table(title + ' statistics', 'Calls within the chosen time, of the %d chosen methods that are called most; methods without calls are left out.' % busiest, [
      [ofCounts % within('dubbo_%s_requests_%s{%s}' % [side, column[0], counted]), column[1], 'short']
      for column in [['total', 'Calls'], ['succeed_total', 'Succeeded'], ['failed_total', 'Failed']]
    ] + [
      [ofCounts % orDerived(
        within('dubbo_%s_requests_%s{%s}' % [side, column[0], counted]),
        within('dubbo_%s_errors_total{error_type="%s",%s}' % [side, column[1], counted])
      ), column[2], 'short']
      for column in [['business_failed_total', 'business', 'Business'], ['timeout_total', 'timeout', 'Timeout'], ['failed_service_unavailable_total', 'unavailable', 'Unavailable'], ['limit_total', 'limit', 'Limit']]
    ], columns([['method', 'Method'], ['interface', 'Interface'], ['application_name', 'Application']]), 24, sort='Calls', links=variableOf(['application_name', 'interface', 'method']), last=true),

  local methods = [
    panel.table('Slowest methods', 'The ten methods with the highest p99 of all instances in the chosen time; methods without calls are left out.', [
      ['sort_desc(topk(10, max_over_time(dubbo:request_duration_seconds:p99{side=~"$side",%s,method=~"$method",group=~"$group",version=~"$version"}[$__range])))' % service, 'p99', 's'],
    ], columns([['method', 'Method'], ['interface', 'Interface'], ['application_name', 'Application'], ['side', 'Side'], ['group', 'Group'], ['version', 'Version']]), 24, sort='p99', links=variableOf(['application_name', 'interface', 'method', 'side', 'group', 'version']), hidden=['__name__']),
  ],

  local codes = [
    panel.table('Errors by code', 'Failed calls within the chosen time, by the code on the wire: the hundred with most.', [
      ['sort_desc(topk(100, %s))' % std.join(' or ', [
        'label_replace(%s > 0, "side", "%s", "", "")' % [by('sum', ['application_name', 'interface', 'method', 'instance', 'error_name', 'error_code'], within('dubbo_%s_errors_total{%s}' % [side, calls])), side]
        for side in ['provider', 'consumer']
      ]), 'Failed', 'short'],
    ], columns([['method', 'Method'], ['instance', 'Instance'], ['error_name', 'Name'], ['error_code', 'Code'], ['interface', 'Interface'], ['application_name', 'Application'], ['side', 'Side']]), 24, sort='Failed', links=choosing(['application_name', 'interface', 'method', 'instance', 'side']), overrides=panel.narrow(['Side', 'Fault'])),
  ],

  local consumer = red('consumer', 'Consumer') + [
    panel.graph('Attempts per call',
                '1 means that every call was made once; more are retries. 1 without calls.',
                'short',
                [[ratio(totalOfMethods(place + ['application_name'], 'attempts:rate5m', calls), totalOfMethods(place + ['application_name'], 'requests:rate5m', on('consumer')), 1), '{{application_name}}' + named]]),
    panel.graph('Ejections', 'Providers that calls avoid because theirs fail while those of others do not, and how often that was decided, per second.', 'short', [
      [by('sum', ['application_name', 'instance'], 'dubbo:ejected_providers{%s}' % application), 'avoided by {{instance}}' + named],
      [by('sum', ['application_name', 'instance'], 'dubbo:ejections:rate5m{%s}' % application), 'decisions of {{instance}}' + named],
    ]),
  ],

  local registry = [
    panel.timeline('Registry session', 'Whether a process has a session in ZooKeeper; without one it works on with what it knows.', [
      [by('min', ['application_name', 'instance'], 'dubbo:registry_connected{%s}' % application), '{{application_name}} {{instance}}' + named],
    ], [[null, 'red'], [1, 'green']], { '0': 'no session', '1': 'session' }),
    panel.timeline('Directory', 'How many providers a consumer can call, of those that it knows.', [
      [by('min', ['application_name', 'interface', 'instance'], 'dubbo:directory_valid_providers{%s,interface=~"$interface"}' % application), '{{instance}} {{interface}}' + named],
    ], [[null, 'red'], [1, 'green']], { '0': 'none' }),
    panel.graph('Known providers', 'Providers that each consumer knows, whether it can call them or not.', 'short', [
      [by('min', ['application_name', 'interface', 'instance'], 'dubbo:directory_providers{%s,interface=~"$interface"}' % application), '{{instance}} {{interface}}' + named],
    ], 8),
    panel.graph('Registrations', 'Successful and failed registrations of services since the start of each process.', 'short', [
      [by('sum', ['instance'], 'dubbo:registrations_succeeded{%s}' % application), 'succeeded, {{instance}}' + named],
      [by('sum', ['instance'], 'dubbo:registrations_failed{%s}' % application), 'failed, {{instance}}' + named],
    ], 8),
    panel.graph('Sessions and malformed nodes', 'Sessions that ZooKeeper granted since the start of each process, more than one after an expiry, and nodes that could not be read and were skipped.', 'short', [
      [by('sum', ['instance'], 'dubbo:registry_sessions{%s}' % application), 'sessions, {{instance}}' + named],
      [by('sum', ['instance'], 'dubbo:registry_malformed_nodes{%s}' % application), 'malformed, {{instance}}' + named],
    ]),
    panel.graph('Notifications',
                'Changes of the list of providers that consumers were told of, per second.',
                'ops',
                [[by('sum', ['instance'], 'dubbo:notifications:rate5m{%s}' % application), '{{instance}}' + named]]),
  ],

  local collection = [
    panel.graph('Age of the figures', 'Since the last push of a process, by the clock of the gateway, or since its last scrape when it does not push. Above %d s its figures are left out of the gauges.' % config.staleSeconds + '', 's', [
      [among('dubbo:figures_age_seconds{%s}' % process, 'dubbo:process_info'), '{{job}} {{instance}}' + named],
    ]),
    panel.graph('Pushes', 'Pushes per second by result. Without data there is no process in push mode.', 'ops', [
      ['sum by (result) (dubbo:pushes:rate5m{%s})' % application, '{{result}}'],
    ]),
    panel.stat('Stale groups', 'Groups in the Pushgateway that no process pushes to any more: those of killed processes, until the cleaner removes them.', 'short', 'count(%s)' % among('dubbo:push_stale{%s}' % process, 'dubbo:process_info'), thresholds=[[null, 'green'], [1, 'orange']], empty='none'),
    panel.stat('Last pass of the cleaner', 'Since the cleaner last looked at every group without an error. It is scraped when it runs as a daemon.', 's', 'time() - max(dubbo:cleaner_last_success_timestamp_seconds{%s})' % cluster, thresholds=[[null, 'green'], [promql.seconds(config.cleanedWithin), 'red']], empty='not scraped'),
    panel.graph('Cleaner', 'Groups that the cleaner deleted and spared, and passes that failed, per second.', 'ops', [
      ['sum (dubbo:cleaner_%s:rate5m{%s})' % [what, cluster], what]
      for what in ['deleted', 'spared', 'failures']
    ], 16),
  ],

  local runtime = [
    panel.graph('Worker threads', 'Threads of the runtime that are there, and that are not idle.', 'short', [
      [by('sum', ['instance'], running('dubbo:workers{%s}' % process)), 'all, {{instance}}' + named],
      [by('sum', ['instance'], running('dubbo:workers_busy{%s}' % process)), 'busy, {{instance}}' + named],
    ]),
    panel.graph('Worker saturation', 'Busy worker threads as a share of all: above %d %% calls wait for a thread.' % (100 * config.saturationRatio), 'percentunit', [
      [running('dubbo:workers_busy{%(process)s} / dubbo:workers{%(process)s}' % { process: process }), '{{job}} {{instance}}' + named],
    ], steps=[[null, 'transparent'], [config.saturationRatio, 'red']]),
    panel.graph('Queued tasks',
                'Tasks that wait for a worker thread.',
                'short',
                [[by('sum', ['instance'], running('dubbo:tasks_queued{%s}' % process)), '{{instance}}' + named]]),
    panel.graph('CPU',
                'Processor seconds per second: 1 is one core.',
                'short',
                [[running('dubbo:process_cpu_seconds:rate5m{%s}' % process), '{{job}} {{instance}}' + named]],
                6),
    panel.graph('Memory',
                'Resident set size.',
                'bytes',
                [[running('dubbo:process_resident_memory_bytes{%s}' % process), '{{job}} {{instance}}' + named]],
                6),
    panel.graph('Descriptors',
                'Open file descriptors, connections among them, as a share of the limit.',
                'percentunit',
                [[running('dubbo:process_open_fds{%(process)s} / dubbo:process_max_fds{%(process)s}' % { process: process }), '{{job}} {{instance}}' + named]],
                6),
    panel.graph('Calls on shared series',
                'Calls per second that were counted under "other" or "unknown", because their own series would have been too many.',
                'reqps',
                [[by('sum', ['instance'], running('dubbo:requests_folded:rate5m{%s}' % process)), '{{instance}}' + named]],
                6),
  ],

  // === The dashboard ===

  local busiest = 20,
  local variable(name, label, query) = {
    name: name,
    label: label,
    type: 'query',
    datasource: panel.datasource,
    definition: query,
    query: { query: query, refId: name },
    // On time range change: the list is that of the time that is shown.
    refresh: 2,
    sort: 1,
    multi: true,
    includeAll: true,
    allValue: '.*',
    current: { text: 'All', value: '$__all' },
    options: [],
    hide: 0,
    regex: '',
    skipUrlSync: false,
  },

  grafanaDashboards+:: {
    'dubbo-runbook.json': {
      uid: 'dubbo-runbook',
      title: 'Dubbo runbook',
      description: 'What each alert means, what to look at, what to do; made of docs/runbook.md.',
      tags: ['dubbo'],
      schemaVersion: 42,
      version: 1,
      editable: false,
      panels: std.mapWithIndex(function(i, section) {
        id: i + 1,
        type: 'text',
        title: section.title,
        gridPos: { x: 12 * (i % 2), y: 9 * std.floor(i / 2), w: 12, h: 9 },
        options: { mode: 'markdown', content: section.text },
      }, (import 'alert.libsonnet')(config).sections),
    },
    'dubbo.json': {
      uid: 'dubbo',
      title: 'Dubbo',
      description: 'Providers and consumers, from the figures that they push or that Prometheus scrapes.',
      tags: ['dubbo'],
      schemaVersion: 42,
      version: 1,
      editable: false,
      graphTooltip: 1,
      refresh: '10s',
      time: { from: 'now-15m', to: 'now' },
      timepicker: {},
      timezone: 'browser',
      links: [],
      annotations: {
        list: [{
          name: 'Starts',
          datasource: panel.datasource,
          enable: true,
          hide: false,
          iconColor: 'blue',
          expr: running('dubbo:process_start_time_seconds{%s} * 1000' % process),
          titleFormat: 'Start of {{instance}}',
          useValueForTime: 'on',
        }, {
          name: 'Stops',
          datasource: panel.datasource,
          enable: true,
          hide: false,
          iconColor: 'orange',
          expr: 'dubbo:process_up{%(application)s} offset 1m unless on (%(labels)s) dubbo:process_up{%(application)s}' % { application: application, labels: std.join(', ', promql.instanceLabels + ['application_name']) },
          titleFormat: 'End of {{instance}} of {{application_name}}',
        }, {
          name: 'Deployments',
          datasource: panel.datasource,
          enable: true,
          hide: false,
          iconColor: 'purple',
          // A version that was not there a minute before.
          expr: 'count by (%(labels)s) (dubbo:process_info{%(application)s}) unless on (%(labels)s) dubbo:process_info{%(application)s} offset 1m' % { application: application, labels: std.join(', ', promql.applicationLabels + ['application_version']) },
          titleFormat: '{{application_name}} {{application_version}}',
        }],
      },
      templating: {
        list: [
          {
            name: 'datasource',
            label: 'Data source',
            type: 'datasource',
            query: 'prometheus',
            refresh: 1,
            multi: false,
            includeAll: false,
            current: {},
            options: [],
            hide: 0,
            regex: '',
            skipUrlSync: false,
          },
        ] + [
          variable(label, title(label), 'label_values(dubbo:process_info, %s)' % label)
          for label in config.clusterLabels
        ] + [
          variable('job', 'Job', 'label_values(dubbo:process_info{%s}, job)' % cluster),
          variable('application', 'Application', 'label_values(dubbo:process_info{%s}, application_name)' % inCluster('job=~"$job"')),
          variable('instance', 'Instance', 'label_values(dubbo:process_info{%s}, instance)' % inCluster('job=~"$job",application_name=~"$application"')),
          {
            name: 'side',
            label: 'Side',
            type: 'custom',
            query: 'provider,consumer',
            multi: false,
            includeAll: true,
            allValue: '.*',
            current: { text: 'All', value: '$__all' },
            options: [],
            hide: 0,
            skipUrlSync: false,
          },
          variable('interface', 'Interface', 'label_values(dubbo:instance_requests:rate5m{%s}, interface)' % application),
          variable('group', 'Group', 'label_values(dubbo:requests:rate5m{%s,interface=~"$interface"}, group)' % application),
          variable('version', 'Version', 'label_values(dubbo:requests:rate5m{%s,interface=~"$interface"}, version)' % application),
          variable('method', 'Method', 'label_values(dubbo:requests:rate5m{%s,interface=~"$interface"}, method)' % application),
          // Of which methods calls are counted.
          variable('busiest', 'Busiest methods', 'query_result(topk(%d, sum by (method) (max_over_time(dubbo:method_requests:rate5m{%s,%s}[$__range]))))' % [
            busiest,
            service,
            'method=~"$method",group=~"$group",version=~"$version"',
          ]) { regex: '/^\\{method="(.*)"\\} \\S+ \\S+$/', hide: 2, allValue:: null },
        ],
      },
      panels: panel.place([
        ['Overview', overview],
        ['Which instance, which method, which code', failing],
        ['At a glance', glance('provider', 'Provider') + glance('consumer', 'Consumer')],
        ['Provider', red('provider', 'Provider'), true],
        ['Consumer', consumer, true],
        ['Slowest methods', methods, true],
        ['Statistics', [statistics('provider', 'Provider'), statistics('consumer', 'Consumer')] + codes, true],
        ['Registry and directory', registry, true],
        ['Collection', collection, true],
        ['Runtime and process', runtime, true],
      ]),
    },
  },
}
