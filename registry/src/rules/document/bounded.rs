//! Reads a document within bounds: aliases of YAML make copies of copies, each regular expression is compiled, and each value is looked at
//! for every provider.

use std::{cell::Cell, fmt};

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

/// The most values, texts and lists alike, of one rule. More cost time with each list of providers.
pub(in crate::rules) const MAX_VALUES: usize = 5_000;

/// The most regular expressions of one rule.
const MAX_REGEXES: usize = 100;

/// What a document may still hold.
#[derive(Debug)]
pub(super) struct Bounds {
    bytes: Cell<usize>,
    values: Cell<usize>,
    regexes: Cell<usize>,
}

impl Bounds {
    /// Returns the bounds of a document whose texts take so many bytes together.
    pub(super) fn new(bytes: usize) -> Self {
        Self {
            bytes: Cell::new(bytes),
            values: Cell::new(MAX_VALUES),
            regexes: Cell::new(MAX_REGEXES),
        }
    }

    /// Counts a value.
    fn value<E: Error>(&self) -> Result<(), E> {
        take(&self.values, 1, || {
            format!("it has more than {MAX_VALUES} values")
        })
    }

    fn text<E: Error>(&self, text: &str) -> Result<(), E> {
        take(&self.bytes, text.len(), || {
            "its aliases make it too large".to_owned()
        })
    }

    fn key<E: Error>(&self, key: &str) -> Result<(), E> {
        if key == "regex" {
            take(&self.regexes, 1, || {
                format!("it has more than {MAX_REGEXES} regular expressions")
            })?;
        }
        self.text(key)
    }
}

fn take<E: Error>(from: &Cell<usize>, count: usize, why: impl Fn() -> String) -> Result<(), E> {
    let left = from.get().checked_sub(count);
    from.set(left.ok_or_else(|| E::custom(why()))?);
    Ok(())
}

impl<'de> DeserializeSeed<'de> for &Bounds {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for &Bounds {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map, a list, a text, a number or a boolean")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        self.value().map(|()| value.into())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        self.value().map(|()| value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        self.value().map(|()| value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        self.value().map(|()| value.into())
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        self.value()?;
        self.text(value).map(|()| value.into())
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        self.value().map(|()| Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        self.value()?;
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(self)? {
            list.push(item);
        }
        Ok(list.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        self.value()?;
        let mut map = serde_json::Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            self.key(&key)?;
            map.insert(key, entries.next_value_seed(self)?);
        }
        Ok(map.into())
    }
}
