//! The rules on what was scraped in a case, as if it had been scraped less often, after an hour in which all was well: `promtool test rules`.
//!
//! In that hour processes were as they are when the fault begins, and counted as they did in the half minute before it: at first they connect,
//! and their first calls are slow.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io;
use std::path::Path;
use std::process::Command;

use crate::observer::{FIRING, LIVE};
use crate::record::{Firing, Record, Series};

/// Seconds between scrapes.
pub(crate) const SIMULATED: [u32; 2] = [30, 60];

/// How long all was well, in seconds.
const HISTORY: f64 = 3600.0;

/// Between two evaluations, in seconds: that of most groups.
const STEP: u32 = 15;

/// Gauges whose names end like those of counters.
const GAUGES: [&str; 3] = ["processing_total", "qps_total", "_num_"];

/// Returns what fires on scrapes with this interval, from the begin of the fault on.
///
/// # Errors
/// When promtool can't be started, refuses the rules, or says something else.
pub(crate) fn firing(record: &Record, interval: u32) -> io::Result<Vec<Firing>> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("case.yml");
    std::fs::write(&file, unit_test(record, interval))?;
    let output = Command::new("promtool")
        .args(["test", "rules"])
        .arg(&file)
        .output()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    if !text.contains("got:") && !text.contains("SUCCESS") {
        return Err(io::Error::other(text));
    }
    let start = record.calm - HISTORY;
    let found = |which: &str| -> BTreeMap<[String; 3], f64> {
        let after = text
            .split_once(&format!("{which}_over_time"))
            .map_or("", |(_, after)| after);
        let got = after
            .split_once("got:")
            .map_or("", |(_, got)| got.lines().next().unwrap_or_default());
        samples(got)
    };
    let (from, to) = (found("min"), found("max"));
    let mut firing = Vec::new();
    for (key, from) in from {
        let until = to.get(&key).copied().unwrap_or(from);
        let [alert, severity, window] = key;
        let (from, to) = (start + from, start + until);
        if from < record.began + f64::from(STEP) {
            eprintln!(
                "{alert} fires before the fault with simulated scrapes each {interval} s: left out"
            );
            continue;
        }
        firing.push(Firing {
            alert,
            severity,
            window,
            from,
            to,
        });
    }
    Ok(firing)
}

/// Reads samples as promtool prints them: `{alertname="A", severity="critical"} 12, {…} 13`.
fn samples(text: &str) -> BTreeMap<[String; 3], f64> {
    text.split('{')
        .skip(1)
        .filter_map(|sample| {
            let (labels, value) = sample.split_once('}')?;
            let label = |name: &str| {
                let (_, value) = labels.split_once(&format!("{name}=\""))?;
                Some(value.split('"').next()?.to_owned())
            };
            let value = value
                .trim()
                .trim_end_matches([',', '"'])
                .split_whitespace()
                .next()?;
            let key = [
                label("alertname")?,
                label("severity")?,
                label("long").unwrap_or_default(),
            ];
            Some((key, value.parse().ok()?))
        })
        .collect()
}

/// Writes the file that promtool reads. Its two expectations never hold, so that it says what there is.
fn unit_test(record: &Record, interval: u32) -> String {
    let rules = |file| stack::path(&format!("prometheus_grafana/rules/{file}.yml"));
    let length = (record.left - record.calm + HISTORY).ceil();
    let fault = (record.left - record.began).floor();
    let mut text = format!(
        "rule_files: [{}, {}]\nevaluation_interval: {STEP}s\ntests:\n  - interval: {interval}s\n    input_series:\n",
        canonical(&rules("recording")),
        canonical(&rules("alerts")),
    );
    for series in &record.series {
        // Writing to a text does not fail.
        let _ = writeln!(
            text,
            "      - series: '{}'\n        values: '{}'",
            name(series),
            values(series, record, interval)
        );
    }
    text.push_str("    promql_expr_test:\n");
    for which in ["min", "max"] {
        let _ = writeln!(
            text,
            "      - expr: '{which} by (alertname, severity, long) ({which}_over_time(timestamp({FIRING})[{fault}s:{STEP}s]))'\n        eval_time: {length}s\n        exp_samples: [{{ labels: '{{none=\"\"}}', value: -1 }}]",
        );
    }
    text
}

fn canonical(path: &Path) -> String {
    path.canonicalize()
        .unwrap_or_else(|_| path.to_owned())
        .display()
        .to_string()
}

fn name(series: &Series) -> String {
    let name = series.labels.get("__name__").map_or("", String::as_str);
    let labels: Vec<_> = series
        .labels
        .iter()
        .filter(|(label, _)| *label != "__name__")
        .map(|(label, value)| {
            format!(
                "{label}=\"{}\"",
                value
                    .replace('\\', "\\\\")
                    .replace('"', "\\\"")
                    .replace('\'', "''")
            )
        })
        .collect();
    format!("{name}{{{}}}", labels.join(", "))
}

/// Returns the values of a series in promtool's notation.
fn values(series: &Series, record: &Record, interval: u32) -> String {
    let Some(&(first, _)) = series.samples.first() else {
        return "_".to_owned();
    };
    let start = record.calm - HISTORY;
    let interval_seconds = f64::from(interval);
    let points = ((record.left - start) / interval_seconds).floor() as usize;
    let mut text = String::new();
    let mut point = 0;
    let mut offset = 0.0;
    // What was there when all was well was there for an hour.
    let calm = series
        .samples
        .iter()
        .take_while(|(time, _)| *time <= record.began);
    if let Some(&(until, value)) = calm.last() {
        let slope = slope(series, record);
        let before = ((until - start) / interval_seconds).floor() as usize;
        offset = (slope * (until - start) - value).max(0.0);
        let begin = value + offset - slope * (until - start);
        let _ = write!(text, "{begin:.6}+{:.6}x{before} ", slope * interval_seconds);
        point = before + 1;
    } else {
        let before = ((first - start) / interval_seconds).ceil() as usize;
        if before > 0 {
            let _ = write!(text, "_x{before} ");
        }
        point += before;
    }
    // A scrape is late by some moments.
    let window = interval_seconds.max(f64::from(LIVE[0])) + 1.5;
    let mut next = 0;
    let mut last: Option<(f64, f64)> = None;
    let mut there = true;
    while point <= points {
        let time = start + point as f64 * interval_seconds;
        while let Some(&(at, value)) = series.samples.get(next).filter(|(at, _)| *at <= time) {
            // A counter that begins again begins at its own value.
            if last.is_some_and(|(_, before)| value < before) {
                offset = 0.0;
            }
            last = Some((at, value));
            next += 1;
        }
        match last.filter(|(at, _)| time - at < window) {
            Some((_, value)) => {
                let _ = write!(text, "{:.6} ", value + offset);
                there = true;
            }
            None => {
                text.push_str(if there { "stale " } else { "_ " });
                there = false;
            }
        }
        point += 1;
    }
    text
}

/// Returns by how much a counter, or a time, grew each second in the second half of the time in which all was well; 0 for all else.
fn slope(series: &Series, record: &Record) -> f64 {
    let name = series.labels.get("__name__").map_or("", String::as_str);
    if name == "push_time_seconds" {
        return 1.0;
    }
    let counts = ["_total", "_count", "_sum", "_bucket"]
        .iter()
        .any(|end| name.ends_with(end))
        && !GAUGES.iter().any(|gauge| name.contains(gauge));
    let half = f64::midpoint(record.calm, record.began);
    let calm: Vec<_> = series
        .samples
        .iter()
        .filter(|(time, _)| (half..=record.began).contains(time))
        .collect();
    match (calm.first(), calm.last()) {
        (Some((from, low)), Some((to, high))) if counts && to > from && high >= low => {
            (high - low) / (to - from)
        }
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(name: &str, samples: impl IntoIterator<Item = (f64, f64)>) -> Record {
        let labels = [("__name__", name), ("job", "dubbo"), ("instance", "a")];
        Record {
            calm: 10_000.0,
            began: 10_060.0,
            left: 10_120.0,
            series: vec![Series {
                labels: labels
                    .map(|(name, value)| (name.to_owned(), value.to_owned()))
                    .into(),
                samples: samples.into_iter().collect(),
            }],
            ..Record::default()
        }
    }

    #[test]
    fn a_counter_has_grown_for_an_hour_as_it_did_while_all_was_well() {
        let samples = (0..24).map(|i| (10_000.0 + 5.0 * f64::from(i), 100.0 + 10.0 * f64::from(i)));
        let record = record("dubbo_consumer_requests_total", samples);
        let values = values(&record.series[0], &record, 60);
        // Two in each second until the fault begins, and 110 until the last scrape.
        assert_eq!(values, "0.000000+120.000000x61 7430.000000 ");
    }

    #[test]
    fn what_is_so_at_first_only_was_not_so_for_an_hour() {
        let connected = (0..24).map(|i| (10_000.0 + 5.0 * f64::from(i), f64::from(i.min(1))));
        let record_of_gauge = record("dubbo_registry_connected", connected);
        let gauge = values(&record_of_gauge.series[0], &record_of_gauge, 60);
        assert_eq!(gauge, "1.000000+0.000000x61 1.000000 ");
        let firing = firing(&record_of_gauge, 15).expect("promtool is there");
        assert!(firing.is_empty(), "{firing:?}");
        // Three slow calls, and then none.
        let slow = (0..24).map(|i| (10_000.0 + 5.0 * f64::from(i), f64::from(i.min(3))));
        let record = record("dubbo_provider_errors_total", slow);
        let counter = values(&record.series[0], &record, 60);
        assert_eq!(counter, "3.000000+0.000000x61 3.000000 ");
    }

    #[test]
    fn a_restart_is_seen_and_so_is_an_end() {
        let samples = (0..20).map(|i| {
            (
                10_000.0 + 5.0 * f64::from(i),
                if i < 13 { 100.0 } else { 3.0 },
            )
        });
        let record = record("dubbo_consumer_requests_total", samples);
        let values = values(&record.series[0], &record, 15);
        assert!(
            values.ends_with("x244 3.000000 3.000000 3.000000 stale "),
            "{values}"
        );
    }

    #[test]
    fn promtool_says_which_alert_fires_and_since_when() {
        let up = (0..24).map(|i| {
            (
                10_000.0 + 5.0 * f64::from(i),
                if i < 14 { 1.0 } else { 0.0 },
            )
        });
        let mut record = record("up", up);
        record.left += 60.0;
        for i in 24..36 {
            record.series[0]
                .samples
                .push((10_000.0 + 5.0 * f64::from(i), 0.0));
        }
        let firing = firing(&record, 5).expect("promtool is there");
        let [down] = &firing[..] else {
            panic!("one alert: {firing:?}")
        };
        assert_eq!(
            (down.alert.as_str(), down.severity.as_str()),
            ("DubboTargetDown", "warning")
        );
        // Down after 70 s, and for a minute.
        assert!((10_130.0..=10_145.0).contains(&down.from), "{down:?}");
    }
}
