//! Which nodes are to be read, and when.

use std::collections::{BTreeMap, VecDeque};

use tokio::time::Instant;

use super::{Read, SPACING};

/// The reads that are planned and those under way.
#[derive(Debug, Default)]
pub(super) struct Schedule {
    ready: VecDeque<Read>,
    later: BTreeMap<(Instant, u64), Read>,
    sequence: u64,
    under_way: usize,
}

impl Schedule {
    pub(super) fn at(&mut self, at: Instant, read: Read) {
        self.sequence += 1;
        self.later.insert((at, self.sequence), read);
    }

    /// Takes a read whose time has come.
    pub(super) fn take(&mut self, now: Instant) -> Option<Read> {
        while let Some(entry) = self
            .later
            .first_entry()
            .filter(|entry| entry.key().0 <= now)
        {
            self.ready.push_back(entry.remove());
        }
        self.ready.pop_front()
    }

    pub(super) fn begun(&mut self) {
        self.under_way += 1;
    }

    pub(super) fn ended(&mut self) {
        self.under_way = self.under_way.saturating_sub(1);
    }

    /// Tells whether nothing is under way or due. What is planned for later can be long in coming.
    pub(super) fn is_idle(&self, now: Instant) -> bool {
        self.under_way == 0 && self.ready.is_empty() && self.next_at().is_none_or(|at| at > now)
    }

    pub(super) fn next_at(&self) -> Option<Instant> {
        self.later.keys().next().map(|(at, _)| *at)
    }
}

/// What is known of one node's watch and reads.
#[derive(Debug, Default)]
pub(super) struct Watched {
    armed: bool,
    planned: bool,
    reading: bool,
    /// Whether the watch that is being set has to be, since none was.
    arming: bool,
    /// The node has changed since the read under way began.
    again: bool,
    /// The last read has failed.
    failed: bool,
    last_begun: Option<Instant>,
}

impl Watched {
    /// Plans a read at `at`, or as soon after it as the spacing allows. `None` when one is planned or will follow anyway.
    pub(super) fn plan(&mut self, at: Instant) -> Option<Instant> {
        if self.reading {
            self.again = true;
            return None;
        }
        if std::mem::replace(&mut self.planned, true) {
            return None;
        }
        Some(self.last_begun.map_or(at, |last| at.max(last + SPACING)))
    }

    /// Begins the planned read and tells whether it has to set a watch.
    pub(super) fn begin(&mut self, now: Instant) -> bool {
        (self.planned, self.reading, self.again) = (false, true, false);
        self.last_begun = Some(now);
        self.arming = !self.armed;
        self.arming
    }

    /// Ends the read under way and tells whether another one has to follow.
    pub(super) fn ended(&mut self, succeeded: bool) -> bool {
        (self.reading, self.failed) = (false, !succeeded);
        self.armed |= succeeded && self.arming;
        std::mem::take(&mut self.again) && succeeded
    }

    /// Notes that the watch has fired.
    pub(super) fn fired(&mut self) {
        self.armed = false;
    }

    /// Forgets what the connection took with it.
    pub(super) fn interrupted(&mut self, new_session: bool) {
        self.armed &= !new_session;
        (self.planned, self.reading, self.again) = (false, false, false);
        self.last_begun = None;
    }

    pub(super) fn has_failed(&self) -> bool {
        self.failed
    }

    /// Tells whether a watch stands for what was read last.
    pub(super) fn is_current(&self) -> bool {
        self.armed || self.planned || self.reading
    }
}
