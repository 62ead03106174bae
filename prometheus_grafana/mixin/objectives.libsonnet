// Recorded series of the objectives: how many calls there were in each window, how many missed the objective, and how many may.
(import 'config.libsonnet') + {
  local config = $._config,
  local promql = (import 'promql.libsonnet')(config),
  local record(name, expr) = { record: 'dubbo:' + name, expr: promql.text(expr) },

  // A method with an objective of its own is a service of its own, with its name in `method`.
  local own = 'on (interface, method) dubbo_objective{method!=""}',
  local labels = promql.serviceLabels + ['side'],
  local service(vector) =
    '%s\nor\n%s' % [promql.sum(labels, '(%s)\nunless %s' % [vector, own]), promql.sum(labels + ['method'], '(%s)\nand %s' % [vector, own])],

  local windows = std.set(std.flatMap(function(rate) [rate.long, rate.short], config.burnRates), promql.seconds),
  // 5-minute rates side by side cover a window exactly; a short window is looked at more closely. A second less, since Prometheus 2
  // counts both ends of a range and Prometheus 3 one.
  local counted(name, window) =
    local step = if promql.seconds(window) > 3600 then 300 else 60;
    'sum_over_time(%s[%ds:%ds]) * %d' % [name, promql.seconds(window) - 1, step, step],
  local ratio(part, all) = '%(part)s / (%(all)s > 0)\nor\n%(all)s * 0' % { part: part, all: all },

  local objectives = {
    availability: { all: 'service_requests', missed: 'service_requests_faulty', default: config.availabilityObjective },
    latency: { all: 'service_requests_timed', missed: 'service_requests_slow', default: config.latencyObjective },
  },
  local budget(name) =
    local one = objectives[name];
    local all = 'dubbo:%s:rate5m' % one.all;
    |||
      (%(all)s * 0 + 1)
      * on (interface, method) group_left ()
      (1 - max by (interface, method) (dubbo_objective{objective="%(name)s"}))
      or
      %(all)s * 0 + %(budget)s
    ||| % { all: all, name: name, budget: promql.number(1 - one.default) },

  local data = [
    { record: 'dubbo_objective', expr: 'vector(%s)' % promql.number(one[name]), labels: { objective: name, interface: one.interface } + if std.objectHas(one, 'method') then { method: one.method } else {} }
    for one in config.objectives
    for name in std.objectFields(objectives)
    if std.objectHas(one, name)
  ],

  prometheusRules+:: {
    groups+: (if data == [] then [] else [{ name: 'dubbo-objectives-data', interval: config.objectivesInterval, rules: data }]) + [{
      name: 'dubbo-objectives',
      interval: config.objectivesInterval,
      rules: [
        record('service_requests:rate5m', service('dubbo:method_requests:rate5m')),
        record('service_requests_faulty:rate5m', service('dubbo:method_requests_faulty:rate5m')),
        record('service_requests_timed:rate5m', service(promql.short('dubbo:method_requests_timed:rate5m'))),
        record('service_requests_slow:rate5m', service(promql.short('dubbo:method_requests_slow:rate5m'))),
      ] + [
        record(name + '_budget', budget(name))
        for name in std.objectFields(objectives)
      ] + [
        record('%s:sum%s' % [name, window], counted('dubbo:%s:rate5m' % name, window))
        for window in windows
        for name in std.flatMap(function(name) [objectives[name].all, objectives[name].missed], std.objectFields(objectives))
      ] + [
        record('%s_missed:ratio%s' % [name, window], ratio('dubbo:%s:sum%s' % [objectives[name].missed, window], 'dubbo:%s:sum%s' % [objectives[name].all, window]))
        for window in windows
        for name in std.objectFields(objectives)
      ],
    }],
  },
}
