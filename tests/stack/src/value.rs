//! Short ways through JSON and YAML, for tests that would fail at what is missing anyway.

use serde_json::Value;

/// Returns the items of a list; anything else has none.
pub fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// Returns a text; anything else is an empty one.
pub fn string(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
