//! Wrong queries: a right one with one mistake that a change of the dashboard could bring.

use crate::expected::Choice;

/// Pieces of queries, and what stands there by mistake.
const SWAPPED: [(&str, &str); 33] = [
    ("dubbo_provider_", "dubbo_consumer_"),
    ("dubbo_consumer_", "dubbo_provider_"),
    ("side=\"provider\"", "side=\"consumer\""),
    ("side=\"consumer\"", "side=\"provider\""),
    ("requests_failed", "requests_business_failed"),
    ("requests_failed", "requests"),
    ("requests_total", "requests_failed_total"),
    ("_succeed_", "_failed_"),
    ("business_failed", "timeout"),
    ("requests_timeout", "requests_limit"),
    ("service_unavailable", "network"),
    ("requests_limit", "requests_timeout"),
    ("messages_received", "messages_sent"),
    ("messages_sent", "messages_received"),
    ("availability", "latency"),
    ("latency", "availability"),
    ("thread_count", "active_size"),
    ("active_size", "queue_size"),
    ("workers_busy", "workers"),
    ("process_open_fds", "process_max_fds"),
    ("directory_valid_providers", "directory_providers"),
    ("directory_providers", "directory_valid_providers"),
    ("_ejected_providers", "_ejections_total"),
    ("register_service_succeed", "register_service_failed"),
    ("register_service_failed", "register_service_succeed"),
    ("sessions_total", "malformed_nodes_total"),
    ("malformed_nodes_total", "sessions_total"),
    ("duration_seconds_sum", "duration_seconds_count"),
    (":p99", ":p50"),
    ("histogram_quantile(0.", "histogram_quantile(0.4"),
    ("increase(", "rate("),
    ("rate(", "increase("),
    ("[20m]", "[5m]"),
];

/// Functions that add up, and others; and what stands in front of or behind something and is forgotten.
const CHANGED: [(&str, &str); 17] = [
    ("sum(", "max("),
    ("sum (", "max ("),
    ("sum by", "max by"),
    ("sum by", "count by"),
    ("min(", "max("),
    ("min by", "count by"),
    ("max_over_time(", "count_over_time("),
    ("topk by (side) (10,", "topk by (side) (1,"),
    ("topk by (side) (10,", "bottomk by (side) (1,"),
    ("topk(10,", "topk(1,"),
    ("time() - ", ""),
    (" * 1000", ""),
    ("1 - ", ""),
    (" offset 1m", ""),
    (" offset 20m", " offset 1m"),
    ("alertstate=\"firing\"", "alertstate=\"pending\""),
    (
        " unless on (cluster, namespace, job, instance) dubbo:push_stale",
        "",
    ),
];

/// Returns what is wrong with each wrong query that is made of a right one, and the query.
pub(crate) fn of(query: &str, chosen: &[(&str, &str)]) -> Vec<(String, String)> {
    let mut mutants = Vec::new();
    for (variable, value) in chosen {
        let everything = [value.to_string(), format!("{value}|")]
            .iter()
            .fold(query.to_owned(), |query, value| {
                query.replace(&format!("=~\"{value}\""), "=~\".*\"")
            });
        mutants.push((format!("${variable} is forgotten"), everything));
    }
    for (piece, other) in SWAPPED.iter().chain(&CHANGED) {
        mutants.push((
            format!("{piece:?} is {other:?}"),
            query.replace(piece, other),
        ));
    }
    for (start, _) in query.match_indices("by (") {
        // Of ten or fewer rows, topk takes all.
        if query[..start].ends_with("topk ") {
            continue;
        }
        let inside = &query[start + 4..];
        let Some((labels, rest)) = inside.split_once(')') else {
            continue;
        };
        let fewer = labels.rsplit_once(", ").map_or("", |(fewer, _)| fewer);
        let missing = labels.rsplit(", ").next().unwrap_or_default();
        mutants.push((
            format!("by ({labels}) at {start} is without {missing}"),
            format!("{}by ({fewer}){rest}", &query[..start]),
        ));
    }
    mutants
}

/// Panels of which each row is one series here, so that the largest is the sum.
const SINGLE: [&str; 18] = [
    "Attempts",
    "Calls on shared series",
    "Consumer error rate",
    "Consumer statistics G",
    "Ejections",
    "Errors by code",
    "Failing calls",
    "Notifications",
    "Provider errors by type",
    "Provider statistics D",
    "Provider statistics E",
    "Provider statistics F",
    "Provider statistics G",
    "Pushes",
    "Queued tasks",
    "Registrations",
    "Sessions",
    "Worker threads",
];

/// Returns whether a mistake does not change what is shown: a query that is right for another reason.
pub(crate) fn is_equivalent(choice: Choice, place: &str, query: &str, change: &str) -> bool {
    let is = |wrong: &str, instead: &str| change == format!("{wrong:?} is {instead:?}");
    let of = |panels: &[&str]| {
        panels
            .iter()
            .any(|panel| place.starts_with(&format!("panel {panel}")))
    };
    // Of what is recorded and what it is made of, the choice reads one; and there is no process of Dubbo Java.
    let place_of = |change: &str| -> Option<usize> {
        let (at, _) = change.split_once(" at ")?.1.split_once(' ')?;
        Some("round((".len() + at.parse::<usize>().ok()?)
    };
    if query.contains("none!~")
        && let Some(start) = place_of(change)
    {
        let rest = &query[start + 1..];
        let sum = &rest[..rest.find("sum by").unwrap_or(rest.len())];
        let is_read = if sum.contains("interface_") {
            choice == Choice::AllOfBoth
        } else if sum.contains("_bucket:rate5m") {
            choice == Choice::AllInstances
        } else {
            sum.contains("none!~") == (choice == Choice::Some)
        };
        if !is_read || sum.contains("_milliseconds_histogram_") {
            return true;
        }
    }
    // Shares and quantiles are the same of rates and of what rates are made of.
    (is("rate(", "increase(") && (query.contains(" / (") || query.contains("quantile")))
        || (is("sum by", "max by") && of(&SINGLE))
        // There is no such family: what is derived of errors stands in for it.
        || ((is("service_unavailable", "network")
            || is("requests_failed", "requests_business_failed")
            || is("requests_failed", "requests"))
            && of(&["Provider statistics F", "Consumer statistics F"]))
        // Where there are buckets, the methods' own quantiles are not read.
        || (is(":p99", ":p50") && query.contains("histogram_quantile"))
        // Of all instances, a method is one series, and nothing is read of what processes export; of all methods, those of one interface have
        // all calls that are in flight.
        || (choice == Choice::AllInstances
            && is("sum by", "max by")
            && query.contains("dubbo:method_"))
        || (choice != Choice::Some && is("rate(", "increase("))
        || (choice == Choice::AllMethods
            && is("sum by", "max by")
            && query.contains("dubbo:instance_requests_in_flight"))
        // What is recorded of the cleaner is one series for each cluster, and providers are only counted.
        || (is("sum (", "max (") && of(&["Cleaner"]))
        || ((is("sum by", "max by") || is("sum by", "count by")) && of(&["Providers"]))
        // An alert that fires is 1.
        || (is("sum by", "count by") && of(&["Firing alerts"]))
        // Quantiles and rates stand still here.
        || (is("[20m]", "[5m]") && (of(&["Slowest methods"]) || place == "variable busiest"))
        // Only a method without failures began within the chosen time.
        || (is(" offset 20m", " offset 1m") && !query.contains("requests_total") && !query.contains("succeed"))
}
