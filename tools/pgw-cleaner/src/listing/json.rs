//! The answer of `GET /api/v1/metrics`, read as a stream.
//!
//! Every group is an object with `labels`, `last_push_successful` and one member for each metric it holds. A pushed
//! metric whose own name is `labels` or `last_push_successful` takes the place of that member (prometheus/pushgateway
//! `api/v1/api.go`); then the labels are taken from `push_time_seconds`, which the gateway writes itself.

use std::collections::BTreeMap;
use std::fmt;
use std::io::Read;

use serde::Deserialize;
use serde::de::{
    DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor,
};

use super::ParseError;
use crate::group::{Group, time};

/// Hands every group of an answer to `each`; groups are handed over before the end has been seen.
///
/// # Errors
/// When it is not such an answer, breaks off, or something follows it.
pub fn parse(reader: impl Read, mut each: impl FnMut(Group)) -> Result<(), ParseError> {
    let mut deserializer = serde_json::Deserializer::from_reader(reader);
    let status = Document { each: &mut each }.deserialize(&mut deserializer)?;
    deserializer.end()?;
    if status == "success" {
        Ok(())
    } else {
        Err(ParseError::Status(status))
    }
}

/// The whole answer; its value is the status.
struct Document<'f, F> {
    each: &'f mut F,
}

/// The list of groups.
struct Groups<'f, F> {
    each: &'f mut F,
}

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "snake_case")]
enum DocumentField {
    Status,
    Data,
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "snake_case")]
enum GroupField {
    Labels,
    LastPushSuccessful,
    PushTimeSeconds,
    PushFailureTimeSeconds,
    #[serde(other)]
    Other,
}

/// The time of the last successful push, which the gateway writes, with the labels that it serves.
#[derive(Deserialize)]
struct Pushes {
    metrics: Vec<Push>,
}

#[derive(Deserialize)]
struct Push {
    labels: BTreeMap<String, String>,
    value: String,
}

/// The time of the last failure, which a pusher may have written, in any form.
#[derive(Deserialize)]
struct Failures {
    metrics: Vec<Failure>,
}

#[derive(Deserialize)]
struct Failure {
    value: Option<Scalar>,
}

/// A string, a truth value, or anything else, whose content does not matter.
enum Scalar {
    Text(String),
    Bool(bool),
    Other,
}

/// The member `labels`: a map of strings, or a metric of that name.
struct Labels(Option<BTreeMap<String, String>>);

// === impl Document ===

impl<'de, F: FnMut(Group)> DeserializeSeed<'de> for Document<'_, F> {
    type Value = String;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<String, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, F: FnMut(Group)> Visitor<'de> for Document<'_, F> {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with the members status and data")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<String, A::Error> {
        let (mut status, mut data) = (None, false);
        while let Some(field) = map.next_key()? {
            match field {
                DocumentField::Status => status = Some(map.next_value()?),
                DocumentField::Data => {
                    map.next_value_seed(Groups {
                        each: &mut *self.each,
                    })?;
                    data = true;
                }
                DocumentField::Other => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        let status: String = status.ok_or_else(|| A::Error::missing_field("status"))?;
        if data || status != "success" {
            Ok(status)
        } else {
            Err(A::Error::missing_field("data"))
        }
    }
}

// === impl Groups ===

impl<'de, F: FnMut(Group)> DeserializeSeed<'de> for Groups<'_, F> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de, F: FnMut(Group)> Visitor<'de> for Groups<'_, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of groups")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while let Some(group) = seq.next_element()? {
            (self.each)(group);
        }
        Ok(())
    }
}

// === impl Group ===

impl<'de> Deserialize<'de> for Group {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(GroupVisitor)
    }
}

struct GroupVisitor;

impl<'de> Visitor<'de> for GroupVisitor {
    type Value = Group;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a group with its labels and metrics")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Group, A::Error> {
        let (mut labels, mut served, mut succeeded) = (None, None, None);
        let (mut last_push, mut last_failure) = (None, None);
        while let Some(field) = map.next_key()? {
            match field {
                GroupField::Labels => labels = map.next_value::<Labels>()?.0,
                GroupField::LastPushSuccessful => {
                    if let Scalar::Bool(value) = map.next_value()? {
                        succeeded = Some(value);
                    }
                }
                GroupField::PushTimeSeconds => {
                    for Push { labels, value } in map.next_value::<Pushes>()?.metrics {
                        last_push = last_push.max(time(value.parse().map_err(A::Error::custom)?));
                        served = Some(labels);
                    }
                }
                GroupField::PushFailureTimeSeconds => {
                    for Failure { value } in map.next_value::<Failures>()?.metrics {
                        if let Some(Scalar::Text(value)) = value {
                            last_failure = last_failure.max(value.parse().ok().and_then(time));
                        }
                    }
                }
                GroupField::Other => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        let mut group = match (labels, served) {
            (Some(labels), _) => Group::of_labels(labels),
            (None, Some(served)) => Group::of_served_labels(served),
            (None, None) => return Err(A::Error::missing_field("labels")),
        };
        group.last_push = last_push;
        group.last_failure = last_failure;
        group.last_push_succeeded = succeeded;
        Ok(group)
    }
}

// === impl Labels ===

impl<'de> Deserialize<'de> for Labels {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(LabelsVisitor)
    }
}

struct LabelsVisitor;

impl<'de> Visitor<'de> for LabelsVisitor {
    type Value = Labels;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("labels with their values")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Labels, A::Error> {
        let mut labels = Some(BTreeMap::new());
        while let Some(label) = map.next_key::<String>()? {
            match (map.next_value()?, &mut labels) {
                (Scalar::Text(value), Some(labels)) => {
                    labels.insert(label, value);
                }
                // A value that is no text: this is a metric, which has a list of samples.
                _ => labels = None,
            }
        }
        Ok(Labels(labels))
    }
}

// === impl Scalar ===

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ScalarVisitor)
    }
}

struct ScalarVisitor;

impl<'de> Visitor<'de> for ScalarVisitor {
    type Value = Scalar;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_str<E>(self, value: &str) -> Result<Scalar, E> {
        Ok(Scalar::Text(value.to_owned()))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Scalar, E> {
        Ok(Scalar::Bool(value))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Scalar, E> {
        Ok(Scalar::Other)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Scalar, E> {
        Ok(Scalar::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Scalar, E> {
        Ok(Scalar::Other)
    }

    fn visit_unit<E>(self) -> Result<Scalar, E> {
        Ok(Scalar::Other)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Scalar, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Scalar::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Scalar, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Scalar::Other)
    }
}

#[cfg(test)]
mod tests;
