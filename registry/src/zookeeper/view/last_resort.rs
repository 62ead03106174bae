//! The last known providers, kept for a while when the list becomes empty.

use std::{collections::HashSet, time::Duration};

use tokio::time::Instant;

use crate::{Provider, provider::ordered};

/// How long a provider that is no longer listed counts as known when the list becomes empty. Sessions are given ten seconds
/// by default.
const RECENTLY: Duration = Duration::from_secs(10);

/// What was shown last, and what stands in when nothing is listed.
#[derive(Debug)]
pub(super) struct LastResort {
    period: Duration,
    shown: Vec<Provider>,
    /// Who was listed until a moment ago, and when that ended.
    left: Vec<(Provider, Instant)>,
    until: Option<Instant>,
}

impl LastResort {
    pub(super) fn new(period: Duration) -> Self {
        Self {
            period,
            shown: Vec::new(),
            left: Vec::new(),
            until: None,
        }
    }

    /// Returns what to show in the place of `listed`, if it is something else than before.
    pub(super) fn show(&mut self, listed: Vec<Provider>, now: Instant) -> Option<Vec<Provider>> {
        let shown = self.standing_in(listed, now);
        if shown == self.shown {
            return None;
        }
        self.shown.clone_from(&shown);
        Some(shown)
    }

    /// Tells when the last resort ends, if it has begun.
    pub(super) fn until(&self) -> Option<Instant> {
        self.until
    }

    #[cfg(test)]
    pub(super) fn shown(&self) -> &[Provider] {
        &self.shown
    }

    fn standing_in(&mut self, listed: Vec<Provider>, now: Instant) -> Vec<Provider> {
        if !listed.is_empty() || self.shown.is_empty() {
            self.until = None;
            self.note_who_left(&listed, now);
            return listed;
        }
        match self.until {
            Some(until) if until > now => self.shown.clone(),
            None if !self.period.is_zero() => {
                self.until = Some(now + self.period);
                self.left.retain(|(_, at)| *at + RECENTLY > now);
                let left = self.left.drain(..).map(|(provider, _)| provider);
                let known = self.shown.iter().cloned().chain(left);
                ordered(
                    known
                        .map(|provider| Provider {
                            listed: false,
                            ..provider
                        })
                        .collect(),
                )
            }
            _ => {
                self.until = None;
                listed
            }
        }
    }

    /// Remembers for a moment the providers that are no longer listed: sessions that end for one reason do so one after
    /// another, and the last of them must not be the only last resort.
    fn note_who_left(&mut self, listed: &[Provider], now: Instant) {
        let addresses: HashSet<_> = listed
            .iter()
            .map(|provider| (&provider.host, provider.port))
            .collect();
        let is_listed = |provider: &Provider| addresses.contains(&(&provider.host, provider.port));
        self.left
            .retain(|(provider, at)| *at + RECENTLY > now && !is_listed(provider));
        let leaving = self
            .shown
            .iter()
            .filter(|provider| provider.listed && !is_listed(provider));
        self.left
            .extend(leaving.map(|provider| (provider.clone(), now)));
    }
}
