//! Waiting for a condition, with a deadline.

use std::fmt::Debug;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};

/// The deadline of whatever must happen at all: generous, since the machine may be busy with other tests.
pub const LONG: Duration = Duration::from_secs(60);

/// Between two looks at the condition.
const PAUSE: Duration = Duration::from_millis(25);

/// What a condition may return: a `bool`, an `Option`, or a `Result` whose error says what was seen instead.
pub trait Probe {
    /// What is returned once the condition holds.
    type Value;

    /// Returns the value when the condition holds, or else a text of what was seen.
    ///
    /// # Errors
    /// While the condition does not hold.
    fn seen(self) -> Result<Self::Value, String>;
}

impl Probe for bool {
    type Value = ();

    fn seen(self) -> Result<(), String> {
        if self { Ok(()) } else { Err("false".into()) }
    }
}

impl<T> Probe for Option<T> {
    type Value = T;

    fn seen(self) -> Result<T, String> {
        self.ok_or_else(|| "None".into())
    }
}

impl<T, E: Debug> Probe for Result<T, E> {
    type Value = T;

    fn seen(self) -> Result<T, String> {
        self.map_err(|err| format!("{err:?}"))
    }
}

/// Asks `condition` again and again until it holds, and returns its value.
///
/// ```
/// # use std::time::Duration;
/// # use test_servers::eventually;
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// let mut calls = 0;
/// let seven = eventually(Duration::from_secs(10), "seven calls", async || {
///     calls += 1;
///     if calls == 7 { Ok(calls) } else { Err(format!("{calls} calls")) }
/// })
/// .await;
/// assert_eq!(seven, 7);
/// # });
/// ```
///
/// # Panics
/// After `deadline`, with `what` and what was seen last; also when a single look hangs that long.
pub async fn eventually<P: Probe>(
    deadline: Duration,
    what: &str,
    mut condition: impl AsyncFnMut() -> P,
) -> P::Value {
    let end = Instant::now() + deadline;
    let mut last = String::from("nothing: the first look hung");
    loop {
        match timeout_at(end, condition()).await {
            Ok(probe) => match probe.seen() {
                Ok(value) => return value,
                Err(seen) => last = seen,
            },
            Err(_) => panic!("not within {deadline:?}: {what}; last seen: {last}"),
        }
        assert!(
            Instant::now() < end,
            "not within {deadline:?}: {what}; last seen: {last}"
        );
        sleep(PAUSE).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: Duration = Duration::from_millis(200);

    #[tokio::test]
    async fn a_value_is_returned_as_soon_as_it_is_there() {
        let mut left = 3;
        let value = eventually(Duration::from_secs(30), "the third look", async || {
            left -= 1;
            (left == 0).then_some("found")
        })
        .await;
        assert_eq!(value, "found");
    }

    #[tokio::test]
    #[should_panic(expected = "a full moon; last seen: \"a half moon\"")]
    async fn the_panic_says_what_was_seen_last() {
        eventually(SHORT, "a full moon", async || Err::<(), _>("a half moon")).await;
    }

    #[tokio::test]
    #[should_panic(expected = "an answer; last seen: nothing: the first look hung")]
    async fn a_look_that_hangs_is_ended() {
        eventually(SHORT, "an answer", async || {
            std::future::pending::<bool>().await
        })
        .await;
    }
}
