//! One scrape, and questions to it.

use test_servers::{Sample, get};

/// The samples of one scrape, or of one group of the Pushgateway.
#[derive(Clone, Debug)]
pub struct Scrape(pub Vec<Sample>);

impl Scrape {
    /// Reads a metrics endpoint.
    ///
    /// # Panics
    ///
    /// When it does not answer 200 with samples.
    pub async fn get(url: &str) -> Self {
        let answer = get(url).await.unwrap_or_else(|err| panic!("{err}"));
        assert_eq!(answer.status, 200, "{url}: {}", answer.body);
        Self(Sample::parse(&answer.body))
    }

    /// Returns the samples that have all these labels.
    #[must_use]
    pub fn of(&self, labels: &[(&str, &str)]) -> Self {
        let samples = self.0.iter().filter(|sample| sample.has(labels));
        Self(samples.cloned().collect())
    }

    /// Returns the sum of a metric over its series; none when it has no series.
    #[must_use]
    pub fn sum(&self, name: &str) -> Option<f64> {
        let series: Vec<f64> = self
            .0
            .iter()
            .filter(|sample| sample.name() == name)
            .map(|sample| sample.value)
            .collect();
        (!series.is_empty()).then(|| series.iter().sum())
    }

    /// Returns the sum of a metric that must be there.
    ///
    /// # Panics
    ///
    /// When it is not, with the names that are.
    #[must_use]
    pub fn value(&self, name: &str) -> f64 {
        self.sum(name).unwrap_or_else(|| {
            let names: std::collections::BTreeSet<&str> = self.0.iter().map(Sample::name).collect();
            panic!("no {name} among {names:?}")
        })
    }
}
