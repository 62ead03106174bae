// What a user of this mixin may want to change; everything else follows from it.
{
  _config+:: {
    // === Where the figures come from ===

    // Labels that tell one installation from another; they are in every sum, join, variable and alert. Labels that no series has do no harm.
    clusterLabels: ['cluster', 'namespace'],
    // A further matcher for every family that is read, such as 'namespace=~"shop|till"'.
    dubboSelector: '',
    // Whose families are read: rust (this project), go (dubbo-go 3.3), java (Dubbo 3.3, with the names of both Prometheus clients).
    languages: ['rust', 'go', 'java'],
    // Interfaces of the frameworks themselves, which are no traffic. dubbo-go counts its own health checks, Dubbo Java its
    // metadata and metrics services.
    ignoredInterfaces: 'grpc\\\\.health\\\\..+|grpc\\\\.reflection\\\\..+|org\\\\.apache\\\\.dubbo\\\\.(metadata|metrics)\\\\..+',

    // What Prometheus scrapes: the jobs of prometheus_pull.yml, or those that the operator makes of monitors and the Helm chart of its services.
    processes: 'job=~"(.+/)?dubbo(-.+)?"',
    pushgateway: 'job=~"(.*[-/])?pushgateway"',
    zookeeper: 'job=~"(.*[-/])?zookeeper"',
    cleaner: 'job=~"(.*[-/])?(pgw-)?cleaner"',
    alertmanager: 'job=~"(.*[-/])?alertmanager(-.+)?"',

    // === Objectives ===

    // Of 30 days: the share of calls that are answered, with a result, with a business error, or with an error that is the caller's own.
    availabilityObjective: 0.999,
    // Of 30 days: the share of calls that take at most latencySeconds, which must be a bound of the histogram.
    latencyObjective: 0.99,
    latencySeconds: '0.25',
    // Dubbo Java's histogram has other bounds (0.1, 0.3, 0.5, 1.0, 3.0, 5.0, 10.0): its calls may take at most this.
    javaLatencySeconds: '0.3',
    // The bounds that --metrics-buckets chooses. Empty where processes are scraped as native histograms, which know the calls below any time.
    bounds: ['0.0005', '0.001', '0.0025', '0.005', '0.01', '0.025', '0.05', '0.1', '0.25', '0.5', '1', '2.5', '5', '10'],
    // Objectives of single interfaces or methods:
    //   { interface: 'shop.Orders', availability: 0.9995 }, { interface: 'shop.Orders', method: 'Export', latency: 0.9 }
    // They become series dubbo_objective, which a rule file of your own may record just as well.
    objectives: [],
    // Methods whose calls last for long on purpose, streams above all. They have no latency objective and are not counted as in flight:
    //   { interface: 'chat.Room', method: 'Listen|Talk' }, both regular expressions
    longCalls: [],
    // In a window with fewer calls or fewer failures no budget is called burnt: one failure in sixty calls is no outage.
    minimumCalls: 20,
    minimumFailures: 5,
    // Multi-window, multi-burn-rate (Google's SRE workbook, chapter 5).
    burnRates: [
      { severity: 'critical', long: '1h', short: '5m', factor: 14.4, pending: '2m' },
      { severity: 'critical', long: '6h', short: '30m', factor: 6, pending: '5m' },
      { severity: 'warning', long: '1d', short: '2h', factor: 3, pending: '15m' },
      { severity: 'warning', long: '3d', short: '6h', factor: 1, pending: '15m' },
    ],

    // === Limits ===

    // Business errors are answers, and no outage; this many are a fault all the same.
    businessErrorRatio: 0.05,
    // Calls in flight in one process.
    inFlightLimit: 200,
    // Attempts for each call.
    attemptsRatio: 1.2,
    // Busy worker threads, and open file descriptors, as shares of all that there are.
    saturationRatio: 0.9,
    descriptorsRatio: 0.8,
    // A group whose push time has not moved for so long is stale: several times the interval of pushes, and twice that of scrapes.
    staleSeconds: 120,
    // When a gateway takes no push at all, it or the way to it is at fault, and processes that only push are not missed for so long.
    gatewaySilentWithin: '15m',
    // A stale group that is still there after so long was not cleaned up; longer than the cleaner's --ttl and --interval.
    cleanedWithin: '1h',
    // Applications that were there within this time and are not now are missed, other than these.
    goneWithin: '1h',
    batchApplications: '',
    // Starts of an application's processes within 15 minutes, for each process that it has.
    restartsLimit: 3,

    // === How often ===

    // Rates look back so far: at least four times the longest interval of scrapes and pushes.
    rateWindow: '5m',
    // Between evaluations of the calls, and of the objectives' windows.
    callsInterval: '15s',
    objectivesInterval: '1m',
    // Rules of calls are evaluated in so many parts at the same time, each with some of the methods. More than one for thousands of methods
    // times instances: mixin/README.md says what they cost.
    parts: 1,

    // === Links ===

    grafanaURL: 'http://localhost:3000',
    // Where an alert is explained; %s is its name in small letters, as in 'https://example.com/docs/runbook.md#%s'. Null is the dashboard
    // "Dubbo runbook", which is made of docs/runbook.md.
    runbookURLPattern: null,
  },
}
