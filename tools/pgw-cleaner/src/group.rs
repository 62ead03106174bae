//! One group of a Pushgateway, as a reading shows it.

use std::collections::BTreeMap;
use std::time::Duration;

use pushgateway::GroupingKey;

/// One group, with what is needed to judge and to delete it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Its grouping labels.
    pub key: GroupingKey,
    /// The same labels with `instance=""` besides, when the reading cannot tell which of the two the key is.
    ///
    /// The gateway adds that label to what it serves, and refuses two groups that differ in nothing else.
    pub also: Option<GroupingKey>,
    /// When somebody last pushed to it, successfully or not, since 1970 by the gateway's clock.
    ///
    /// Attempts that failed count: whoever makes them is alive.
    pub last_push: Option<Duration>,
    /// Whether the last push succeeded, where the gateway tells.
    pub last_push_succeeded: Option<bool>,
}

impl Group {
    /// Makes a group of the labels that its `push_time_seconds` carries, where an empty `instance` may be the gateway's own.
    pub(crate) fn of_served_labels(mut labels: BTreeMap<String, String>) -> Self {
        let also = if labels.get("instance").is_none_or(String::is_empty) {
            labels.remove("instance");
            let key: GroupingKey = labels.clone().into_iter().collect();
            Some(key.with("instance", ""))
        } else {
            None
        };
        Self {
            key: labels.into_iter().collect(),
            also,
            last_push: None,
            last_push_succeeded: None,
        }
    }

    /// Returns every key that the group may have.
    pub fn keys(&self) -> impl Iterator<Item = &GroupingKey> {
        std::iter::once(&self.key).chain(&self.also)
    }

    /// Counts a push or an attempt at the given time, in seconds since 1970; zero is the gateway's word for "never".
    pub(crate) fn saw_push(&mut self, seconds: f64) {
        if let Ok(at) = Duration::try_from_secs_f64(seconds)
            && !at.is_zero()
        {
            self.last_push = self.last_push.max(Some(at));
        }
    }
}
