//! What the rules ask Prometheus for.

use std::collections::BTreeSet;

use crate::{list, yaml};

/// Families in the rules that processes of this project do not export: those of dubbo-go and Dubbo Java, of batch jobs that have ended, and data.
const OF_OTHERS: [&str; 9] = [
    "_milliseconds_histogram_",
    "_failed_network_total",
    "_failed_codec_total",
    "_requests_processing{",
    "dubbo_registry_directory_num_valid ",
    "dubbo_application ",
    "dubbo_application_info ",
    "dubbo_push_final",
    "dubbo_objective",
];

/// Returns the selectors of [`rule_selectors`] that processes of this project answer in push mode with the text format: native histograms are
/// of the other format, and which errors there are is up to the calls.
pub fn own_selectors() -> BTreeSet<String> {
    rule_selectors()
        .into_iter()
        .filter(|selector| {
            let name = format!("{selector} ");
            !OF_OTHERS.iter().any(|other| name.contains(other))
                && !selector.contains("_request_duration_seconds{")
                && !selector.contains("fault=")
        })
        .collect()
}

/// Returns every selector of a family in the recording rules and the alerts, such as `dubbo_push_requests_total{result="failure"}`, without its
/// range. What the rules record themselves (names with a colon) is left out.
///
/// # Panics
/// When the rules can't be read.
pub fn rule_selectors() -> BTreeSet<String> {
    let files =
        ["recording", "alerts"].map(|file| yaml(&format!("prometheus_grafana/rules/{file}.yml")));
    let groups = files.iter().flat_map(|file| list(&file["groups"]));
    let rules = groups.flat_map(|group| list(&group["rules"]));
    rules
        .flat_map(|rule| selectors(rule["expr"].as_str().expect("a rule has an expression")))
        .collect()
}

/// Returns the families in an expression that are read as they are exported: names with a selector, a range or an offset, and no colon.
pub fn families(expression: &str) -> BTreeSet<String> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    let mut found = BTreeSet::new();
    let mut quoted = false;
    let mut word = String::new();
    let mut before = ' ';
    // Inside of parentheses after these words, and of braces, there are labels.
    let mut labels = 0;
    let mut listing = false;
    for c in expression.chars().chain([' ']) {
        if c == '"' {
            quoted = !quoted;
        }
        if quoted || c == '"' {
            continue;
        }
        if is_name(c) || (c == '.' && !word.is_empty()) {
            word.push(c);
            continue;
        }
        if !word.is_empty() {
            let number = word.starts_with(|c: char| c.is_ascii_digit());
            let known = KEYWORDS.contains(&word.as_str());
            if ["by", "on", "without", "group_left", "group_right"].contains(&word.as_str()) {
                listing = true;
            } else if labels == 0 && !number && !known && c != '(' && before != '$' {
                if !word.contains(':') {
                    found.insert(word.clone());
                }
                listing = false;
            }
            word.clear();
        }
        match c {
            '{' => labels += 1,
            '(' if listing || labels > 0 => labels += 1,
            '}' | ')' if labels > 0 => labels -= 1,
            '[' => labels += 1,
            ']' => labels -= 1,
            _ => {}
        }
        if c != ' ' && c != '\n' {
            listing = false;
        }
        before = c;
    }
    found
}

/// Words of PromQL that stand where a family could.
const KEYWORDS: [&str; 13] = [
    "and", "or", "unless", "offset", "bool", "inf", "sum", "min", "max", "count", "topk", "avg",
    "group",
];

fn selectors(expression: &str) -> Vec<String> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    let mut found = Vec::new();
    let mut rest = expression;
    while let Some(start) = rest.find(is_name) {
        let word = &rest[start..];
        let length = word.find(|c| !is_name(c)).unwrap_or(word.len());
        let (name, after) = word.split_at(length);
        rest = after;
        if !["dubbo_", "push_"]
            .iter()
            .any(|prefix| name.starts_with(prefix))
            || name.contains(':')
        {
            continue;
        }
        let matchers = match after.find('}') {
            Some(end) if after.starts_with('{') => &after[..=end],
            _ => "",
        };
        found.push(format!("{name}{matchers}"));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_are_told_from_functions_labels_and_recorded_series() {
        let expression = "topk by (side) (10, sum by (le) (rate(dubbo_a{x=~\"$y_z\"}[5m])) / dubbo:b:rate5m offset 1m > 0.5)
            unless on (cluster) group_left () up == 1 and sum (c offset 2m) or dubbo:d{e=\"f\"} or vector(1) or h";
        let found = families(expression);
        assert_eq!(
            found.iter().map(String::as_str).collect::<Vec<_>>(),
            ["c", "dubbo_a", "h", "up"]
        );
    }

    #[test]
    fn selectors_are_found_with_their_matchers_and_recorded_series_are_not() {
        assert_eq!(
            selectors(
                "sum by (le) (rate(dubbo_x_bucket{le=\"0.25\"}[5m])) > dubbo:y:rate5m or push_time_seconds"
            ),
            ["dubbo_x_bucket{le=\"0.25\"}", "push_time_seconds"]
        );
        assert!(rule_selectors().len() > 15);
    }
}
