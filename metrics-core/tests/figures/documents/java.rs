//! What Dubbo for Java calls the same thing, checked against scrapes of a real provider and a real consumer.

use std::collections::BTreeMap;
use std::fmt::Write;

use metrics_core::families;

/// What a provider and a consumer on Dubbo 3.3.6 exported.
const CAPTURES: [&str; 2] = [
    include_str!("../../../../tests/stack/captures/dubbo-java-3.3.6-provider.prom"),
    include_str!("../../../../tests/stack/captures/dubbo-java-3.3.6-consumer.prom"),
];

const HEAD: &str = "
## The same thing in Java, in dubbo-go and here

Dubbo for Java 3.3.6 (`dubbo-metrics-prometheus`, at `/metrics` of its QoS port) beside dubbo-go 3.3.2 and these programs, from scrapes
of real processes (`tests/stack/captures/`). Families that this table does not name have one name in all three.

| what | Java | dubbo-go | here |
|---|---|---|---|
";

const NOTES: &str = "
* Java's counters of the registry and of metadata are gauges; names and meaning are the same.
* Java's labels are `application_name`, `application_module_id`, `interface`, `method`, `group`, `version`; `hostname`, `ip` and
  `application_version` stand on some families only.
* Java counts an exception that no status describes as a business failure; here and in dubbo-go that is code 17.
* Java counts calls of its own metadata service as traffic. Leave them out by `interface!~\"org.apache.dubbo.*\"`.
";

/// What has several names: what it is, and its name in Java, in dubbo-go and here; `–` for what is not there.
const RENAMED: [[&str; 4]; 15] = [
    [
        "response times, in buckets",
        "dubbo_{side}_rt_milliseconds_histogram_seconds",
        "–",
        "dubbo_{side}_request_duration_seconds",
    ],
    [
        "longest recent call",
        "dubbo_{side}_rt_milliseconds_histogram_seconds_max",
        "–",
        "dubbo_{side}_rt_max_milliseconds_aggregate",
    ],
    [
        "succeeded calls in the window",
        "dubbo_{side}_requests_succeed_aggregate",
        "dubbo_{side}_requests_succeed_total_aggregate",
        "dubbo_{side}_requests_succeed_total_aggregate",
    ],
    [
        "business failures in the window",
        "dubbo_{side}_requests_business_failed_aggregate",
        "dubbo_{side}_requests_business_failed_total_aggregate",
        "dubbo_{side}_requests_business_failed_total_aggregate",
    ],
    [
        "limited calls in the window",
        "dubbo_{side}_requests_limit_aggregate",
        "dubbo_{side}_requests_limit_total_aggregate",
        "dubbo_{side}_requests_limit_total_aggregate",
    ],
    [
        "timeouts in the window",
        "dubbo_{side}_requests_timeout_failed_aggregate",
        "dubbo_{side}_requests_timeout_total_aggregate",
        "dubbo_{side}_requests_timeout_total_aggregate",
    ],
    [
        "unknown failures in the window",
        "dubbo_{side}_requests_failed_aggregate",
        "dubbo_{side}_requests_unknown_failed_total_aggregate",
        "dubbo_{side}_requests_unknown_failed_total_aggregate",
    ],
    [
        "network failures in the window",
        "dubbo_{side}_requests_failed_network_total_aggregate",
        "–",
        "dubbo_{side}_errors_total",
    ],
    [
        "codec failures in the window",
        "dubbo_{side}_requests_failed_codec_total_aggregate",
        "–",
        "dubbo_{side}_errors_total",
    ],
    [
        "registrations by interface",
        "dubbo_registry_register_requests_*",
        "dubbo_registry_register_requests_*",
        "dubbo_registry_register_service_*",
    ],
    [
        "their time",
        "dubbo_register_rt_milliseconds_*",
        "dubbo_register_rt_milliseconds_*",
        "dubbo_register_service_rt_milliseconds_*",
    ],
    [
        "subscriptions by interface",
        "dubbo_registry_subscribe_num_*",
        "dubbo_registry_subscribe_num_*",
        "dubbo_registry_subscribe_service_num_*",
    ],
    [
        "changes of configuration",
        "dubbo_configcenter_total",
        "dubbo_configcenter_total",
        "–",
    ],
    [
        "errors in the log, by Dubbo's code",
        "dubbo_error_code_count_total",
        "–",
        "–",
    ],
    [
        "limits of the pool of threads",
        "dubbo_thread_pool_{core,largest,max}_size",
        "–",
        "–",
    ],
];

/// Returns the section of the page.
pub(super) fn section() -> String {
    let mut section = HEAD.to_owned();
    for [what, java, dubbo_go, here] in RENAMED {
        let shown = |name: &str| match name {
            "–" => name.to_owned(),
            name => format!("`{}`", name.replace("{side}", "{provider,consumer}")),
        };
        writeln!(
            section,
            "| {what} | {} | {} | {} |",
            shown(java),
            shown(dubbo_go),
            shown(here)
        )
        .expect("a String takes everything");
    }
    section + NOTES
}

/// Tells whether a name is one of those that a cell of the table stands for.
fn stands_for(cell: &str, name: &str) -> bool {
    let sides = ["provider", "consumer"].map(|side| cell.replace("{side}", side));
    let sizes = ["core", "largest", "max"].map(|size| cell.replace("{core,largest,max}", size));
    sides
        .iter()
        .chain(&sizes)
        .any(|cell| match cell.strip_suffix('*') {
            Some(prefix) => name.starts_with(prefix),
            None => name == cell,
        })
}

fn java() -> BTreeMap<&'static str, &'static str> {
    let lines = CAPTURES.iter().flat_map(|capture| capture.lines());
    let types = lines.filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
    types
        .filter(|(name, _)| name.starts_with("dubbo_"))
        .collect()
}

#[test]
fn every_family_of_java_has_our_name_or_stands_in_the_table() {
    let (java, ours) = (java(), families());
    assert!(java.len() > 100, "the captures are there: {}", java.len());
    for name in java.keys() {
        let same = ours.iter().any(|family| family.name == **name);
        let rows = RENAMED.iter().filter(|row| stands_for(row[1], name));
        assert!(
            rows.count() == usize::from(!same),
            "{name} has our name: {same}, and stands in the table otherwise"
        );
    }
}

#[test]
fn every_name_in_the_table_is_real() {
    let (java, ours) = (java(), families());
    for [_, of_java, _, here] in RENAMED {
        assert!(
            java.keys().any(|name| stands_for(of_java, name)),
            "{of_java}"
        );
        let known = ours.iter().any(|family| stands_for(here, &family.name));
        assert!(here == "–" || known, "{here}");
    }
}

#[test]
fn what_has_one_name_has_one_type_but_for_the_registrys_counters() {
    let java = java();
    for family in families() {
        let Some(kind) = java.get(&*family.name) else {
            continue;
        };
        let differs = family.name.starts_with("dubbo_registry_")
            || family.name.starts_with("dubbo_metadata_");
        assert!(
            *kind == family.kind.name() || (differs && *kind == "gauge"),
            "{} is a {kind} in Java",
            family.name
        );
    }
}
