//! The answer of `GET /metrics`, for gateways that have no API yet (before 1.0).
//!
//! Each group is known by the two samples that the gateway adds to it. They carry the grouping labels and, if there is
//! none among them, an empty `instance`.

use std::collections::BTreeMap;
use std::io::{BufRead, Read as _};

use super::ParseError;
use crate::group::{Group, time};

/// The text format, which an old gateway sends unless it is asked for another.
pub(super) const ACCEPT: &str = "text/plain; version=0.0.4";

/// No line of a gateway is longer; a group's labels come from a URL, which Go's server cuts off at a megabyte.
const LONGEST_LINE: u64 = 4 * 1024 * 1024;

/// Hands every group of an answer to `each`.
///
/// # Errors
/// When a line is not in Prometheus's text format, or no line is one of a Pushgateway.
pub fn parse(mut reader: impl BufRead, mut each: impl FnMut(Group)) -> Result<(), ParseError> {
    let mut pushes: BTreeMap<BTreeMap<String, String>, f64> = BTreeMap::new();
    let mut failures = pushes.clone();
    let (mut line, mut is_pushgateway) = (Vec::new(), false);
    for number in 1.. {
        line.clear();
        let length = reader
            .by_ref()
            .take(LONGEST_LINE)
            .read_until(b'\n', &mut line)?;
        if length == 0 {
            break;
        }
        if !line.ends_with(b"\n") {
            return Err(ParseError::Line(number));
        }
        let text = std::str::from_utf8(&line)
            .map_err(|_| ParseError::Line(number))?
            .trim();
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        let name_end = text
            .find(['{', ' ', '\t'])
            .ok_or(ParseError::Line(number))?;
        let (name, rest) = text.split_at(name_end);
        if !name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '_' || c == ':')
        {
            return Err(ParseError::Line(number));
        }
        is_pushgateway |= name == "pushgateway_build_info";
        let times = match name {
            "push_time_seconds" => &mut pushes,
            "push_failure_time_seconds" => &mut failures,
            _ => continue,
        };
        let (labels, seconds) = sample(rest).ok_or(ParseError::Line(number))?;
        times.insert(labels, seconds);
        is_pushgateway = true;
    }
    if !is_pushgateway {
        return Err(ParseError::NotAPushgateway);
    }
    // Only the first of the two is the gateway's word alone: pushers can write the second, under labels of their own.
    for (labels, pushed) in pushes {
        let last_failure = failures.get(&labels).copied().and_then(time);
        let group = Group::of_served_labels(labels);
        each(Group {
            last_push: time(pushed),
            last_failure,
            ..group
        });
    }
    Ok(())
}

/// Reads `{label="value",…} number`.
fn sample(text: &str) -> Option<(BTreeMap<String, String>, f64)> {
    let mut rest = text.strip_prefix('{')?;
    let mut labels = BTreeMap::new();
    loop {
        rest = rest.trim_start_matches([',', ' ']);
        if let Some(value) = rest.strip_prefix('}') {
            return Some((labels, value.split_whitespace().next()?.parse().ok()?));
        }
        let (name, after) = rest.split_once("=\"")?;
        let (value, after) = quoted(after)?;
        labels.insert(name.to_owned(), value);
        rest = after;
    }
}

/// Reads up to the closing quote; `\\`, `\"` and `\n` stand for themselves without their meaning in the format.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => match chars.next()?.1 {
                'n' => value.push('\n'),
                escaped @ ('\\' | '"') => value.push(escaped),
                _ => return None,
            },
            c => value.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests;
