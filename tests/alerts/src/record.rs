//! What was seen in a case, kept as a file, so that the table can be made again without the fault.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// One case as it was seen. All times are Prometheus's, in seconds since 1970.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Record {
    /// What happened, in a few words.
    pub(crate) happened: String,
    pub(crate) calls: u64,
    pub(crate) failed: u64,
    /// Promises of the fault that did not hold.
    pub(crate) broken: Vec<String>,
    /// When the processes were there.
    pub(crate) calm: f64,
    pub(crate) began: f64,
    /// When the fault was over.
    pub(crate) ended: f64,
    /// When it was looked at for the last time.
    pub(crate) left: f64,
    /// What fired on each Prometheus, by the seconds between its scrapes.
    pub(crate) firing: BTreeMap<u32, Vec<Firing>>,
    /// What the Prometheus with most scrapes had scraped.
    pub(crate) series: Vec<Series>,
}

/// One alert and the time in which it fired.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Firing {
    pub(crate) alert: String,
    pub(crate) severity: String,
    /// The long window of a burn rate; empty for other alerts.
    pub(crate) window: String,
    pub(crate) from: f64,
    pub(crate) to: f64,
}

/// One series as it was scraped.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Series {
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) samples: Vec<(f64, f64)>,
}

// === impl Record ===

impl Record {
    fn file(folder: &Path, name: &str) -> PathBuf {
        folder.join(format!("{name}.json"))
    }

    /// Returns the record of a case; nothing when there is none.
    pub(crate) fn read(folder: &Path, name: &str) -> Option<Self> {
        let text = std::fs::read_to_string(Self::file(folder, name)).ok()?;
        serde_json::from_str(&text).ok()
    }

    /// Keeps it.
    pub(crate) fn write(&self, folder: &Path, name: &str) -> std::io::Result<()> {
        std::fs::create_dir_all(folder)?;
        std::fs::write(Self::file(folder, name), serde_json::to_vec(self)?)
    }
}
