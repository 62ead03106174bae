//! What is known of the metadata of each revision, which all instances of that revision share.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use super::path;
use crate::MetadataInfo;

/// The revisions that the listed instances have, by application and revision.
#[derive(Debug, Default)]
pub(super) struct Revisions {
    known: HashMap<(String, String), Metadata>,
}

#[derive(Debug)]
pub(super) enum Metadata {
    Asking { failures: usize },
    Known(Arc<MetadataInfo>),
    Unknown { failures: usize },
}

fn key(application: &str, revision: &str) -> (String, String) {
    (application.to_owned(), revision.to_owned())
}

impl Revisions {
    pub(super) fn get(&self, application: &str, revision: &str) -> Option<&Metadata> {
        self.known.get(&key(application, revision))
    }

    /// Adds a revision. True when it is new, and has to be asked for.
    pub(super) fn add(&mut self, application: &str, revision: &str) -> bool {
        let mut is_new = false;
        self.known
            .entry(key(application, revision))
            .or_insert_with(|| {
                is_new = true;
                Metadata::Asking { failures: 0 }
            });
        is_new
    }

    /// Notes that a revision is being asked for. False when no instance has it any more.
    pub(super) fn ask(&mut self, application: &str, revision: &str) -> bool {
        let metadata = self.known.get_mut(&key(application, revision));
        metadata.is_some_and(|metadata| {
            *metadata = Metadata::Asking {
                failures: metadata.failures(),
            };
            true
        })
    }

    /// Takes the answer, or that there was none. True when it has to be asked for again.
    pub(super) fn answer(
        &mut self,
        application: &str,
        revision: &str,
        info: Option<Arc<MetadataInfo>>,
    ) -> bool {
        let Some(metadata) = self.known.get_mut(&key(application, revision)) else {
            return false;
        };
        let again = info.is_none();
        *metadata = match info {
            Some(info) => Metadata::Known(info),
            None => Metadata::Unknown {
                failures: metadata.failures() + 1,
            },
        };
        again
    }

    /// Returns how often a revision was asked for in vain.
    pub(super) fn failures(&self, application: &str, revision: &str) -> usize {
        self.get(application, revision)
            .map_or(0, Metadata::failures)
    }

    /// Returns the revisions that are not known yet.
    pub(super) fn unknown(&self) -> Vec<(String, String)> {
        let unknown = self
            .known
            .iter()
            .filter(|(_, metadata)| !matches!(metadata, Metadata::Known(_)));
        unknown.map(|(key, _)| key.clone()).collect()
    }

    /// Forgets all revisions but these, and returns the paths of those that are forgotten.
    pub(super) fn keep(&mut self, used: &HashSet<(&str, &str)>) -> HashSet<String> {
        let mut forgotten = HashSet::new();
        self.known.retain(|(application, revision), _| {
            let keep = used.contains(&(application.as_str(), revision.as_str()));
            if !keep {
                forgotten.extend(path::metadata(application, revision));
            }
            keep
        });
        forgotten
    }
}

#[cfg(test)]
impl Revisions {
    pub(super) fn len(&self) -> usize {
        self.known.len()
    }
}

impl Metadata {
    fn failures(&self) -> usize {
        match self {
            Self::Asking { failures } | Self::Unknown { failures } => *failures,
            Self::Known(_) => 0,
        }
    }
}
