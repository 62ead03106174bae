// Pieces of PromQL that rules, alerts and the dashboard share.
function(config) {
  local this = self,
  // Which methods are read, where a group of rules has only some.
  local part = std.get(config, 'part', ''),
  local join(labels) = std.join(', ', labels),

  // === Labels ===

  jobLabels: config.clusterLabels + ['job'],
  instanceLabels: self.jobLabels + ['instance'],
  applicationLabels: config.clusterLabels + ['application_name'],
  serviceLabels: self.applicationLabels + ['interface'],
  methodLabels: self.serviceLabels + ['group', 'version', 'method'],
  callLabels: self.instanceLabels + ['application_name', 'interface', 'group', 'version', 'method'],

  by(function_, labels, vector):: '%s by (%s) (%s)' % [function_, join(labels), vector],
  sum(labels, vector):: self.by('sum', labels, vector),
  or(labels, vectors):: std.join('\nor on (%s)\n' % join(labels), vectors),
  // Keeps what is known of our own processes only.
  ours(vector):: '%s\nand on (%s)\ndubbo:process_info' % [vector, join(self.instanceLabels)],
  // Groups that no process pushes to any more keep their last values, which say nothing about now.
  live(vector):: '(%s unless on (%s) dubbo:push_stale)' % [vector, join(self.instanceLabels)],

  // === Selectors ===

  local matchers(list) =
    local present = [one for one in list + [config.dubboSelector] if one != ''];
    if present == [] then '' else '{%s}' % std.join(',', present),
  // A family of the process, and one of its calls.
  family(name, matcher='', suffix=''):: name + matchers([matcher]) + suffix,
  calls(side, name, matcher='')::
    'dubbo_%s_%s%s' % [side, name, matchers(['interface!~"%s"' % config.ignoredInterfaces, part, matcher])],
  // What a rule of this part recorded of calls.
  recorded(side, name, matcher='')::
    'dubbo:%s{%s}' % [name, std.join(',', [one for one in ['side="%s"' % side, part, matcher] if one != ''])],
  // A gauge whose name ends in _total; the Prometheus client of newer Dubbo Java takes that from gauges.
  local java = std.member(config.languages, 'java'),
  gauge(name, matcher=''):: if java then '(%s or %s)' % [self.family(name + '_total', matcher), self.family(name, matcher)] else self.family(name + '_total', matcher),
  callsGauge(side, name, matcher='')::
    if java then '(%s or %s)' % [self.calls(side, name + '_total', matcher), self.calls(side, name, matcher)] else self.calls(side, name + '_total', matcher),
  rate(vector):: 'rate(%s[%s])' % [vector, config.rateWindow],
  // The rate of a counter whose series begin with their first occurrence, which rate() does not see: they have fewer samples than the series
  // `always` of the same labels, which was there before. A series that was there before the window has lost samples, and begins nothing.
  rateOfOccurrences(labels, vector, always)::
    local first = 'min_over_time(%(vector)s[%(window)s]) / %(seconds)d and count_over_time(%(vector)s[%(window)s]) < on (%(labels)s) group_left () %(known)s unless %(vector)s offset %(window)s' % {
      vector: vector,
      window: config.rateWindow,
      seconds: this.seconds(config.rateWindow),
      labels: join(labels),
      known: this.by('max', labels, 'count_over_time(%s[%s])' % [always, config.rateWindow]),
    };
    '%s or label_replace(%s, "first", "1", "", "")' % [self.rate(vector), first],
  // The same, of families of which a process has one series for each of these labels: the count itself is that of the window, where the series
  // was not there before it and `always` was.
  rateSinceFirst(labels, vector, always)::
    '%s and on (%s) %s offset %s or %s' % [this.first(vector), join(labels), always, config.rateWindow, this.rate(vector)],
  // The counts of series that were not there before the window, as rates.
  first(vector)::
    '(%(vector)s > 0) / %(seconds)d unless %(vector)s offset %(window)s' % { vector: vector, seconds: this.seconds(config.rateWindow), window: config.rateWindow },

  // How the methods are divided into parts: by the last character of their names, so that parts are of some the same size.
  local characters = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz',
  local ends(number) = std.join('', [characters[i] for i in std.range(0, std.length(characters) - 1) if i % config.parts == number]),
  parts:: if config.parts == 1 then [{ name: '', matcher: '' }] else [
    {
      name: '-%d' % (number + 1),
      // The last part has what no other one has, names in other alphabets too.
      matcher: if number < config.parts - 1 then 'method=~".*[%s]"' % ends(number) else 'method!~".*[%s]"' % std.join('', [ends(other) for other in std.range(0, number - 1)]),
    }
    for number in std.range(0, config.parts - 1)
  ],

  // Leaves out the calls that last for long on purpose.
  short(name, selector=''):: std.foldl(
    function(vector, long) '%s unless %s{interface=~"%s",method=~"%s"}' % [vector, name, long.interface, long.method], config.longCalls, name + selector
  ),

  // The bucket of a bound: Prometheus 3 writes whole numbers as 1.0.
  bound(seconds):: if std.length(std.findSubstr('.', seconds)) > 0 then 'le="%s"' % seconds else 'le=~"%s(\\\\.0)?"' % seconds,

  // === Windows ===

  // How many seconds '5m' has.
  seconds(window)::
    local number = std.parseInt(std.substr(window, 0, std.length(window) - 1));
    number * { s: 1, m: 60, h: 3600, d: 86400 }[window[std.length(window) - 1]],
  // An expression of several lines ends with one, so that YAML shows it as it is. jsonnet replaces at once, and searches letter by letter.
  text(expr):: if std.strReplace(expr, '\n', '') == expr then expr else std.rstripChars(expr, '\n') + '\n',
  // jsonnet prints 1 - 0.999 with all its binary digits.
  number(value):: '%.6g' % value,
}
