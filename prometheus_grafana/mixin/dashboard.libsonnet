// The dashboard, grafana.json: what is wrong, and then, in folded rows, everything else. Panels are listed row by row; their places on the
// grid follow from their widths.
local panel = import 'panel.libsonnet';
(import 'config.libsonnet') + {
  local config = $._config,

  // === Selectors and expressions ===

  local promql = (import 'promql.libsonnet')(config),
  local cluster = std.join(',', ['%s=~"$%s"' % [label, label] for label in config.clusterLabels]),
  local process = cluster + ',job=~"$job",instance=~"$instance"',
  local application = process + ',application_name=~"$application"',
  local calls = application + ',interface=~"$interface",method=~"$method"',
  // Series of all instances together.
  local service = cluster + ',application_name=~"$application",interface=~"$interface"',

  // Groups that nobody pushes to any more keep their last values, which say nothing about now.
  local live(selector) = promql.live(selector),
  local rate(side, family, by='') =
    'sum%s (rate(dubbo_%s_%s{%s}[$__rate_interval]))' % [if by == '' then '' else ' by (%s)' % by, side, family, calls],
  local now(side, family) = 'sum(%s)' % live('dubbo_%s_%s{%s}' % [side, family, calls]),
  // Reads `idle` when nothing was called, and nothing when there is nobody to ask.
  local ratio(part, all, idle) = '%s / (%s > 0) or %s * 0 + %d' % [part, all, all, idle],
  local quantile(side, percent, by='') =
    'histogram_quantile(0.%s, %s) >= 0' % [percent, rate(side, 'request_duration_seconds_bucket', 'le' + (if by == '' then '' else ', ' + by))],

  // === The rows ===

  local window = 'Over the sliding window of the processes themselves, 120 s if --metrics-window says nothing else.',

  local glance(side, title) = [
    panel.stat(title + ' QPS', 'Calls per second, of all instances. ' + window + ' A process that is younger shows its rate from the first second on.', 'reqps', now(side, 'qps_total')),
    panel.stat(title + ' success rate',
               'Share of the calls that succeeded; 100 % before the first call. ' + window,
               'percentunit',
               ratio(now(side, 'requests_succeed_total_aggregate'), now(side, 'requests_total_aggregate'), 1),
               thresholds=[[null, 'red'], [0.95, 'orange'], [0.99, 'green']]),
    panel.stat(title + ' P99', '99 of 100 calls took at most this long, from the histogram of all instances. Without calls there is no figure.', 's', quantile(side, '99'), empty='no calls'),
  ],

  // A share of the objective's budget, of the service that has least left; of the last hour as long as there is not more.
  local left(part, side) =
    'min(1 - (dubbo:%(part)s_missed:ratio3d{%(which)s} or dubbo:%(part)s_missed:ratio1h{%(which)s}) / dubbo:%(part)s_budget{%(which)s})' % {
      part: part,
      which: 'side="%s",%s' % [side, service],
    },
  local budget(part, side, title, what) =
    panel.stat(title,
               'Of the budget that the objective leaves for calls that %s, at the pace of the last three days: the service with least. Below 0 the objective is missed.' % what,
               'percentunit',
               left(part, side),
               thresholds=[[null, 'red'], [0, 'orange'], [0.25, 'green']],
               empty='no calls'),

  local overview = [
    budget('availability', 'provider', 'Provider availability budget', 'stay without an answer'),
    budget('latency', 'provider', 'Provider latency budget', 'take longer than %s s' % config.latencySeconds),
    budget('availability', 'consumer', 'Consumer availability budget', 'stay without an answer'),
    budget('latency', 'consumer', 'Consumer latency budget', 'take longer than %s s' % config.latencySeconds),
    panel.stat('Processes', 'Processes whose figures are alive.', 'short', 'count(count by (%s) (dubbo:process_up{%s}))' % [std.join(', ', promql.instanceLabels), application], empty='no process'),
    panel.stat('Providers', 'Processes that provide the chosen interfaces.', 'short', 'sum(dubbo:interface_processes{side="provider",%s})' % service, thresholds=[[null, 'red'], [1, 'green']], empty='no provider'),
    panel.table('Firing alerts', 'Alerts of this mixin that fire now; empty when there is none.', [
      ['sum by (alertname, severity, %s, interface, instance) (ALERTS{alertstate="firing",alertname=~"Dubbo.+",alertname!="DubboWatchdog",%s})' % [std.join(', ', promql.applicationLabels), cluster], 'Firing', 'short'],
    ], 12),
    panel.graph('Calls by application', 'Calls per second of each side, by application and interface: the ten with most.', 'reqps', [
      ['topk(10, sum by (application_name, interface) (dubbo:requests:rate5m{side="%s",%s}))' % [side, calls], side + ' {{application_name}} {{interface}}']
      for side in ['provider', 'consumer']
    ]),
    panel.graph('Errors by application', 'Share of the calls that failed, business errors included: the ten with most.', 'percentunit', [
      ['topk(10, sum by (application_name, interface) (dubbo:requests_failed:rate5m{side="%(side)s",%(calls)s}) / (sum by (application_name, interface) (dubbo:requests:rate5m{side="%(side)s",%(calls)s}) > 0))' % { side: side, calls: calls }, side + ' {{application_name}} {{interface}}']
      for side in ['provider', 'consumer']
    ]),
    panel.graph('P99 by method', 'Response time that 99 of 100 calls did not exceed: the ten slowest methods.', 's', [
      ['topk(10, dubbo:request_duration_seconds:p99{side="%s",%s,method=~"$method"})' % [side, service], side + ' {{application_name}} {{interface}}/{{method}}']
      for side in ['provider', 'consumer']
    ]),
  ],

  local failing = [
    panel.table('Failing calls', 'Failed calls per second, by method, instance and code; a click on a value chooses it.', [
      ['sort_desc(sum by (side, application_name, interface, method, instance, error_name, fault) (dubbo:errors:rate5m{%s}))' % calls, 'Failed', 'reqps'],
    ], 24, sort='Failed', links={ application_name: 'application', interface: 'interface', method: 'method', instance: 'instance' }),
    panel.graph('Failing calls over time', 'Since when: failed calls per second, by method, instance and code, the ten with most.', 'reqps', [
      ['topk(10, sum by (side, interface, method, instance, error_name) (dubbo:errors:rate5m{%s}))' % calls, '{{side}} {{interface}}/{{method}} {{error_name}} {{instance}}'],
    ], 12),
    panel.graph('Errors by instance', 'Share of the calls of an instance that failed, the ten with most.', 'percentunit', [
      ['topk(10, sum by (side, application_name, instance) (dubbo:requests_failed:rate5m{%(calls)s}) / (sum by (side, application_name, instance) (dubbo:requests:rate5m{%(calls)s}) > 0))' % { calls: calls }, '{{side}} {{application_name}} {{instance}}'],
    ], 12),
    panel.graph('Mean response time by instance', 'Time of all calls over their number, the ten slowest instances.', 's', [
      ['topk(10, sum by (side, application_name, instance) (dubbo:request_duration_seconds_sum:rate5m{%(calls)s}) / (sum by (side, application_name, instance) (dubbo:requests:rate5m{%(calls)s}) > 0))' % { calls: calls }, '{{side}} {{application_name}} {{instance}}'],
    ], 12),
    panel.graph('In flight by instance', 'Calls that have started and not ended, the ten instances with most.', 'short', [
      ['topk(10, sum by (side, application_name, instance) (dubbo:requests_in_flight{%s}))' % calls, '{{side}} {{application_name}} {{instance}}'],
    ], 12),
  ],

  local red(side, title) = [
    panel.graph(title + ' requests',
                'Calls per second that ended, by method.',
                'reqps',
                [[rate(side, 'requests_total', 'interface, method'), '{{interface}}/{{method}}']]),
    panel.graph(title + ' error rate',
                'Share of the calls that failed, by method; 0 without calls.',
                'percentunit',
                [[ratio(rate(side, 'requests_failed_total', 'interface, method'), rate(side, 'requests_total', 'interface, method'), 0), '{{interface}}/{{method}}']]),
    panel.graph(title + ' errors by type',
                'Failed calls per second. A business error is an answer of the handler; the others are faults on the way.',
                'reqps',
                [[rate(side, 'errors_total', 'error_type'), '{{error_type}}']],
                stack=true),
    panel.graph(title + ' response time',
                'From the histogram of all instances. A gap means that there were no calls.',
                's',
                [[quantile(side, percent), 'p' + percent] for percent in ['50', '90', '95', '99']]),
    panel.heatmap(title + ' response times', 'How many calls per second took how long. A gap means that there were no calls.', rate(side, 'request_duration_seconds_bucket', 'le')),
    panel.graph(title + ' in flight',
                'Calls that have started and not ended, by instance.',
                'short',
                [['sum by (instance) (%s)' % live('dubbo_%s_requests_processing_total{%s}' % [side, calls]), '{{instance}}']]),
    panel.table(title + ' statistics', 'Since the start of each process.', [
      ['sum by (application_name, interface, method) (dubbo_%s_requests_%s{%s})' % [side, column[0], calls], column[1], 'short']
      for column in [['total', 'Calls'], ['succeed_total', 'Succeeded'], ['failed_total', 'Failed'], ['business_failed_total', 'Business'], ['timeout_total', 'Timeout'], ['failed_service_unavailable_total', 'Unavailable']]
    ], 24),
  ],

  local methods = [
    panel.table('Slowest methods', 'The ten methods with the highest p99 over the chosen time; methods without calls are left out.', [
      [std.join(' or ', [
        'label_replace(topk(10, histogram_quantile(0.99, sum by (le, application_name, interface, method) (rate(dubbo_%s_request_duration_seconds_bucket{%s}[$__range]))) >= 0), "side", "%s", "", "")' % [side, calls, side]
        for side in ['provider', 'consumer']
      ]), 'p99', 's'],
    ], 12),
    panel.table('Errors by code', 'Failed calls since the start of each process, by the code on the wire.', [
      [std.join(' or ', [
        'label_replace(sum by (application_name, interface, method, error_type, error_code) (dubbo_%s_errors_total{%s}), "side", "%s", "", "")' % [side, calls, side]
        for side in ['provider', 'consumer']
      ]), 'Failed', 'short'],
    ], 12),
  ],

  local consumer = red('consumer', 'Consumer') + [
    panel.graph('Attempts per call',
                '1 means that every call was made once; more are retries. 1 without calls.',
                'short',
                [[ratio(rate('consumer', 'attempts_total', 'application_name'), rate('consumer', 'requests_total', 'application_name'), 1), '{{application_name}}']],
                24),
  ],

  local registry = [
    panel.graph('Registry session',
                '1 with a session in ZooKeeper, 0 without; a process works on with what it knows.',
                'bool_on_off',
                [['max by (application_name, instance) (%s)' % live('dubbo_registry_connected{%s}' % application), '{{instance}}']],
                8),
    panel.graph('Directory', 'Providers that each consumer knows, and those of them that it can call.', 'short', [
      ['sum by (instance) (%s)' % live('dubbo_registry_directory_num_all{%s}' % application), 'known to {{instance}}'],
      ['sum by (instance) (%s)' % live('dubbo_registry_directory_num_valid_total{%s}' % application), 'valid for {{instance}}'],
    ], 8),
    panel.graph('Registrations', 'Successful and failed registrations of services since the start of each process.', 'short', [
      ['sum by (instance) (dubbo_registry_register_service_succeed_total{%s})' % application, 'succeeded, {{instance}}'],
      ['sum by (instance) (dubbo_registry_register_service_failed_total{%s})' % application, 'failed, {{instance}}'],
    ], 8),
    panel.graph('Sessions and malformed nodes', 'Sessions that ZooKeeper granted since the start of each process, more than one after an expiry, and nodes that could not be read and were skipped.', 'short', [
      ['sum by (instance) (dubbo_registry_sessions_total{%s})' % application, 'sessions, {{instance}}'],
      ['sum by (instance) (dubbo_registry_malformed_nodes_total{%s})' % application, 'malformed, {{instance}}'],
    ]),
    panel.graph('Notifications',
                'Changes of the list of providers that consumers were told of, per second.',
                'ops',
                [['sum by (instance) (rate(dubbo_registry_notify_requests_total{%s}[$__rate_interval]))' % application, '{{instance}}']]),
  ],

  local collection = [
    panel.graph('Age of the figures', 'Since the last push of a process, by the clock of the gateway, or since its last scrape when it does not push. Above %d s its figures are left out of the gauges.' % config.staleSeconds + '', 's', [
      ['dubbo:figures_age_seconds{%s}' % process, '{{job}} {{instance}}'],
    ]),
    panel.graph('Pushes', 'Pushes per second by result. Without data there is no process in push mode.', 'ops', [
      ['sum by (result) (rate(dubbo_push_requests_total{%s}[$__rate_interval]))' % process, '{{result}}'],
    ]),
  ],

  local runtime = [
    panel.graph('Worker threads', 'Threads of the runtime that are there, and that are not idle.', 'short', [
      ['sum by (instance) (%s)' % live('dubbo_thread_pool_thread_count{%s}' % application), 'all, {{instance}}'],
      ['sum by (instance) (%s)' % live('dubbo_thread_pool_active_size{%s}' % application), 'busy, {{instance}}'],
    ]),
    panel.graph('Queued tasks',
                'Tasks that wait for a worker thread.',
                'short',
                [['sum by (instance) (%s)' % live('dubbo_thread_pool_queue_size{%s}' % application), '{{instance}}']]),
    panel.graph('CPU',
                'Processor seconds per second: 1 is one core.',
                'short',
                [['dubbo:process_cpu_seconds:rate5m{%s}' % process, '{{job}} {{instance}}']],
                6),
    panel.graph('Memory',
                'Resident set size.',
                'bytes',
                [['dubbo:process_resident_memory_bytes{%s}' % process, '{{job}} {{instance}}']],
                6),
    panel.graph('Descriptors',
                'Open file descriptors, connections among them, as a share of the limit.',
                'percentunit',
                [['dubbo:process_open_fds{%(process)s} / dubbo:process_max_fds{%(process)s}' % { process: process }, '{{job}} {{instance}}']],
                6),
    panel.graph('Calls on shared series',
                'Calls per second that were counted under "other" or "unknown", because their own series would have been too many.',
                'reqps',
                [['sum by (instance) (rate(dubbo_metrics_series_folded_total{%s}[$__rate_interval]))' % application, '{{instance}}']],
                6),
  ],

  // === The dashboard ===

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
          expr: 'dubbo:process_start_time_seconds{%s} * 1000' % process,
          titleFormat: 'Start of {{instance}}',
          useValueForTime: 'on',
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
          variable(label, std.asciiUpper(label[0]) + label[1:], 'label_values(dubbo:process_info, %s)' % label)
          for label in config.clusterLabels
        ] + [
          variable('job', 'Job', 'label_values(dubbo:process_info{%s}, job)' % cluster),
          variable('application', 'Application', 'label_values(dubbo:process_info{%s,job=~"$job"}, application_name)' % cluster),
          variable('instance', 'Instance', 'label_values(dubbo:process_info{%s,job=~"$job",application_name=~"$application"}, instance)' % cluster),
          variable('interface', 'Interface', 'label_values(dubbo:requests:rate5m{%s}, interface)' % application),
          variable('method', 'Method', 'label_values(dubbo:requests:rate5m{%s,interface=~"$interface"}, method)' % application),
        ],
      },
      panels: panel.place([
        ['Overview', overview],
        ['Which instance, which method, which code', failing],
        ['At a glance', glance('provider', 'Provider') + glance('consumer', 'Consumer')],
        ['Provider', red('provider', 'Provider'), true],
        ['Consumer', consumer, true],
        ['Methods', methods, true],
        ['Registry and directory', registry, true],
        ['Collection', collection, true],
        ['Runtime and process', runtime, true],
      ]),
    },
  },
}
