//! The series: providers with many methods, a consumer of all of them, and what rules recorded.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde_json::Value;
use stack::{list, string};

use crate::database::{END, LENGTH};

/// Seconds between scrapes.
const SCRAPES: u64 = 30;
/// Methods of one interface.
const METHODS: usize = 20;
/// The default bounds of the histogram.
const BOUNDS: [&str; 14] = [
    "0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1", "2.5", "5", "10", "30", "60",
    "+Inf",
];

/// Writes one series whose value grows by so much each second.
fn grow(file: &mut impl Write, series: &str, first: f64, rate: f64) -> io::Result<()> {
    for at in (0..=LENGTH).step_by(SCRAPES as usize) {
        writeln!(
            file,
            "{series} {} {}",
            first + rate * at as f64,
            END - LENGTH + at
        )?;
    }
    Ok(())
}

/// Writes what processes export, as far as rules and dashboard read it, and returns how many series there are.
pub(crate) fn raw(file: &mut impl Write, methods: usize, instances: usize) -> io::Result<usize> {
    let mut count = 0;
    for instance in 0..instances {
        let process =
            format!("job=\"dubbo\",instance=\"10.0.0.{instance}:9099\",application_name=\"shop\"");
        count += own(file, &process)?;
        count += calls(file, &process, "provider", methods)?;
    }
    let consumer = "job=\"dubbo\",instance=\"10.0.1.1:9097\",application_name=\"till\"";
    count += own(file, consumer)?;
    count += calls(file, consumer, "consumer", methods)?;
    Ok(count)
}

fn own(file: &mut impl Write, process: &str) -> io::Result<usize> {
    let families = [
        ("dubbo_application_info_total", 1.0, 0.0),
        ("dubbo_registry_connected", 1.0, 0.0),
        ("dubbo_registry_directory_num_all", 20.0, 0.0),
        ("dubbo_registry_directory_num_valid_total", 20.0, 0.0),
        ("dubbo_metrics_series_folded_total", 0.0, 0.0),
        ("dubbo_thread_pool_thread_count", 4.0, 0.0),
        ("dubbo_thread_pool_active_size", 1.0, 0.0),
        ("dubbo_thread_pool_queue_size", 0.0, 0.0),
        ("process_cpu_seconds_total", 0.0, 0.5),
        ("process_resident_memory_bytes", 5e7, 0.0),
        ("process_open_fds", 100.0, 0.0),
        ("process_max_fds", 1024.0, 0.0),
        ("process_start_time_seconds", 1.7e9, 0.0),
    ];
    for (name, first, rate) in families {
        grow(file, &format!("{name}{{{process}}}"), first, rate)?;
    }
    Ok(families.len())
}

fn calls(file: &mut impl Write, process: &str, side: &str, methods: usize) -> io::Result<usize> {
    let mut count = 0;
    for method in 0..methods {
        let labels = format!(
            "{process},interface=\"shop.Service{}\",group=\"\",version=\"1.0.0\",method=\"method{method}\"",
            method / METHODS
        );
        let rate = 1.0 + method as f64 / 100.0;
        // One method of twenty fails now and then.
        let failed = if method % METHODS == 0 {
            rate / 1000.0
        } else {
            0.0
        };
        let mut add = |name: &str, further: &str, first: f64, rate: f64| {
            count += 1;
            grow(
                file,
                &format!("dubbo_{side}_{name}{{{labels}{further}}}"),
                first,
                rate,
            )
        };
        for (name, rate) in [
            ("requests_total", rate),
            ("requests_succeed_total", rate - failed),
            ("requests_failed_total", failed),
            ("requests_business_failed_total", 0.0),
            ("requests_timeout_total", failed),
            ("requests_limit_total", 0.0),
            ("requests_failed_service_unavailable_total", 0.0),
            ("requests_unknown_failed_total", 0.0),
            ("messages_received_total", rate),
            ("messages_sent_total", rate),
            ("rt_milliseconds_sum", rate * 20.0),
            ("request_duration_seconds_sum", rate * 0.02),
            ("request_duration_seconds_count", rate),
        ] {
            add(name, "", 0.0, rate)?;
        }
        for (name, value) in [
            ("qps_total", rate),
            ("requests_total_aggregate", rate * 120.0),
            ("requests_succeed_total_aggregate", rate * 120.0),
            ("requests_processing_total", 1.0),
            ("rt_milliseconds_p50", 10.0),
            ("rt_milliseconds_p90", 20.0),
            ("rt_milliseconds_p99", 40.0),
        ] {
            add(name, "", value, 0.0)?;
        }
        for (place, bound) in BOUNDS.iter().enumerate() {
            let share = (place as f64 / 6.0).min(1.0);
            add(
                "request_duration_seconds_bucket",
                &format!(",le=\"{bound}\""),
                0.0,
                rate * share,
            )?;
        }
        if failed > 0.0 {
            let error = ",error_type=\"timeout\",error_code=\"4\",error_name=\"DEADLINE_EXCEEDED\",fault=\"provider\"";
            add("errors_total", error, 0.0, failed)?;
        }
        if side == "consumer" {
            add("attempts_total", ",outcome=\"ok\"", 0.0, rate)?;
        }
    }
    Ok(count)
}

/// A rule's series: its name, its labels, and what it answered.
pub(crate) type Answer = (String, BTreeMap<String, String>, Value);

/// Returns whether a rule's series are written for three days, as those of services are.
pub(crate) fn is_long((record, ..): &Answer) -> bool {
    record.starts_with("dubbo:service_")
}

/// Writes what rules answered as if they had always done so: for as long as the other series, and those of services for three days.
pub(crate) fn recorded(file: &mut impl Write, answers: &[Answer]) -> io::Result<()> {
    for answer @ (record, labels, samples) in answers {
        let (length, step) = if is_long(answer) {
            (3 * 86_400, 300)
        } else {
            (LENGTH, 60)
        };
        for sample in list(samples) {
            let value = string(&sample["value"][1]);
            let metric = sample["metric"].as_object().into_iter().flatten();
            let written: BTreeMap<_, _> = metric
                .filter(|(name, _)| *name != "__name__")
                .map(|(name, value)| (name.as_str(), string(value)))
                .chain(
                    labels
                        .iter()
                        .map(|(name, value)| (name.as_str(), value.as_str())),
                )
                .collect();
            let written: Vec<_> = written
                .iter()
                .map(|(name, value)| format!("{name}={value:?}"))
                .collect();
            let series = format!("{record}{{{}}}", written.join(","));
            for at in (0..=length).step_by(step) {
                writeln!(file, "{series} {value} {}", END - length + at)?;
            }
        }
    }
    Ok(())
}
