//! Each family that the rules read is missing in turn, or says NaN, of a process in each language: what is left is right, and nothing is made up.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use stack::{list, path, rule_selectors, string, text, tool, yaml};
use test_servers::{PrometheusVersion, Sample};

/// A process, and what it counted of one method.
#[derive(Debug)]
struct Peer {
    name: &'static str,
    exported: String,
    /// Failures, business errors, mistakes of the caller.
    counts: [f64; 3],
}

/// What a process of this project exports, as far as rules read it.
const RUST: &str = r#"
dubbo_application_info_total{application_name="shop"} 1
dubbo_provider_requests_total{OF} 1000
dubbo_provider_requests_succeed_total{OF} 900
dubbo_provider_requests_failed_total{OF} 100
dubbo_provider_requests_business_failed_total{OF} 50
dubbo_provider_requests_timeout_total{OF} 30
dubbo_provider_requests_limit_total{OF} 0
dubbo_provider_requests_failed_service_unavailable_total{OF} 0
dubbo_provider_requests_unknown_failed_total{OF} 20
dubbo_provider_errors_total{OF,error_type="business",error_code="17",error_name="BUSINESS",fault="caller"} 50
dubbo_provider_errors_total{OF,error_type="timeout",error_code="4",error_name="DEADLINE_EXCEEDED",fault="provider"} 30
dubbo_provider_errors_total{OF,error_type="unknown",error_code="5",error_name="NOT_FOUND",fault="caller"} 20
dubbo_provider_requests_processing_total{OF} 3
dubbo_provider_qps_total{OF} 2
dubbo_provider_requests_total_aggregate{OF} 240
dubbo_provider_requests_succeed_total_aggregate{OF} 230
dubbo_provider_rt_milliseconds_p50{OF} 10
dubbo_provider_rt_milliseconds_p90{OF} 20
dubbo_provider_rt_milliseconds_p95{OF} 30
dubbo_provider_rt_milliseconds_p99{OF} 40
dubbo_provider_rt_milliseconds_sum{OF} 10000
dubbo_provider_request_duration_seconds_bucket{OF,le="0.25"} 990
dubbo_provider_request_duration_seconds_bucket{OF,le="+Inf"} 1000
dubbo_provider_request_duration_seconds_sum{OF} 10
dubbo_provider_request_duration_seconds_count{OF} 1000
dubbo_provider_messages_received_total{OF} 1000
dubbo_provider_messages_sent_total{OF} 1000
dubbo_registry_connected{application_name="shop"} 1
dubbo_registry_register_service_succeed_total{application_name="shop"} 1
dubbo_registry_register_service_failed_total{application_name="shop"} 0
dubbo_thread_pool_thread_count{application_name="shop",thread_pool_name="tokio"} 2
dubbo_thread_pool_active_size{application_name="shop",thread_pool_name="tokio"} 1
dubbo_thread_pool_queue_size{application_name="shop",thread_pool_name="tokio"} 0
process_cpu_seconds_total 10
process_resident_memory_bytes 1000000
process_open_fds 10
process_max_fds 1024
process_start_time_seconds 1000
"#;

fn peers() -> Vec<Peer> {
    let capture = |name, counts| Peer {
        name,
        exported: text(&format!("tests/stack/captures/{name}.prom")),
        counts,
    };
    let of = r#"application_name="shop",interface="greet.GreetService",group="",version="",method="Greet""#;
    vec![
        Peer {
            name: "rust",
            exported: RUST.replace("OF", of),
            counts: [100.0, 50.0, 20.0],
        },
        capture("dubbo-go-3.3.2-server", [24.0, 24.0, 0.0]),
        capture("dubbo-java-3.3.6-provider", [144.0, 143.0, 0.0]),
        capture("dubbo-java-3.3.6-consumer", [142.0, 142.0, 0.0]),
    ]
}

/// Gauges whose names end like those of counters.
const GAUGES: [&str; 4] = ["processing_total", "qps_total", "_num_", "info_total"];

fn is_counted(name: &str) -> bool {
    ["_total", "_sum", "_count", "_bucket"]
        .iter()
        .any(|end| name.ends_with(end))
        && !GAUGES.iter().any(|gauge| name.contains(gauge))
}

/// What happens to one family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    Missing,
    Nan,
}

/// A test of what a process exports, of which one family is changed.
fn case(peer: &Peer, samples: &[Sample], family: &str, change: Change) -> String {
    let mut series = String::new();
    for sample in samples {
        let name = sample.name();
        let values = match (name == family).then_some(change) {
            Some(Change::Missing) => continue,
            Some(Change::Nan) => "NaN ".repeat(11),
            None if is_counted(name) => format!("0+{}x10", sample.value / 10.0),
            None => format!("{}x10", sample.value),
        };
        let labels: Vec<_> = sample
            .labels
            .iter()
            .filter(|(label, _)| *label != "__name__")
            .map(|(label, value)| format!("{label}={value:?}"))
            .chain(["job=\"dubbo\"".to_owned(), "instance=\"a\"".to_owned()])
            .collect();
        // Writing to a text does not fail.
        let _ = writeln!(
            series,
            "      - {{ series: '{name}{{{}}}', values: '{values}' }}",
            labels.join(", ")
        );
    }
    let [mut failed, mut business, mistaken] = peer.counts;
    let mut calls = true;
    if change == Change::Missing {
        if family.ends_with("er_requests_total") {
            calls = false;
        } else if family.ends_with("_requests_failed_total") {
            failed = 0.0;
        } else if family.ends_with("_business_failed_total") && peer.name != "rust" {
            // What is not said to be a business error is none.
            business = 0.0;
        }
    }
    // Whose mistake it was is in the codes.
    let mistaken = if family == "dubbo_provider_errors_total" {
        0.0
    } else {
        mistaken
    };
    let faulty = (failed - business - mistaken).max(0.0);
    let nothing = |query: &str| format!("count({query}) or vector(0)");
    let recorded = "{__name__=~\"dubbo:.+\"}";
    let mut expected = vec![
        (
            format!("count({recorded}) - count(({recorded} < Inf) > -Inf)"),
            0.0,
        ),
        (
            nothing("dubbo:requests:rate5m unless dubbo:requests_faulty:rate5m"),
            0.0,
        ),
        (
            nothing("{__name__=~\"dubbo:(availability|latency)_missed.+\"} > 1"),
            0.0,
        ),
    ];
    if calls {
        expected.push((
            "round(sum(dubbo:requests_faulty:rate5m) * 600, 0.001)".to_owned(),
            faulty,
        ));
    } else {
        let share = "{__name__=~\"dubbo:availability_missed.+\"}";
        expected.push((nothing(share), 0.0));
    }
    let expected: String = expected
        .iter()
        .map(|(query, value)| {
            format!("      - {{ expr: '{query}', eval_time: 10m, exp_samples: [{{ labels: '{{}}', value: {value} }}] }}\n")
        })
        .collect();
    format!(
        "  - name: {}, {family} is {change:?}\n    interval: 1m\n    input_series:\n{series}    promql_expr_test:\n{expected}",
        peer.name
    )
}

#[test]
fn what_is_left_is_right_when_a_family_is_missing_or_says_nan() {
    let read: BTreeSet<String> = rule_selectors()
        .iter()
        .filter_map(|selector| selector.split('{').next().map(str::to_owned))
        .collect();
    let rules = path("prometheus_grafana/rules/recording.yml");
    let rules = rules.canonicalize().expect("the rules are there");
    // Groups that stand on others come after them, so that one evaluation is enough.
    let groups = yaml("prometheus_grafana/rules/recording.yml");
    let groups: Vec<_> = list(&groups["groups"])
        .iter()
        .map(|group| string(&group["name"]))
        .collect();
    let mut file = format!(
        "rule_files: [{}]\nevaluation_interval: 10m\ngroup_eval_order: [{}]\ntests:\n",
        rules.display(),
        groups.join(", ")
    );
    let mut cases = 0;
    for peer in peers() {
        let mut samples = Sample::parse(&peer.exported);
        // The frameworks' own services are no traffic.
        samples.retain(|sample| {
            let own = sample
                .labels
                .get("interface")
                .is_none_or(|interface| interface == "greet.GreetService");
            let process = sample.name().starts_with("process_");
            own && sample.value.is_finite() && (process || read.contains(sample.name()))
        });
        let families: BTreeSet<_> = samples.iter().map(Sample::name).collect();
        for family in &families {
            file += &case(&peer, &samples, family, Change::Missing);
            cases += 1;
            // What says nothing but its labels is always 1.
            if !is_counted(family) && !family.contains("_info") {
                file += &case(&peer, &samples, family, Change::Nan);
                cases += 1;
            }
        }
    }
    assert!(cases > 80, "{cases} cases");
    let folder = tempfile::tempdir().expect("the temporary folder is writable");
    let test = folder.path().join("missing.test.yml");
    std::fs::write(&test, file).expect("the folder is ours");
    let arguments = ["test".as_ref(), "rules".as_ref(), test.as_os_str()];
    std::thread::scope(|scope| {
        for version in PrometheusVersion::all() {
            let program = version.program("promtool").display().to_string();
            scope.spawn(move || tool(&program, "prometheus", arguments));
        }
    });
}
