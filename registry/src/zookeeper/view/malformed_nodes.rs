//! Which nodes are known to be malformed, so that each is told of once.

use std::collections::HashMap;

use crate::Malformed;

#[derive(Debug, Default)]
pub(super) struct MalformedNodes {
    /// When each was modified last, by path (and entry, for a node of several).
    known: HashMap<String, i64>,
    untold: Vec<(String, Malformed)>,
}

impl MalformedNodes {
    /// Notes the malformed node at `path`, unless `key` is known in this state.
    pub(super) fn note(&mut self, key: String, path: String, modified: i64, reason: Malformed) {
        if self.known.insert(key, modified) != Some(modified) {
            self.untold.push((path, reason));
        }
    }

    /// Takes those that were not told of yet.
    pub(super) fn take(&mut self) -> Vec<(String, Malformed)> {
        std::mem::take(&mut self.untold)
    }

    /// Forgets the nodes that are gone.
    pub(super) fn retain(&mut self, exists: impl Fn(&str) -> bool) {
        self.known.retain(|key, _| exists(key));
    }
}
