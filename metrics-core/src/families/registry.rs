//! The families of what the process does with its registry.

use super::{APPLICATION_LABELS, Family, Type, labels};
use crate::registry::{DirectorySizes, Operations, State, Times};

/// The five gauges that Dubbo keeps of how long something took, by the endings of their names and the first words of their help.
const TIMES: [(&str, &str); 5] = [
    ("sum", "Sum"),
    ("last", "Last"),
    ("min", "Min"),
    ("max", "Max"),
    ("avg", "Average"),
];

/// How the families of a row are read.
pub(crate) enum RegistrySource {
    /// Counters of all, succeeded and failed operations, and their times, named `<times>_milliseconds_<ending>`.
    Operations {
        prefix: &'static str,
        helps: [&'static str; 3],
        times: TimesRow,
        read: fn(&State) -> &Operations,
    },
    /// Times alone.
    Times {
        times: TimesRow,
        read: fn(&State) -> &Times,
    },
    /// One value; none before the first event.
    Value {
        name: &'static str,
        kind: Type,
        help: &'static str,
        unit: &'static str,
        read: fn(&State) -> Option<u64>,
    },
    /// One size of the directory of each interface.
    Directory {
        name: &'static str,
        help: &'static str,
        read: fn(&DirectorySizes) -> u64,
    },
}

/// The names of five gauges of times.
pub(crate) struct TimesRow {
    prefix: &'static str,
    help: &'static str,
    by_interface: bool,
}

/// One group of families that an event of the registry moves.
pub(crate) struct RegistryRow {
    pub(crate) source: RegistrySource,
    remark: &'static str,
}

impl RegistryRow {
    pub(crate) fn families(&self) -> Vec<Family> {
        match &self.source {
            RegistrySource::Operations {
                prefix,
                helps,
                times,
                ..
            } => {
                let counters = ["total", "succeed_total", "failed_total"]
                    .iter()
                    .zip(helps)
                    .map(|(ending, help)| Family {
                        name: format!("{prefix}_{ending}").into(),
                        kind: Type::Counter,
                        help: (*help).into(),
                        unit: "operations",
                        labels: labels(APPLICATION_LABELS, &[]),
                        remark: self.remark,
                    });
                counters.chain(times.families(self.remark)).collect()
            }
            RegistrySource::Times { times, .. } => times.families(self.remark).collect(),
            RegistrySource::Value {
                name,
                kind,
                help,
                unit,
                ..
            } => vec![Family {
                name: (*name).into(),
                kind: *kind,
                help: (*help).into(),
                unit,
                labels: labels(APPLICATION_LABELS, &[]),
                remark: self.remark,
            }],
            RegistrySource::Directory { name, help, .. } => vec![Family {
                name: (*name).into(),
                kind: Type::Gauge,
                help: (*help).into(),
                unit: "instances",
                labels: labels(APPLICATION_LABELS, &["interface"]),
                remark: self.remark,
            }],
        }
    }
}

impl TimesRow {
    fn families(&self, remark: &'static str) -> impl Iterator<Item = Family> {
        TIMES.iter().map(move |(ending, word)| Family {
            name: format!("{}_milliseconds_{ending}", self.prefix).into(),
            kind: Type::Gauge,
            help: format!("{word} {}", self.help).into(),
            unit: "milliseconds",
            labels: labels(
                APPLICATION_LABELS,
                if self.by_interface {
                    &["interface"]
                } else {
                    &[]
                },
            ),
            remark,
        })
    }
}

const SAME: &str = "As in dubbo-go.";
const OURS: &str = "Not in dubbo-go.";
const DECLARED: &str = "Declared by dubbo-go and never exported.";

const fn operations(
    prefix: &'static str,
    helps: [&'static str; 3],
    times: TimesRow,
    remark: &'static str,
    read: fn(&State) -> &Operations,
) -> RegistryRow {
    RegistryRow {
        source: RegistrySource::Operations {
            prefix,
            helps,
            times,
            read,
        },
        remark,
    }
}

const fn times(prefix: &'static str, help: &'static str) -> TimesRow {
    TimesRow {
        prefix,
        help,
        by_interface: false,
    }
}

const fn times_by_interface(prefix: &'static str, help: &'static str) -> TimesRow {
    TimesRow {
        prefix,
        help,
        by_interface: true,
    }
}

const fn gauge(
    name: &'static str,
    help: &'static str,
    unit: &'static str,
    remark: &'static str,
    read: fn(&State) -> Option<u64>,
) -> RegistryRow {
    RegistryRow {
        source: RegistrySource::Value {
            name,
            kind: Type::Gauge,
            help,
            unit,
            read,
        },
        remark,
    }
}

const fn counter(
    name: &'static str,
    help: &'static str,
    unit: &'static str,
    remark: &'static str,
    read: fn(&State) -> Option<u64>,
) -> RegistryRow {
    RegistryRow {
        source: RegistrySource::Value {
            name,
            kind: Type::Counter,
            help,
            unit,
            read,
        },
        remark,
    }
}

const fn directory(
    name: &'static str,
    help: &'static str,
    read: fn(&DirectorySizes) -> u64,
) -> RegistryRow {
    RegistryRow {
        source: RegistrySource::Directory { name, help, read },
        remark: "Declared by dubbo-go and never exported. Its label `interface` is ours.",
    }
}

/// Every family of the registry, in the order of the text.
pub(crate) const REGISTRY: &[RegistryRow] = &[
    operations(
        "dubbo_registry_register_service",
        [
            "Total Service-Level Register Requests",
            "Succeed Service-Level Register Requests",
            "Failed Service-Level Register Requests",
        ],
        times("dubbo_register_service_rt", "Service Register Time"),
        "dubbo-go counts every registration as a success that took no time; here a failed one is a failure.",
        |state| &state.registered,
    ),
    operations(
        "dubbo_registry_subscribe_service_num",
        [
            "Total Service-Level Subscribe Num",
            "Succeed Service-Level Num",
            "Failed Service-Level Num",
        ],
        times_by_interface("dubbo_subscribe_service_rt", "Subscribe Service Time"),
        SAME,
        |state| &state.subscribed,
    ),
    counter(
        "dubbo_registry_notify_requests_total",
        "Total Notify Requests",
        "notifications",
        SAME,
        |state| state.notified.any().then(|| state.notified.count()),
    ),
    gauge(
        "dubbo_registry_notify_num_last",
        "Last Notify Nums",
        "instances",
        "dubbo-go puts a time here; this is the number of instances of the last notification.",
        |state| state.notified.any().then_some(state.notified_instances),
    ),
    RegistryRow {
        source: RegistrySource::Times {
            times: times("dubbo_notify_rt", "Notify Time"),
            read: |state| &state.notified,
        },
        remark: SAME,
    },
    directory(
        "dubbo_registry_directory_num_all",
        "All Directory Urls",
        |directory| directory.all,
    ),
    directory(
        "dubbo_registry_directory_num_valid_total",
        "Valid Directory Urls",
        |directory| directory.valid,
    ),
    directory(
        "dubbo_registry_directory_num_to_reconnect_total",
        "ToReconnect Directory Urls",
        |directory| directory.to_reconnect,
    ),
    directory(
        "dubbo_registry_directory_num_disable_total",
        "Disable Directory Urls",
        |directory| directory.disabled,
    ),
    gauge(
        "dubbo_consumer_ejected_providers",
        "Providers that calls avoid at the moment, because theirs fail while those of others do not",
        "providers",
        OURS,
        |state| state.directory(|directory| directory.ejected),
    ),
    counter(
        "dubbo_consumer_ejections_total",
        "Ejections of providers whose calls fail while those of others do not, failed trials included",
        "ejections",
        OURS,
        |state| state.directory(|_| 0).map(|_| state.ejections),
    ),
    operations(
        "dubbo_metadata_push_num",
        ["Total Num", "Succeed Push Num", "Failed Push Num"],
        times("dubbo_push_rt", "Response Time"),
        SAME,
        |state| &state.metadata_pushed,
    ),
    operations(
        "dubbo_metadata_subscribe_num",
        [
            "Total Metadata Subscribe Num",
            "Succeed Metadata Subscribe Num",
            "Failed Metadata Subscribe Num",
        ],
        times("dubbo_subscribe_rt", "Response Time"),
        "dubbo-go counts only what it reads from a remote store; here what an instance's own metadata service answers counts too.",
        |state| &state.metadata_fetched,
    ),
    operations(
        "dubbo_metadata_store_provider",
        [
            "Total Provider Metadata Store",
            "Total Succeed Provider Metadata Store",
            "Total Failed Provider Metadata Store",
        ],
        times_by_interface(
            "dubbo_store_provider_interface_rt",
            "Store Provider Interface Time",
        ),
        DECLARED,
        |state| &state.metadata_stored,
    ),
    gauge(
        "dubbo_registry_connected",
        "Whether the registry's session is connected",
        "1 or 0",
        OURS,
        |state| state.connected.map(u64::from),
    ),
    counter(
        "dubbo_registry_sessions_total",
        "Sessions that the registry granted",
        "sessions",
        OURS,
        |state| state.connected.map(|_| state.sessions),
    ),
    counter(
        "dubbo_registry_malformed_nodes_total",
        "Nodes of the registry that could not be read and were skipped",
        "nodes",
        OURS,
        |state| state.connected.map(|_| state.malformed),
    ),
    counter(
        "dubbo_task_panics_total",
        "Tasks for connections, registry and lists that panicked and were begun again",
        "tasks",
        OURS,
        |state| (state.connected.is_some() || state.panics > 0).then_some(state.panics),
    ),
    counter(
        "dubbo_provider_access_denied_total",
        "Calls that were refused because their callers may not make them",
        "calls",
        OURS,
        |state| state.access_denied,
    ),
];
