//! The last known providers, kept for a while when the list becomes empty, or loses more than half of them within moments.
//!
//! A registry that comes back without its data, or whose sessions have ended for one reason, lists its providers again one after
//! another: those that it does not list yet still serve, and the first must not get the calls of all.

use std::{collections::HashSet, time::Duration};

use tokio::time::Instant;

use crate::{ProviderEntry, provider::ordered};

/// How long a provider that is no longer listed counts as known when others leave. Sessions are given ten seconds by default.
const RECENTLY: Duration = Duration::from_secs(10);

/// How long a list that has shrunk has to stay as it is until it is taken for the whole.
const CONFIRMED: Duration = Duration::from_secs(30);

/// What was shown last, and what stands in for those that are not listed.
#[derive(Debug)]
pub(super) struct LastResort {
    period: Duration,
    /// What was shown; nothing before the first list.
    shown: Option<Vec<ProviderEntry>>,
    listed: Vec<ProviderEntry>,
    /// The providers that were listed until a moment ago, and when that ended.
    left: Vec<(ProviderEntry, Instant)>,
    /// Those that left stay in use until then.
    until: Option<Instant>,
}

impl LastResort {
    pub(super) fn new(period: Duration) -> Self {
        Self {
            period,
            shown: None,
            listed: Vec::new(),
            left: Vec::new(),
            until: None,
        }
    }

    /// Returns what to show in the place of `listed`, if it is something else than before. An empty list is shown first only when
    /// it `is_complete`: then it is an answer.
    pub(super) fn show(
        &mut self,
        listed: Vec<ProviderEntry>,
        is_complete: bool,
        now: Instant,
    ) -> Option<Vec<ProviderEntry>> {
        let shown = self.standing_in(listed, now);
        let is_known = match &self.shown {
            Some(before) => *before == shown,
            None => shown.is_empty() && !is_complete,
        };
        if is_known {
            return None;
        }
        self.shown = Some(shown.clone());
        Some(shown)
    }

    /// Tells when the last resort ends, if it has begun.
    pub(super) fn until(&self) -> Option<Instant> {
        self.until
    }

    #[cfg(test)]
    pub(super) fn shown(&self) -> &[ProviderEntry] {
        self.shown.as_deref().unwrap_or_default()
    }

    fn standing_in(&mut self, listed: Vec<ProviderEntry>, now: Instant) -> Vec<ProviderEntry> {
        let is_new = self.note_who_left(&listed, now);
        if self.period.is_zero() || self.left.is_empty() {
            self.until = None;
            return listed;
        }
        let wait = if listed.is_empty() {
            self.period
        } else {
            self.period.min(CONFIRMED)
        };
        self.until = match self.until {
            Some(until) if until <= now => {
                self.left.clear();
                None
            }
            // Each change of the list may be one of many.
            Some(_) if is_new && !listed.is_empty() => Some(now + wait),
            Some(until) => Some(until),
            None if is_new && self.left.len() > listed.len() => Some(now + wait),
            None => None,
        };
        if self.until.is_none() {
            return listed;
        }
        let left = self.left.iter().map(|(provider, _)| ProviderEntry {
            listed: false,
            ..provider.clone()
        });
        ordered(listed.into_iter().chain(left).collect())
    }

    /// Remembers the providers that are no longer listed: for a moment, or as long as they stand in. Returns whether the list has
    /// changed.
    fn note_who_left(&mut self, listed: &[ProviderEntry], now: Instant) -> bool {
        let is_new = self.listed != listed;
        let addresses: HashSet<_> = listed
            .iter()
            .map(|provider| (&provider.host, provider.port))
            .collect();
        let is_listed =
            |provider: &ProviderEntry| addresses.contains(&(&provider.host, provider.port));
        let stands_in = self.until.is_some();
        self.left
            .retain(|(provider, at)| (stands_in || *at + RECENTLY > now) && !is_listed(provider));
        let leaving = self.listed.iter().filter(|provider| !is_listed(provider));
        self.left
            .extend(leaving.map(|provider| (provider.clone(), now)));
        if is_new {
            self.listed = listed.to_vec();
        }
        is_new
    }
}
