//! One value of one time series.

use std::collections::BTreeMap;

/// A value with its labels; the metric's name is the label `__name__`, as in Prometheus itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// All labels, the name among them when the query kept it.
    pub labels: BTreeMap<String, String>,
    /// The value; may be NaN or infinite.
    pub value: f64,
}

// === impl Sample ===

impl Sample {
    /// Returns a label's value, or an empty text for a label that is not there: Prometheus makes no difference either.
    pub fn label(&self, name: &str) -> &str {
        self.labels.get(name).map_or("", String::as_str)
    }

    /// Returns the metric's name.
    pub fn name(&self) -> &str {
        self.label("__name__")
    }

    /// Returns whether all `expected` labels are there with these values.
    pub fn has(&self, expected: &[(&str, &str)]) -> bool {
        expected
            .iter()
            .all(|(name, value)| self.label(name) == *value)
    }

    /// Reads every sample of a scrape in Prometheus's text format; comments are left out.
    ///
    /// # Panics
    /// On a line that is not in that format, with the line.
    pub fn parse(text: &str) -> Vec<Self> {
        text.lines()
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
            .map(|line| Self::parse_line(line).unwrap_or_else(|| panic!("not a sample: {line:?}")))
            .collect()
    }

    fn parse_line(line: &str) -> Option<Self> {
        let (name, mut rest) = line.split_at(line.find(['{', ' '])?);
        let mut labels = BTreeMap::from([("__name__".to_owned(), name.to_owned())]);
        if let Some(inside) = rest.strip_prefix('{') {
            rest = inside;
            while !rest.starts_with('}') {
                let (label, value) = rest.split_once("=\"")?;
                let (value, after) = quoted(value)?;
                labels.insert(label.to_owned(), value);
                rest = after.strip_prefix(',').unwrap_or(after);
            }
            rest = &rest[1..];
        }
        // A timestamp may follow the value.
        let value = rest.split_whitespace().next()?.parse().ok()?;
        Some(Self { labels, value })
    }
}

/// Splits the text after an opening quote into the unescaped value and what follows its closing quote.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => match characters.next()?.1 {
                'n' => value.push('\n'),
                other => value.push(other),
            },
            other => value.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_unescaped() {
        let samples = Sample::parse(
            "# TYPE a counter\na{b=\"x\\\"y\\\\z\\n\",c=\"}, \"} 3\nd NaN 1700000000000\ne{} +Inf\n",
        );
        assert_eq!(samples.len(), 3);
        assert_eq!(samples[0].name(), "a");
        assert_eq!(samples[0].label("b"), "x\"y\\z\n");
        assert_eq!(samples[0].label("c"), "}, ");
        assert_eq!(samples[0].value, 3.0);
        assert!(samples[1].value.is_nan());
        assert_eq!(samples[2].value, f64::INFINITY);
        assert!(samples[0].has(&[("c", "}, "), ("missing", "")]));
    }

    #[test]
    #[should_panic(expected = "not a sample: \"a{b=\\\"c} 1\"")]
    fn a_broken_line_is_named() {
        Sample::parse("a{b=\"c} 1");
    }
}
