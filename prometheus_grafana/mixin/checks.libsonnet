// What is wrong with the options: a line for each mistake, which begins with the option's name. Prometheus would take most of them and be silent.
function(config)
  // std.all, which Debian's jsonnet does not know.
  local all(list) = std.foldl(function(so_far, one) so_far && one, list, true),
        is(type, value) = std.type(value) == type,
        within(number, least, most) = is('number', number) && number >= least && number <= most,
        share(number) = is('number', number) && number > 0 && number < 1,
        // A number and one unit, as in 5m.
        isDuration(text) =
    is('string', text) && std.length(text) > 1 && std.member('smhd', text[std.length(text) - 1]) &&
    all([std.member('0123456789', digit) for digit in std.stringChars(text[:std.length(text) - 1])]) && std.parseInt(text[:std.length(text) - 1]) > 0,
        seconds = (import 'promql.libsonnet')(config).seconds,
        has(one, fields) = is('object', one) && all([std.objectHas(one, field) && is('string', one[field]) for field in fields]),
        isLabel(text) =
    is('string', text) && text != '' && !std.member('0123456789', text[0]) &&
    all([std.member('abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_', letter) for letter in std.stringChars(text)]);
  // Each: [option, whether it may be so, what it should be]; the second is looked at only when those before it in its list hold.
  local check(option, right, should) = if right then [] else ['_config.%s should be %s, and is %s' % [option, should, std.manifestJsonEx(config[option], '', ' ')]];
  local duration(option) = check(option, isDuration(config[option]), 'a number with one of the units s, m, h and d, such as 5m');
  local matcher(option) = check(option, is('string', config[option]) && std.length(std.findSubstr('=', config[option])) > 0 && std.length(std.findSubstr('{', config[option])) == 0, 'a matcher of labels without braces, such as job="dubbo"');
  local languages = ['rust', 'go', 'java'];
  local ours = ['job', 'instance', 'application_name', 'side', 'interface', 'group', 'version', 'method', 'le'];

  check('clusterLabels', is('array', config.clusterLabels) && all([isLabel(label) && !std.member(ours, label) for label in config.clusterLabels]), 'a list of names of labels other than ' + std.join(', ', ours)) +
  check('languages', is('array', config.languages) && config.languages != [] && all([std.member(languages, language) for language in config.languages]), 'a list of one or more of ' + std.join(', ', languages)) +
  (if config.dubboSelector == '' then [] else matcher('dubboSelector')) +
  std.flatMap(matcher, ['processes', 'pushgateway', 'zookeeper', 'cleaner', 'alertmanager']) +
  check('availabilityObjective', share(config.availabilityObjective), 'between 0 and 1') +
  check('latencyObjective', share(config.latencyObjective), 'between 0 and 1') +
  check(
    'latencySeconds',
    is('string', config.latencySeconds) && (config.bounds == [] || std.member(config.bounds, config.latencySeconds)),
    'a text, and one of the bounds of the histograms, which are ' + std.join(', ', config.bounds)
  ) +
  (
    local bounds = ['0.1', '0.3', '0.5', '1.0', '3.0', '5.0', '10.0'];
    if std.member(config.languages, 'java') then check('javaLatencySeconds', std.member(bounds, config.javaLatencySeconds), 'one of ' + std.join(', ', bounds)) else []
  ) +
  check(
    'objectives',
    is('array', config.objectives) && all([
      has(one, ['interface']) && std.setDiff(std.objectFields(one), ['availability', 'interface', 'latency', 'method']) == [] &&
      (std.objectHas(one, 'availability') || std.objectHas(one, 'latency')) &&
      all([share(one[name]) for name in ['availability', 'latency'] if std.objectHas(one, name)])
      for one in config.objectives
    ]),
    'a list of objects with interface, availability or latency or both between 0 and 1, and method where it is that of one method'
  ) +
  check('longCalls', is('array', config.longCalls) && all([has(one, ['interface', 'method']) for one in config.longCalls]), 'a list of objects with interface and method') +
  check('minimumCalls', within(config.minimumCalls, 0, 1e9), 'a number from 0 on') +
  check('minimumFailures', within(config.minimumFailures, 0, 1e9), 'a number from 0 on') +
  check(
    'burnRates',
    is('array', config.burnRates) && config.burnRates != [] && all([
      has(rate, ['severity', 'long', 'short', 'pending']) && isDuration(rate.long) && isDuration(rate.short) && isDuration(rate.pending) &&
      seconds(rate.short) < seconds(rate.long) && std.objectHas(rate, 'factor') && within(rate.factor, 1e-9, 1e9)
      for rate in config.burnRates
    ]),
    'a list of objects with severity, long, short (shorter than long), factor and pending; times are a number with one of the units s, m, h and d'
  ) +
  std.flatMap(function(option) check(option, share(config[option]), 'between 0 and 1'), ['businessErrorRatio', 'saturationRatio', 'descriptorsRatio']) +
  check('inFlightLimit', within(config.inFlightLimit, 1, 1e9), 'a number from 1 on') +
  check('attemptsRatio', within(config.attemptsRatio, 1, 1e9), 'a number from 1 on') +
  check('restartsLimit', within(config.restartsLimit, 1, 1e9), 'a number from 1 on') +
  check('staleSeconds', within(config.staleSeconds, 1, 1e9) && config.staleSeconds % 1 == 0, 'a whole number of seconds') +
  check('parts', within(config.parts, 1, 63) && config.parts % 1 == 0, 'a whole number from 1 to 63') +
  std.flatMap(duration, ['gatewaySilentWithin', 'cleanedWithin', 'goneWithin', 'rateWindow', 'callsInterval', 'objectivesInterval']) +
  check('batchApplications', is('string', config.batchApplications), 'a regular expression') +
  check('grafanaURL', is('string', config.grafanaURL) && std.startsWith(config.grafanaURL, 'http') && !std.endsWith(config.grafanaURL, '/'), 'an address without a slash at its end, such as https://grafana.example.com') +
  check('runbookURLPattern', config.runbookURLPattern == null || is('string', config.runbookURLPattern) && std.length(std.findSubstr('%s', config.runbookURLPattern)) == 1, 'null, or an address with %s once, for the name of the alert')
