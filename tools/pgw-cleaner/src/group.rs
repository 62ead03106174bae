//! One group of a Pushgateway, as a reading shows it.

use std::collections::BTreeMap;
use std::time::Duration;

use pushgateway::GroupingKey;

use crate::clock::GatewayClock;

/// How far ahead of the clock a failure may be: the clock is cut to seconds, and a listing takes a while to write.
const FAILURE_SLACK: Duration = Duration::from_secs(2);

/// One group, with what is needed to judge and to delete it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Its grouping labels.
    pub key: GroupingKey,
    /// The same labels with `instance=""` besides, when the reading cannot tell which of the two the key is.
    ///
    /// The gateway adds that label to what it serves, and refuses two groups that differ in nothing else.
    pub also: Option<GroupingKey>,
    /// When a push to it last succeeded, since 1970 by the gateway's clock.
    pub last_push: Option<Duration>,
    /// When a push to it last failed, as the gateway notes it, or as a pusher claims it.
    pub last_failure: Option<Duration>,
    /// Whether the last push succeeded, where the gateway tells.
    pub last_push_succeeded: Option<bool>,
}

impl Group {
    /// Makes a group of its grouping labels.
    pub(crate) fn of_labels(labels: BTreeMap<String, String>) -> Self {
        Self {
            key: labels.into_iter().collect(),
            also: None,
            last_push: None,
            last_failure: None,
            last_push_succeeded: None,
        }
    }

    /// Makes a group of the labels that its `push_time_seconds` carries, where an empty `instance` may be the gateway's own.
    pub(crate) fn of_served_labels(mut labels: BTreeMap<String, String>) -> Self {
        if labels
            .get("instance")
            .is_some_and(|instance| !instance.is_empty())
        {
            return Self::of_labels(labels);
        }
        labels.remove("instance");
        let group = Self::of_labels(labels);
        let also = Some(group.key.clone().with("instance", ""));
        Self { also, ..group }
    }

    /// Returns every key that the group may have.
    pub fn keys(&self) -> impl Iterator<Item = &GroupingKey> {
        std::iter::once(&self.key).chain(&self.also)
    }

    /// Returns the time of the last attempt to push, by what the clock shows; `None` when that is not known.
    ///
    /// Failures count: a process that has them is alive, and while one bad group makes the gateway refuse all pushes, every
    /// pusher has them. A failure in the future does not: the gateway keeps a `push_failure_time_seconds` that was
    /// pushed as content (`processWriteRequest` of its disk store), and that would save the group for ever.
    pub fn last_sign(&self, clock: &GatewayClock) -> Option<Duration> {
        let failure = self
            .last_failure
            .filter(|at| *at <= clock.now + FAILURE_SLACK);
        self.last_push.max(failure)
    }
}

/// Reads a time in seconds since 1970; zero is the gateway's word for "never".
pub(crate) fn time(seconds: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(seconds)
        .ok()
        .filter(|time| !time.is_zero())
}
