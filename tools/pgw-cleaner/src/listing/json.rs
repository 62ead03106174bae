//! The answer of `GET /api/v1/metrics`.
//!
//! Every group is an object with `labels`, `last_push_successful` and one member for each metric it holds; what is not named here is
//! skipped as it arrives. A pushed metric whose own name is `labels` or `last_push_successful` takes the place of that member
//! (prometheus/pushgateway `api/v1/api.go`); then the labels are taken from `push_time_seconds`, which the gateway writes itself.

use std::collections::BTreeMap;
use std::io::Read;

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny};

use super::ParseError;
use crate::group::{Group, time};

/// Reads an answer, and returns its groups.
///
/// # Errors
/// When it is not such an answer, breaks off, or something follows it.
pub fn parse(reader: impl Read) -> Result<Vec<Group>, ParseError> {
    let Document { status, data } = serde_json::from_reader(reader)?;
    if status == "success" {
        Ok(data)
    } else {
        Err(ParseError::Status(status))
    }
}

#[derive(serde::Deserialize)]
struct Document {
    status: String,
    data: Vec<Group>,
}

/// A group as the gateway writes it.
#[derive(serde::Deserialize)]
struct Served {
    labels: Option<Labels>,
    last_push_successful: Option<Value>,
    push_time_seconds: Option<Metric<Push>>,
    push_failure_time_seconds: Option<Metric<Failure>>,
}

/// The member `labels`, or a metric of that name.
#[derive(serde::Deserialize)]
#[serde(untagged)]
enum Labels {
    Key(BTreeMap<String, String>),
    Metric(IgnoredAny),
}

#[derive(serde::Deserialize)]
struct Metric<S> {
    metrics: Vec<S>,
}

/// The time of the last successful push, which the gateway writes, with the labels that it serves.
#[derive(serde::Deserialize)]
struct Push {
    labels: BTreeMap<String, String>,
    value: String,
}

/// The time of the last failure, which a pusher may have written, in any form.
#[derive(serde::Deserialize)]
struct Failure {
    value: Option<Value>,
}

/// A truth value, a text, or what says nothing here.
#[derive(serde::Deserialize)]
#[serde(untagged)]
enum Value {
    Bool(bool),
    Text(String),
    Other(IgnoredAny),
}

impl<'de> Deserialize<'de> for Group {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let served = Served::deserialize(deserializer)?;
        let (mut last_push, mut served_labels) = (None, None);
        for Push { labels, value } in samples(served.push_time_seconds) {
            last_push = last_push.max(time(value.parse().map_err(Error::custom)?));
            served_labels = Some(labels);
        }
        let group = match (served.labels, served_labels) {
            (Some(Labels::Key(labels)), _) => Self::of_labels(labels),
            (_, Some(labels)) => Self::of_served_labels(labels),
            (_, None) => return Err(Error::missing_field("labels")),
        };
        let failures = samples(served.push_failure_time_seconds).into_iter();
        Ok(Self {
            last_push,
            last_failure: failures
                .filter_map(|failure| time(failure.value?.text()?.parse().ok()?))
                .max(),
            last_push_succeeded: match served.last_push_successful {
                Some(Value::Bool(succeeded)) => Some(succeeded),
                _ => None,
            },
            ..group
        })
    }
}

impl Value {
    fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Bool(_) | Self::Other(_) => None,
        }
    }
}

fn samples<S>(metric: Option<Metric<S>>) -> Vec<S> {
    metric.map(|metric| metric.metrics).unwrap_or_default()
}

#[cfg(test)]
mod tests;
