// Recorded series of the processes: which there are, whose figures are alive, what they use, and how they stand with the registry.
(import 'config.libsonnet') + {
  local config = $._config,
  local promql = (import 'promql.libsonnet')(config),
  local instance = promql.instanceLabels,
  local record(name, expr) = { record: 'dubbo:' + name, expr: promql.text(expr) },
  // Families of which a process has one.
  local each(name, families) =
    local vector = std.join(' or ', families);
    record(name, promql.by('max', instance, promql.ours(promql.live((if std.length(families) == 1 then vector else '(%s)' % vector) + ' >= 0')))),
  // Gauges and counters that say nothing else than their labels, under one name; counters go on to be those of a process.
  local gauge(name, family, labels) = record(name, promql.by('max', instance + labels, promql.live(promql.family(family) + ' >= 0'))),
  local counter(name, family, labels, matcher='') = record(name, promql.sum(instance + labels, promql.family(family, matcher))),
  local perSecond(name, family, labels) = record(name + ':rate5m', promql.sum(instance + labels, promql.rate(promql.family(family)))),
  local java = std.member(config.languages, 'java'),
  // The client of newer Dubbo Java takes _info and _total from the name of this gauge.
  local infos = [promql.family(name) for name in ['dubbo_application_info_total'] + if java then ['dubbo_application_info', 'dubbo_application'] else []],
  local pushed = 'push_time_seconds',
  local alive = 'num_alive_connections{%s}' % config.zookeeper,

  prometheusRules+:: {
    groups+: [{
      name: 'dubbo-processes',
      interval: config.callsInterval,
      rules: [
        // Every process of ours that is known, with what it says of itself; one that was killed stays until its group is cleaned up.
        record('process_info', promql.by('max', instance + ['application_name', 'application_version'], std.join(' or ', infos))),
        // Compares the gateway's clock with itself: whatever Prometheus's own clock says.
        record('push_stale', '%s * 0 + 1' % promql.ours('(%(p)s == %(p)s offset %(stale)ds)' % { p: pushed, stale: config.staleSeconds })),
        // No group at all was pushed to, for that time and not for much longer: the gateway refuses pushes, or is cut off from processes.
        record('gateway_silent', |||
          (%(newest)s <= %(before)s) * 0 + 1
          unless
          %(newest)s <= %(long_before)s
        ||| % {
          newest: promql.by('max', config.clusterLabels, pushed),
          before: promql.by('max', config.clusterLabels, '%s offset %ds' % [pushed, config.staleSeconds]),
          long_before: promql.by('max', config.clusterLabels, '%s offset %s' % [pushed, config.gatewaySilentWithin]),
        }),
        // By how much the gateway's clock is behind that of Prometheus, or a push on its way: the least that was seen in an hour.
        record('push_delay_seconds:min', promql.by('min', config.clusterLabels, 'timestamp(%s) - %s' % [pushed, pushed])),
        record('figures_age_seconds', promql.by('max', instance, |||
          clamp_min(time() - %(p)s - on (%(cluster)s) group_left () min_over_time(dubbo:push_delay_seconds:min[1h]), 0)
          and on (%(instance)s) dubbo:process_info
        ||| % { p: pushed, cluster: std.join(', ', config.clusterLabels), instance: std.join(', ', instance) } + std.join('', [
          // timestamp() is that of the sample only of a bare selector.
          'or on (%s)\ntime() - timestamp(%s)\n' % [std.join(', ', instance), one]
          for one in infos
        ]))),

        // Of a process that ended by itself.
        record('push_final', promql.by('max', instance, promql.family('dubbo_push_final'))),

        record('process_up', promql.by('max', instance + ['application_name'], promql.live('dubbo:process_info'))),
        record('application_processes', promql.by('count', promql.applicationLabels, 'dubbo:process_up')),
        // Applications of which nothing is known but old figures, in a gateway that takes no pushes, and that did not end.
        record('application_unseen', promql.by('count', promql.applicationLabels, |||
          dubbo:process_info
          and on (%s) dubbo:push_stale
          and on (%s) dubbo:gateway_silent
          unless on (%s) dubbo:push_final == 1
        ||| % [std.join(', ', instance), std.join(', ', config.clusterLabels), std.join(', ', instance)])),
        // When processes of an application were last there, those that have ended by themselves and those that have not: a batch job whose last
        // process has ended is finished, not missed.
        record('application_running_timestamp_seconds', '%s * 0 + time()' % promql.by('count', promql.applicationLabels, |||
          dubbo:process_up
          unless on (%s) dubbo:push_final == 1
        ||| % std.join(', ', instance))),
        record('application_finished_timestamp_seconds', '%s * 0 + time()' % promql.by('count', promql.applicationLabels, |||
          dubbo:process_up
          and on (%s) dubbo:push_final == 1
        ||| % std.join(', ', instance))),
      ] + [
        record('interface_processes', promql.by('count', promql.serviceLabels, promql.by('max', instance + ['application_name', 'interface'], promql.live(promql.calls(side, 'requests_total'))))) + { labels: { side: side } }
        for side in ['provider', 'consumer']
      ] + [
        record('process_cpu_seconds:rate5m', promql.ours(promql.by('sum', instance, promql.rate('process_cpu_seconds_total')))),
        each('process_resident_memory_bytes', ['process_resident_memory_bytes'] + if java then ['sum without (area, id) (jvm_memory_used_bytes)'] else []),
        each('process_open_fds', ['process_open_fds'] + if java then ['process_files_open_files'] else []),
        each('process_max_fds', ['process_max_fds'] + if java then ['process_files_max_files'] else []),
        each('process_start_time_seconds', ['process_start_time_seconds']),
        record('workers', promql.sum(instance, promql.live(promql.family('dubbo_thread_pool_thread_count') + ' >= 0'))),
        record('workers_busy', promql.sum(instance, promql.live(promql.family('dubbo_thread_pool_active_size') + ' >= 0'))),
        record('tasks_queued', promql.sum(instance, promql.live(promql.family('dubbo_thread_pool_queue_size') + ' >= 0'))),
        record('requests_folded:rate5m', promql.sum(instance, promql.rate(promql.family('dubbo_metrics_series_folded_total')))),
        // Of the registry, of pushes, and of the cleaner.
        gauge('ejected_providers', 'dubbo_consumer_ejected_providers', ['application_name']),
        perSecond('ejections', 'dubbo_consumer_ejections_total', ['application_name']),
        counter('registrations_succeeded', 'dubbo_registry_register_service_succeed_total', ['application_name']),
        counter('registrations_failed', 'dubbo_registry_register_service_failed_total', ['application_name']),
        counter('registry_sessions', 'dubbo_registry_sessions_total', ['application_name']),
        counter('registry_malformed_nodes', 'dubbo_registry_malformed_nodes_total', ['application_name']),
        perSecond('notifications', 'dubbo_registry_notify_requests_total', ['application_name']),
        perSecond('pushes', 'dubbo_push_requests_total', ['application_name', 'result']),
        counter('pushes_failed', 'dubbo_push_requests_total', ['application_name'], 'result="failure"'),
        record('cleaner_last_success_timestamp_seconds', promql.by('max', config.clusterLabels, 'pgw_cleaner_last_success_timestamp_seconds')),
      ] + [
        record('cleaner_%s:rate5m' % what, promql.sum(config.clusterLabels, promql.rate('pgw_cleaner_%s_total' % what)))
        for what in ['deleted', 'spared', 'failures']
      ] + [
        // 1 of a ZooKeeper server that serves clients, 0 of one that does not answer or has no majority around it: ZooKeeper's own Prometheus provider
        // (3.6 and later) goes on answering then, and leaves out what it says of clients. Of other exporters only whether they answer is known.
        record('zookeeper_serving', |||
          %(serving)s
          or
          %(known)s * 0
          or
          %(answering)s
        ||| % {
          serving: promql.by('group', instance, alive),
          known: promql.by('group', instance, 'up{%s} and on (%s) last_over_time(%s[1d])' % [config.zookeeper, std.join(', ', promql.jobLabels), alive]),
          answering: promql.by('max', instance, 'up{%s}' % config.zookeeper),
        }),
        record('registry_connected', promql.by('min', instance + ['application_name'], promql.live(promql.family('dubbo_registry_connected') + ' >= 0'))),
        // Dubbo Java has a series for each way of discovery and each registry, any of which may have the providers.
        record('directory_providers', promql.by('max', instance + ['application_name', 'interface'], promql.live(promql.family('dubbo_registry_directory_num_all') + ' >= 0'))),
        record('directory_valid_providers', promql.by('max', instance + ['application_name', 'interface'], promql.live(promql.gauge('dubbo_registry_directory_num_valid') + ' >= 0'))),
      ],
    }],
  },
}
