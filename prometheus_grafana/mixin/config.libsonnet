// What a user of this mixin may want to change; everything else follows from it.
{
  _config+:: {
    // Labels that tell one service from another; a cluster may add its own, such as namespace.
    serviceLabels: ['application_name', 'interface'],
    methodLabels: self.serviceLabels + ['group', 'version', 'method'],

    // What Prometheus scrapes: the jobs of prometheus_pull.yml, or those that the operator makes of the PodMonitors.
    processes: 'job=~"dubbo|.+/dubbo-pod-monitor"',
    pushgateway: 'job=~"pushgateway|.+/pushgateway"',

    // Of 30 days: the share of calls that are answered, with a result or with a business error.
    availabilityObjective: 0.999,
    // Of 30 days: the share of calls that take at most latencySeconds, which must be a bound of the histogram; Prometheus 3 writes
    // whole numbers as 1.0.
    latencyObjective: 0.99,
    latencySeconds: '0.25',

    // Business errors are answers, and no outage; this many are a fault all the same.
    businessErrorRatio: 0.05,
    // Calls in flight in one process.
    inFlightLimit: 200,
    // Attempts for each call.
    attemptsRatio: 1.2,
    // A group that nobody has pushed to for so long is stale; six times the interval at which processes push.
    staleSeconds: 60,

    runbook: 'docs/runbook.md',
  },
}
