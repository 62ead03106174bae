//! The labels of samples, in the form that each format wants.

use std::borrow::Cow;
use std::sync::{LazyLock, OnceLock};

use super::protobuf;

/// Labels that were rendered once, for all samples that carry them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Labels {
    /// As they stand in text, without braces, each value escaped.
    pub(super) text: Box<str>,
    /// As they stand in the message of a sample; made when the first one is written.
    message: OnceLock<Box<[u8]>>,
}

impl Labels {
    /// Returns no label at all.
    pub(crate) fn none() -> &'static Self {
        static NONE: LazyLock<Labels> = LazyLock::new(Labels::default);
        &NONE
    }

    /// Renders pairs of name and value.
    pub(crate) fn new<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut text = String::new();
        for (name, value) in pairs {
            let comma = if text.is_empty() { "" } else { "," };
            text.extend([comma, name, "=\"", &escape(value, true), "\""]);
        }
        Self {
            text: text.into(),
            message: OnceLock::new(),
        }
    }

    /// Renders one pair.
    pub(crate) fn one(name: &str, value: &str) -> Self {
        Self::new([(name, value)])
    }

    /// Returns the labels as they stand in a message. An empty value is no label there.
    pub(super) fn message(&self) -> &[u8] {
        if self.text.is_empty() {
            return &[];
        }
        self.message.get_or_init(|| {
            let mut message = Vec::new();
            for (name, value) in pairs(&self.text) {
                if !value.is_empty() {
                    protobuf::write_label(&mut message, name, &value);
                }
            }
            message.into()
        })
    }
}

/// Reads rendered labels back into pairs.
fn pairs(labels: &str) -> impl Iterator<Item = (&str, String)> {
    let mut rest = labels;
    std::iter::from_fn(move || {
        let (name, text) = rest.split_once("=\"")?;
        let mut value = String::new();
        let mut chars = text.char_indices();
        let end = loop {
            match chars.next() {
                Some((_, '\\')) => match chars.next() {
                    Some((_, 'n')) => value.push('\n'),
                    Some((_, c)) => value.push(c),
                    None => break text.len(),
                },
                Some((at, '"')) => break at + 1,
                Some((_, c)) => value.push(c),
                None => break text.len(),
            }
        };
        rest = text[end..].trim_start_matches(',');
        Some((name, value))
    })
}

/// Escapes backslash and line feed, and the quotation mark where the text stands between two of them.
pub(super) fn escape(text: &str, quoted: bool) -> Cow<'_, str> {
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
