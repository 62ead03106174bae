//! What has to be in place for an announcement, as a state machine: what to ask ZooKeeper next, from what it answered so far.
//!
//! There are several entries (the instance, the URLs of its services, then a mapping for each interface; or a member; or a consumer's
//! URL), met one at a time. The mappings come last: a consumer that finds the application's name there finds an instance of it, too.
//! Nothing here waits or talks to a server: the registrar performs each [`Operation`] and reports the [`Answer`]. Every entry
//! begins with a read, so that it can begin anew at any point, whatever was or wasn't done before a connection broke.

use std::collections::{HashSet, VecDeque};

use super::{
    node::{Answer, Operation},
    path,
};
use crate::{Reference, Registration, ScrapeTarget};

mod entry;
mod place;
mod url;

use entry::DesiredEntry;
use place::Next;

/// What the registrar has to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Perform this for the entry of this number and report the answer.
    Perform(usize, Operation),
    /// Wait for a moment; the number says how many times in a row.
    Pause(u32),
    /// Everything is in place. Wait for a change.
    Announced,
    /// Nothing of ours is left.
    Withdrawn,
}

/// Another process that seems to register the same address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rival {
    /// How often it has taken our place.
    pub(super) losses: u32,
    /// Its session, where its node was seen.
    pub(super) by: Option<i64>,
}

/// The entries of one announcement, and how far they are met.
#[derive(Debug)]
pub(super) struct DesiredState {
    all: Vec<DesiredEntry>,
    /// The entries that have to be looked at, the current one first.
    pending: VecDeque<usize>,
    next: Option<Operation>,
    /// How many times in a row another process was faster.
    conflicts: u32,
    pausing: bool,
    rival: Option<Rival>,
    session: i64,
    /// The sessions that this process has had: a node of theirs is ours, too.
    sessions: HashSet<i64>,
    withdrawing: bool,
}

impl DesiredState {
    pub(super) fn provider(registration: &Registration) -> Self {
        let (mode, interfaces) = (registration.mode(), registration.interfaces());
        let mut all = Vec::new();
        if mode.has_instance() {
            all.push(DesiredEntry::instance(registration));
        }
        if mode.has_interfaces() {
            all.extend(DesiredEntry::urls(registration));
            let folders = interfaces.iter().flat_map(|name| path::companions(name));
            all.extend(folders.map(DesiredEntry::folder));
        }
        if mode.has_instance() {
            let mapping =
                |interface: &&str| DesiredEntry::mapping(interface, registration.application());
            all.extend(interfaces.iter().map(mapping));
        }
        Self::new(all)
    }

    /// There is nothing to announce of a consumer that is not to be registered.
    pub(super) fn consumer(reference: &Reference) -> Self {
        Self::new(DesiredEntry::consumer(reference).into_iter().collect())
    }

    pub(super) fn scrape_target(target: &ScrapeTarget) -> Self {
        Self::new(vec![DesiredEntry::member(target)])
    }

    fn new(all: Vec<DesiredEntry>) -> Self {
        Self {
            all,
            pending: VecDeque::new(),
            next: None,
            conflicts: 0,
            pausing: false,
            rival: None,
            session: 0,
            sessions: HashSet::new(),
            withdrawing: false,
        }
    }

    /// Begins anew: in a new session, after a reconnection, or after a failure.
    pub(super) fn start(&mut self, session: i64) {
        let new_session = session != self.session;
        if new_session {
            self.session = session;
            self.sessions.insert(session);
        }
        for entry in &mut self.all {
            entry.begin(new_session);
        }
        self.pending = if self.withdrawing {
            self.withdrawable()
        } else {
            (0..self.all.len()).collect()
        };
        (self.next, self.pausing, self.conflicts) = (None, false, 0);
    }

    /// Looks at one entry again, because a watch of it has fired.
    pub(super) fn recheck(&mut self, entry: usize) {
        let wanted = !self.withdrawing && entry < self.all.len() && !self.pending.contains(&entry);
        if wanted {
            self.pending.push_back(entry);
        }
    }

    /// Turns from announcing to taking back what was announced. Mappings stay: they belong to the application.
    pub(super) fn withdraw(&mut self) {
        self.withdrawing = true;
        self.start(self.session);
    }

    pub(super) fn is_withdrawing(&self) -> bool {
        self.withdrawing
    }

    fn withdrawable(&self) -> VecDeque<usize> {
        let entries = self.all.iter().enumerate();
        entries
            .filter(|(_, entry)| entry.is_withdrawable())
            .map(|(index, _)| index)
            .collect()
    }

    /// Tells what to do now.
    pub(super) fn step(&mut self) -> Step {
        if std::mem::take(&mut self.pausing) {
            return Step::Pause(self.conflicts);
        }
        let Some(entry) = self.pending.front().copied() else {
            return if self.withdrawing {
                Step::Withdrawn
            } else {
                Step::Announced
            };
        };
        let operation = self.next.take().unwrap_or_else(|| self.all[entry].first());
        Step::Perform(entry, operation)
    }

    /// Returns who has taken our place since this was asked last, or removed our node again.
    pub(super) fn take_rival(&mut self) -> Option<Rival> {
        self.rival.take()
    }

    /// Takes the answer to the operation that was performed last.
    pub(super) fn answer(&mut self, answer: Answer) {
        let Some(index) = self.pending.front().copied() else {
            return;
        };
        if answer == Answer::Conflict {
            self.conflicts += 1;
            // One conflict is ordinary; more mean that many write at once, which a pause spreads out.
            self.pausing = self.conflicts > 1;
            return;
        }
        let own = |owner: i64| self.sessions.contains(&owner);
        let next = if self.withdrawing {
            self.all[index].taken_back(answer, self.session, own)
        } else {
            self.all[index].answered(answer, self.session, own)
        };
        match next {
            Next::Perform(operation) => self.next = Some(operation),
            Next::Again => {}
            Next::Rival {
                losses,
                by,
                operation,
            } => {
                let by = by.filter(|session| *session != 0 && !own(*session));
                // A node that was removed once may have been removed by hand.
                if by.is_some() || losses > 1 {
                    self.rival = Some(Rival { losses, by });
                }
                // Two live processes that claim one place would replace each other for ever: slow them down.
                self.conflicts = losses;
                self.pausing = losses > 1;
                self.next = Some(operation);
            }
            Next::Met => {
                self.pending.pop_front();
                self.conflicts = 0;
            }
        }
    }
}

#[cfg(test)]
mod tests;
