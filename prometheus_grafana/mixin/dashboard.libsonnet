// The dashboard, grafana.json. Panels are listed row by row; their places on the grid follow from their widths.
local panel = import 'panel.libsonnet';
(import 'config.libsonnet') + {
  local config = $._config,

  // === Selectors and expressions ===

  local process = 'job=~"$job",instance=~"$instance"',
  local application = process + ',application_name=~"$application"',
  local calls = application + ',interface=~"$interface",method=~"$method"',

  // Groups that nobody pushes to any more keep their last values; they say nothing about now.
  local live(selector) =
    '(%s unless on (job, instance) (time() - push_time_seconds > %d))' % [selector, config.staleSeconds],
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
    panel.stat(title + ' success rate', 'Share of the calls that succeeded; 100 % before the first call. ' + window, 'percentunit',
               ratio(now(side, 'requests_succeed_total_aggregate'), now(side, 'requests_total_aggregate'), 1),
               thresholds=[[null, 'red'], [0.95, 'orange'], [0.99, 'green']]),
    panel.stat(title + ' P99', '99 of 100 calls took at most this long, from the histogram of all instances. Without calls there is no figure.', 's', quantile(side, '99'), empty='no calls'),
  ],

  local red(side, title) = [
    panel.graph(title + ' requests', 'Calls per second that ended, by method.', 'reqps',
                [[rate(side, 'requests_total', 'interface, method'), '{{interface}}/{{method}}']]),
    panel.graph(title + ' error rate', 'Share of the calls that failed, by method; 0 without calls.', 'percentunit',
                [[ratio(rate(side, 'requests_failed_total', 'interface, method'), rate(side, 'requests_total', 'interface, method'), 0), '{{interface}}/{{method}}']]),
    panel.graph(title + ' errors by type', 'Failed calls per second. A business error is an answer of the handler; the others are faults on the way.', 'reqps',
                [[rate(side, 'errors_total', 'error_type'), '{{error_type}}']], stack=true),
    panel.graph(title + ' response time', 'From the histogram of all instances. A gap means that there were no calls.', 's',
                [[quantile(side, percent), 'p' + percent] for percent in ['50', '90', '95', '99']]),
    panel.heatmap(title + ' response times', 'How many calls per second took how long. A gap means that there were no calls.', rate(side, 'request_duration_seconds_bucket', 'le')),
    panel.graph(title + ' in flight', 'Calls that have started and not ended, by instance.', 'short',
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
    panel.graph('Attempts per call', '1 means that every call was made once; more are retries. 1 without calls.', 'short',
                [[ratio(rate('consumer', 'attempts_total', 'application_name'), rate('consumer', 'requests_total', 'application_name'), 1), '{{application_name}}']], 24),
  ],

  local registry = [
    panel.graph('Registry session', '1 with a session in ZooKeeper, 0 without; a process works on with what it knows.', 'bool_on_off',
                [['max by (application_name, instance) (%s)' % live('dubbo_registry_connected{%s}' % application), '{{instance}}']], 8),
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
    panel.graph('Notifications', 'Changes of the list of providers that consumers were told of, per second.', 'ops',
                [['sum by (instance) (rate(dubbo_registry_notify_requests_total{%s}[$__rate_interval]))' % application, '{{instance}}']]),
  ],

  local collection = [
    panel.graph('Age of the figures', 'Since the last push of a process, or since its last scrape when it does not push. Above a minute its figures are left out of the gauges.', 's', [
      ['time() - push_time_seconds{%(process)s} or time() - timestamp(dubbo_application_info_total{%(process)s} unless on (job, instance) push_time_seconds)' % { process: process }, '{{job}} {{instance}}'],
    ]),
    panel.graph('Pushes', 'Pushes per second by result. A process in pull mode pushes nothing.', 'ops', [
      ['sum by (result) (rate(dubbo_push_requests_total{%s}[$__rate_interval])) or label_replace(sum(dubbo_application_info_total{%s}) * 0, "result", "none: pull mode", "", "")' % [process, process], '{{result}}'],
    ]),
  ],

  local runtime = [
    panel.graph('Worker threads', 'Threads of the runtime that are there, and that are not idle.', 'short', [
      ['sum by (instance) (%s)' % live('dubbo_thread_pool_thread_count{%s}' % application), 'all, {{instance}}'],
      ['sum by (instance) (%s)' % live('dubbo_thread_pool_active_size{%s}' % application), 'busy, {{instance}}'],
    ]),
    panel.graph('Queued tasks', 'Tasks that wait for a worker thread.', 'short',
                [['sum by (instance) (%s)' % live('dubbo_thread_pool_queue_size{%s}' % application), '{{instance}}']]),
    panel.graph('CPU', 'Processor seconds per second: 1 is one core.', 'short',
                [['rate(process_cpu_seconds_total{%s}[$__rate_interval])' % process, '{{job}} {{instance}}']], 6),
    panel.graph('Memory', 'Resident set size.', 'bytes',
                [[live('process_resident_memory_bytes{%s}' % process), '{{job}} {{instance}}']], 6),
    panel.graph('Open files', 'File descriptors, connections among them.', 'short',
                [[live('process_open_fds{%s}' % process), '{{job}} {{instance}}']], 6),
    panel.graph('Calls on shared series', 'Calls per second that were counted under "other" or "unknown", because their own series would have been too many.', 'reqps',
                [['sum by (instance) (rate(dubbo_metrics_series_folded_total{%s}[$__rate_interval]))' % application, '{{instance}}']], 6),
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
  local both = '{__name__=~"dubbo_(provider|consumer)_requests_total",%s}',

  grafanaDashboards+:: {
    'dubbo.json': {
      uid: 'dubbo',
      title: 'Dubbo',
      description: 'Providers and consumers, from the figures that they push or that Prometheus scrapes.',
      tags: ['dubbo'],
      schemaVersion: 39,
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
          expr: 'process_start_time_seconds{%s} * 1000' % process,
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
          variable('job', 'Job', 'label_values(dubbo_application_info_total, job)'),
          variable('application', 'Application', 'label_values(dubbo_application_info_total{job=~"$job"}, application_name)'),
          variable('instance', 'Instance', 'label_values(dubbo_application_info_total{job=~"$job",application_name=~"$application"}, instance)'),
          variable('interface', 'Interface', 'label_values(%s, interface)' % (both % application)),
          variable('method', 'Method', 'label_values(%s, method)' % (both % (application + ',interface=~"$interface"'))),
        ],
      },
      panels: panel.place([
        ['At a glance', glance('provider', 'Provider') + glance('consumer', 'Consumer')],
        ['Provider', red('provider', 'Provider')],
        ['Consumer', consumer],
        ['Methods', methods],
        ['Registry and directory', registry],
        ['Collection', collection],
        ['Runtime and process', runtime],
      ]),
    },
  },
}
