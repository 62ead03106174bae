//! What the process does with its registry, as it is told; not on the hot path.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

/// The sizes of a consumer's directory, in instances.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DirectorySizes {
    /// All that the registry lists.
    pub all: u64,
    /// Those that calls may go to.
    pub valid: u64,
    /// Those whose connection is being made again.
    pub to_reconnect: u64,
    /// Those that are disabled.
    pub disabled: u64,
    /// Those that are ejected, because their calls fail while those of others do not.
    pub ejected: u64,
}

/// Counts what happens with a registry. A group of families appears in the text with its first event.
#[derive(Clone, Debug, Default)]
pub struct RegistryMetrics(Arc<Mutex<State>>);

/// Everything counted so far.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) registered: Operations,
    pub(crate) subscribed: Operations,
    pub(crate) metadata_pushed: Operations,
    pub(crate) metadata_fetched: Operations,
    pub(crate) metadata_stored: Operations,
    pub(crate) notified: Times,
    pub(crate) notified_instances: u64,
    pub(crate) directories: BTreeMap<String, DirectorySizes>,
    pub(crate) connected: Option<bool>,
    pub(crate) sessions: u64,
    pub(crate) malformed: u64,
    pub(crate) ejections: u64,
    pub(crate) panics: u64,
    pub(crate) access_denied: Option<u64>,
}

/// Operations of one kind.
#[derive(Debug, Default)]
pub(crate) struct Operations {
    succeeded: u64,
    failed: u64,
    /// Times by interface; by the empty name for operations that belong to none.
    pub(crate) times: BTreeMap<String, Times>,
}

/// How long something took, since the start.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Times {
    count: u32,
    sum: Duration,
    last: Duration,
    min: Duration,
    max: Duration,
}

impl RegistryMetrics {
    /// Counts a registration of this process, and how long it took.
    pub fn registered(&self, succeeded: bool, elapsed: Duration) {
        self.0.lock().registered.add("", succeeded, elapsed);
    }

    /// Counts a subscription to an interface, and how long it took.
    pub fn subscribed(&self, interface: &str, succeeded: bool, elapsed: Duration) {
        self.0.lock().subscribed.add(interface, succeeded, elapsed);
    }

    /// Counts a notification, the instances that it listed, and how long it took to follow it.
    pub fn notified(&self, instances: usize, elapsed: Duration) {
        let mut state = self.0.lock();
        state.notified.add(elapsed);
        state.notified_instances = instances as u64;
    }

    /// Counts a publication of this application's metadata, and how long it took.
    pub fn metadata_pushed(&self, succeeded: bool, elapsed: Duration) {
        self.0.lock().metadata_pushed.add("", succeeded, elapsed);
    }

    /// Counts a reading of another application's metadata, and how long it took.
    pub fn metadata_fetched(&self, succeeded: bool, elapsed: Duration) {
        self.0.lock().metadata_fetched.add("", succeeded, elapsed);
    }

    /// Counts a storing of which application provides an interface, and how long it took.
    pub fn metadata_stored(&self, interface: &str, succeeded: bool, elapsed: Duration) {
        self.0
            .lock()
            .metadata_stored
            .add(interface, succeeded, elapsed);
    }

    /// Sets the sizes of the directory of an interface.
    pub fn directory(&self, interface: &str, directory: DirectorySizes) {
        self.0
            .lock()
            .directories
            .insert(interface.to_owned(), directory);
    }

    /// Sets whether the session is connected.
    pub fn connected(&self, connected: bool) {
        self.0.lock().connected = Some(connected);
    }

    /// Counts a session that the registry granted.
    pub fn session_started(&self) {
        let mut state = self.0.lock();
        state.sessions += 1;
        state.connected = Some(true);
    }

    /// Counts a node that could not be read and was skipped.
    pub fn malformed(&self) {
        self.0.lock().malformed += 1;
    }

    /// Counts a provider that a consumer ejected.
    pub fn ejected(&self) {
        self.0.lock().ejections += 1;
    }

    /// Shows from now on that callers are looked at.
    pub fn guarded(&self) {
        self.0.lock().access_denied.get_or_insert(0);
    }

    /// Counts a call of a caller that may not make it.
    pub fn access_denied(&self) {
        *self.0.lock().access_denied.get_or_insert(0) += 1;
    }

    /// Counts a task that has panicked and is begun again.
    pub fn panicked(&self) {
        self.0.lock().panics += 1;
    }

    /// Reads what was counted so far.
    pub(crate) fn read<R>(&self, read: impl FnOnce(&State) -> R) -> R {
        read(&self.0.lock())
    }
}

impl State {
    /// Returns the sum of one size over all interfaces; none before the first directory.
    pub(crate) fn directory(&self, size: fn(&DirectorySizes) -> u64) -> Option<u64> {
        (!self.directories.is_empty()).then(|| self.directories.values().map(size).sum())
    }
}

impl Operations {
    /// Returns how many there were: all, those that succeeded, and those that failed.
    pub(crate) fn counts(&self) -> [u64; 3] {
        [self.succeeded + self.failed, self.succeeded, self.failed]
    }

    fn add(&mut self, interface: &str, succeeded: bool, elapsed: Duration) {
        let counter = if succeeded {
            &mut self.succeeded
        } else {
            &mut self.failed
        };
        *counter += 1;
        match self.times.get_mut(interface) {
            Some(times) => times.add(elapsed),
            None => self
                .times
                .entry(interface.to_owned())
                .or_default()
                .add(elapsed),
        }
    }
}

impl Times {
    fn add(&mut self, elapsed: Duration) {
        self.min = if self.count == 0 {
            elapsed
        } else {
            self.min.min(elapsed)
        };
        self.max = self.max.max(elapsed);
        self.count += 1;
        self.sum += elapsed;
        self.last = elapsed;
    }

    /// Tells whether anything was timed.
    pub(crate) fn any(&self) -> bool {
        self.count > 0
    }

    /// Returns how many times there were.
    pub(crate) fn count(&self) -> u64 {
        u64::from(self.count)
    }

    /// Returns sum, last, min, max and average in milliseconds.
    pub(crate) fn millis(&self) -> [f64; 5] {
        let mean = self.sum.checked_div(self.count).unwrap_or_default();
        [self.sum, self.last, self.min, self.max, mean].map(|time| time.as_secs_f64() * 1e3)
    }
}
