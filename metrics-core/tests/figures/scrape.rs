//! Reading a scrape in a test.

use metrics_core::Metrics;

/// The samples of one scrape: name with labels, and value.
#[derive(Debug)]
pub(crate) struct Scrape(Vec<(String, String, f64)>);

impl Scrape {
    pub(crate) fn of(metrics: &Metrics) -> Self {
        Self::parse(&metrics.text())
    }

    pub(crate) fn parse(text: &str) -> Self {
        let samples = text
            .lines()
            .filter(|line| !line.starts_with('#'))
            .map(|line| {
                let (head, value) = line.rsplit_once(' ').expect("a value");
                let (name, labels) = head.split_once('{').unwrap_or((head, ""));
                let value = value
                    .parse()
                    .unwrap_or_else(|_| panic!("{line:?} has no number"));
                (
                    name.to_owned(),
                    labels.trim_end_matches('}').to_owned(),
                    value,
                )
            });
        Self(samples.collect())
    }

    /// Returns the names of all samples, repeated.
    pub(crate) fn names(&self) -> impl Iterator<Item = String> {
        self.0.iter().map(|(name, ..)| name.clone())
    }

    /// Returns the values of every sample of one name.
    pub(crate) fn all(&self, name: &str) -> impl Iterator<Item = f64> {
        self.matching(name, "")
    }

    /// Returns the values of every sample of one name whose labels contain a text.
    pub(crate) fn matching(&self, name: &str, labels: &str) -> impl Iterator<Item = f64> {
        self.0
            .iter()
            .filter(move |(n, l, _)| n == name && l.contains(labels))
            .map(|(_, _, value)| *value)
    }

    /// Returns the value of the only sample of one name, or none when there is none.
    pub(crate) fn find(&self, name: &str) -> Option<f64> {
        let values: Vec<_> = self.all(name).collect();
        assert!(values.len() < 2, "{name} has {} samples", values.len());
        values.first().copied()
    }

    /// Returns the value of the only sample of one name.
    pub(crate) fn value(&self, name: &str) -> f64 {
        self.find(name)
            .unwrap_or_else(|| panic!("there is no {name}"))
    }
}
