//! Reads a rule's YAML as leniently as Dubbo for Java does: numbers and booleans may stand where texts are meant, and the other way round.

mod bounded;

use serde::de::DeserializeSeed;
use serde_json::Value;

use crate::Malformed;
use bounded::Bounds;

pub(super) use bounded::MAX_VALUES;

/// The largest rule that is read.
const MAX_RULE_BYTES: usize = 256 * 1024;

/// What is told of what is wrong with a rule.
const MAX_REASON_CHARS: usize = 400;

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
    if data.windows(2).filter(|pair| opens(pair)).count() > MAX_VALUES {
        return Err(invalid(format!("it has more than {MAX_VALUES} values")));
    }
    let document = yaml_serde::Deserializer::from_str(text);
    let value = Bounds::new(MAX_RULE_BYTES).deserialize(document);
    let value = value.map_err(|e| invalid(e.to_string()))?;
    if value.is_object() {
        Ok(value)
    } else {
        Err(invalid("it is not a map"))
    }
}

/// Tells whether a list or a map may begin here: the time that the parser takes grows with the square of how deep they are.
fn opens(pair: &[u8]) -> bool {
    matches!(
        pair,
        [b'[' | b'{', _] | [b'-' | b'?', b' ' | b'\t' | b'\r' | b'\n']
    )
}

/// Says what is wrong with a rule, of which a part may be in the text: it goes to the log.
pub(super) fn invalid(reason: impl Into<String>) -> Malformed {
    let reason = reason.into();
    Malformed::Rule(match reason.char_indices().nth(MAX_REASON_CHARS) {
        Some((end, _)) => format!("{}…", &reason[..end]),
        None => reason,
    })
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
