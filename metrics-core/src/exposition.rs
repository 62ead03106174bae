//! The text format of Prometheus, version 0.0.4.
//!
//! <https://github.com/prometheus/docs/blob/main/docs/instrumenting/exposition_formats.md>

use std::borrow::Cow;
use std::fmt::Write;

use crate::families::Type;

/// The content type of the text.
pub(crate) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Text that families and their samples are written to, in order.
#[derive(Debug, Default)]
pub(crate) struct Text(String);

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl Text {
    pub(crate) fn with_capacity(bytes: usize) -> Self {
        Self(String::with_capacity(bytes))
    }

    pub(crate) fn into_string(self) -> String {
        self.0
    }

    /// Begins a family.
    pub(crate) fn family(&mut self, name: &str, kind: Type, help: &str) {
        let help = escape(help, false);
        self.0.extend([
            "# HELP ",
            name,
            " ",
            &help,
            "\n# TYPE ",
            name,
            " ",
            kind.name(),
            "\n",
        ]);
    }

    /// Writes a whole number. `labels` come as [`labels`] renders them, `extra` is one more label already rendered, or empty.
    pub(crate) fn count(&mut self, name: &str, labels: &str, extra: &str, value: u64) {
        self.head(name, labels, extra);
        // Writing to a String cannot fail.
        let _ = writeln!(self.0, "{value}");
    }

    /// Writes a number.
    pub(crate) fn gauge(&mut self, name: &str, labels: &str, extra: &str, value: f64) {
        self.head(name, labels, extra);
        write_number(&mut self.0, value);
        self.0.push('\n');
    }

    /// Appends text that is already in the format.
    pub(crate) fn append(&mut self, text: &str) {
        self.0.push_str(text);
    }

    fn head(&mut self, name: &str, labels: &str, extra: &str) {
        let comma = if labels.is_empty() || extra.is_empty() {
            ""
        } else {
            ","
        };
        if labels.is_empty() && extra.is_empty() {
            self.0.extend([name, " "]);
        } else {
            self.0.extend([name, "{", labels, comma, extra, "} "]);
        }
    }
}

/// Renders labels without braces, each value escaped.
pub(crate) fn labels<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut text = String::new();
    for (name, value) in pairs {
        let comma = if text.is_empty() { "" } else { "," };
        text.extend([comma, name, "=\"", &escape(value, true), "\""]);
    }
    text
}

/// Escapes backslash and line feed, and the quotation mark where the text stands between two of them.
fn escape(text: &str, quoted: bool) -> Cow<'_, str> {
    let special = |c: char| c == '\\' || c == '\n' || (quoted && c == '"');
    if !text.contains(special) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '\\' => escaped.push_str("\\\\"),
            '\n' => escaped.push_str("\\n"),
            '"' if quoted => escaped.push_str("\\\""),
            c => escaped.push(c),
        }
    }
    Cow::Owned(escaped)
}

/// Writes a number as the format wants it: Rust's own way, apart from the infinities.
pub(crate) fn write_number(text: &mut String, value: f64) {
    if value.is_infinite() {
        text.push_str(if value > 0.0 { "+Inf" } else { "-Inf" });
    } else {
        let _ = write!(text, "{value}");
    }
}

#[cfg(test)]
mod tests;
