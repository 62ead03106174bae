//! What was measured, part by part; kept in a file, so that parts can be measured at different times.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use crate::fit::Fit;
use crate::machine::Machine;
use crate::part::Part;
use crate::quantity::{Quantity, Unit};
use crate::statistics::median;
use crate::subject::Subject;

/// Everything that was measured, and where.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Results {
    pub(crate) parts: BTreeMap<Part, Measured>,
}

/// One part's figures.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Measured {
    /// When it began, as RFC 3339.
    pub(crate) at: String,
    /// How long it took, in seconds.
    pub(crate) seconds: f64,
    /// Where.
    pub(crate) machine: Machine,
    /// The share of the machine that others used right before, 0 to 1.
    pub(crate) busy: f64,
    /// The commit that ours per-core was built from, if it was not this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) before: Option<String>,
    /// How many rounds its figures come from.
    pub(crate) rounds: usize,
    pub(crate) figures: Vec<Figure>,
    pub(crate) curves: Vec<Curve>,
}

/// The samples of one quantity of one subject, one for each round.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Figure {
    pub(crate) quantity: Quantity,
    pub(crate) subject: Subject,
    pub(crate) samples: Vec<f64>,
}

/// What is added, one by one, while something is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Added {
    /// Connections to a provider.
    Connections,
    /// Providers in a consumer's directory.
    Providers,
    /// Methods that are called.
    Methods,
}

impl Added {
    pub(crate) const ALL: [Self; 3] = [Self::Connections, Self::Providers, Self::Methods];

    /// Returns what is said to be added.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Connections => "connections to a provider",
            Self::Providers => "providers of a consumer",
            Self::Methods => "methods of a provider",
        }
    }
}

/// What was measured while units were added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Watched {
    /// CPU time per call, in µs.
    Cpu,
    /// Resident memory, in KiB.
    Memory,
    /// Time of a scrape, in ms.
    Scrape,
    /// Size of a scrape, in KiB.
    ScrapeSize,
    /// Time until all are connected, in ms.
    Connected,
}

impl Watched {
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Cpu => "CPU per call",
            Self::Memory => "memory",
            Self::Scrape => "scrape",
            Self::ScrapeSize => "size of a scrape",
            Self::Connected => "until all are connected",
        }
    }

    pub(crate) fn unit(self) -> Unit {
        match self {
            Self::Cpu => Unit::Micros,
            Self::Memory | Self::ScrapeSize => Unit::Kibibytes,
            Self::Scrape | Self::Connected => Unit::Millis,
        }
    }
}

/// How one thing grew with the number of another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Curve {
    pub(crate) added: Added,
    pub(crate) watched: Watched,
    pub(crate) subject: Subject,
    /// Units and values.
    pub(crate) points: Vec<(f64, f64)>,
}

impl Curve {
    /// Returns the line through its points.
    pub(crate) fn fit(&self) -> Option<Fit> {
        Fit::of(&self.points)
    }
}

impl Results {
    /// Reads what was measured before; nothing was when there is no such file.
    ///
    /// # Errors
    /// When the file cannot be read, or holds something else.
    pub(crate) fn read(path: &Path) -> anyhow::Result<Self> {
        match fs::read(path) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .with_context(|| format!("{} holds no results; remove it", path.display())),
            Err(err) if err.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(err) => Err(err).with_context(|| format!("cannot read {}", path.display())),
        }
    }

    /// Writes all of it.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(crate) fn write(&self, path: &Path) -> anyhow::Result<()> {
        fs::write(path, serde_json::to_vec_pretty(self)?)
            .with_context(|| format!("cannot write {}", path.display()))
    }

    /// Returns the samples of a quantity of a subject; none when it was not measured.
    pub(crate) fn samples(&self, quantity: Quantity, subject: Subject) -> Option<&[f64]> {
        let figures = &self.parts.get(&quantity.part())?.figures;
        figures
            .iter()
            .find(|figure| figure.quantity == quantity && figure.subject == subject)
            .map(|figure| figure.samples.as_slice())
    }

    /// Returns how many times the figure of `of` is that of `to`.
    ///
    /// Both were measured in the same rounds, so the median of the rounds' ratios is taken: what slows a round slows both.
    pub(crate) fn ratio(&self, quantity: Quantity, of: Subject, to: Subject) -> Option<f64> {
        let (of, to) = (self.samples(quantity, of)?, self.samples(quantity, to)?);
        let ratio = if of.len() == to.len() {
            median(
                &of.iter()
                    .zip(to)
                    .map(|(of, to)| of / to)
                    .collect::<Vec<_>>(),
            )
        } else {
            median(of) / median(to)
        };
        ratio.is_finite().then_some(ratio)
    }

    /// Returns how many times the figure of the fewest units is that of the most.
    pub(crate) fn growth(&self, added: Added, watched: Watched, subject: Subject) -> Option<f64> {
        let mut curves = self.parts.values().flat_map(|measured| &measured.curves);
        let wanted = (added, watched, subject);
        let curve = curves.find(|curve| (curve.added, curve.watched, curve.subject) == wanted)?;
        let ((_, first), (_, last)) = curve.points.first().zip(curve.points.last())?;
        let growth = last / first;
        growth.is_finite().then_some(growth)
    }
}

impl Measured {
    /// Adds a sample.
    pub(crate) fn add(&mut self, quantity: Quantity, subject: Subject, sample: f64) {
        let known = self
            .figures
            .iter_mut()
            .find(|figure| figure.quantity == quantity && figure.subject == subject);
        match known {
            Some(figure) => figure.samples.push(sample),
            None => self.figures.push(Figure {
                quantity,
                subject,
                samples: vec![sample],
            }),
        }
    }

    /// Adds a point to a curve.
    pub(crate) fn point(
        &mut self,
        added: Added,
        watched: Watched,
        subject: Subject,
        point: (f64, f64),
    ) {
        let known = self
            .curves
            .iter_mut()
            .find(|curve| (curve.added, curve.watched, curve.subject) == (added, watched, subject));
        match known {
            Some(curve) => curve.points.push(point),
            None => self.curves.push(Curve {
                added,
                watched,
                subject,
                points: vec![point],
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn results() -> Results {
        let mut measured = Measured::default();
        for (ours, theirs) in [(110.0, 10.0), (60.0, 5.0), (130.0, 10.0)] {
            measured.add(Quantity::ProviderCalls, Subject::Ours, ours);
            measured.add(Quantity::ProviderCalls, Subject::DubboGo, theirs);
        }
        measured.point(Added::Methods, Watched::Cpu, Subject::Ours, (1.0, 8.0));
        Results {
            parts: BTreeMap::from([(Part::Provider, measured)]),
        }
    }

    #[test]
    fn a_ratio_is_taken_within_each_round() {
        let ratio = results().ratio(Quantity::ProviderCalls, Subject::Ours, Subject::DubboGo);
        assert_eq!(ratio, Some(12.0), "the slow round is slow for both");
        let results = results();
        assert_eq!(
            results.ratio(Quantity::ProviderCalls, Subject::Tonic, Subject::DubboGo),
            None
        );
    }

    #[test]
    fn results_survive_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("results.json");
        assert_eq!(Results::read(&path).unwrap(), Results::default());
        results().write(&path).unwrap();
        assert_eq!(Results::read(&path).unwrap(), results());
        fs::write(&path, "{").unwrap();
        let err = Results::read(&path).unwrap_err().to_string();
        assert!(err.ends_with("holds no results; remove it"), "{err}");
    }
}
