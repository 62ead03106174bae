//! Reads a rule's YAML as leniently as Dubbo for Java does: numbers and booleans may stand where texts are meant, and the other way round.

use serde_json::Value;

use crate::Malformed;

/// The largest rule that is read.
const MAX_RULE_BYTES: usize = 256 * 1024;

type Object = serde_json::Map<String, Value>;

/// A map of a rule.
#[derive(Clone, Copy, Debug)]
pub(super) struct Map<'v>(&'v Object);

/// Parses a rule, which has to be a map.
pub(super) fn parse(data: &[u8]) -> Result<Value, Malformed> {
    if data.len() > MAX_RULE_BYTES {
        return Err(Malformed::TooLarge {
            bytes: data.len(),
            limit: MAX_RULE_BYTES,
        });
    }
    let text = std::str::from_utf8(data).map_err(|_| Malformed::Text)?;
    let value: Value = yaml_serde::from_str(text).map_err(|e| invalid(e.to_string()))?;
    if value.is_object() {
        Ok(value)
    } else {
        Err(invalid("it is not a map"))
    }
}

/// Says what is wrong with a rule.
pub(super) fn invalid(reason: impl Into<String>) -> Malformed {
    Malformed::Rule(reason.into())
}

impl<'v> Map<'v> {
    /// Takes a value as a map.
    pub(super) fn of(value: &'v Value) -> Result<Self, Malformed> {
        value
            .as_object()
            .map(Self)
            .ok_or_else(|| invalid(format!("a map is expected in place of {value}")))
    }

    /// Returns what is not set as `None`.
    fn get(self, key: &str) -> Option<&'v Value> {
        self.0.get(key).filter(|value| !value.is_null())
    }

    /// Returns a scalar as text.
    pub(super) fn text(self, key: &str) -> Result<Option<String>, Malformed> {
        self.get(key).map(|value| scalar(key, value)).transpose()
    }

    /// Returns a boolean, `default` where it is not set.
    pub(super) fn flag(self, key: &str, default: bool) -> Result<bool, Malformed> {
        Ok(self.text(key)?.map_or(default, |text| is_true(&text)))
    }

    /// Returns a list of scalars as texts, empty where it is not set.
    pub(super) fn texts(self, key: &str) -> Result<Vec<String>, Malformed> {
        let items = self.list(key)?.iter();
        items.map(|value| scalar(key, value)).collect()
    }

    /// Returns a list of maps, empty where it is not set.
    pub(super) fn maps(self, key: &str) -> Result<Vec<Self>, Malformed> {
        self.list(key)?.iter().map(Self::of).collect()
    }

    /// Returns a map.
    pub(super) fn map(self, key: &str) -> Result<Option<Self>, Malformed> {
        self.get(key).map(Self::of).transpose()
    }

    /// Returns all entries, each a scalar.
    pub(super) fn entries(self) -> Result<Vec<(&'v str, String)>, Malformed> {
        let entries = self.0.iter();
        entries
            .map(|(key, value)| Ok((key.as_str(), scalar(key, value)?)))
            .collect()
    }

    fn list(self, key: &str) -> Result<&'v [Value], Malformed> {
        match self.get(key) {
            None => Ok(&[]),
            Some(Value::Array(items)) => Ok(items),
            Some(_) => Err(invalid(format!("{key} is not a list"))),
        }
    }
}

/// Returns whether a text means yes, in YAML 1.1 as in 1.2.
pub(super) fn is_true(text: &str) -> bool {
    ["true", "yes", "on"]
        .iter()
        .any(|yes| text.eq_ignore_ascii_case(yes))
}

fn scalar(key: &str, value: &Value) -> Result<String, Malformed> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) => Ok(number.to_string()),
        Value::Bool(flag) => Ok(flag.to_string()),
        _ => Err(invalid(format!(
            "{key} is not a text, a number or a boolean"
        ))),
    }
}
