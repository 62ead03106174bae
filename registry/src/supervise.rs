//! Keeps a long-lived task alive: after a panic it is begun again.

use std::{any::Any, panic::AssertUnwindSafe, time::Duration};

use futures_util::{FutureExt, future::BoxFuture};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tracing::error;

/// The pause before a task is begun again: doubled from the first to the longest while it keeps panicking, each with jitter.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// Runs `work` to its end. When it panics, that is logged and told to `panicked`, and the work is begun again after a pause.
///
/// `state` is what the work shares with its next beginning: it has to be sound after a panic at any point.
pub async fn supervise<S, T>(
    task: &'static str,
    mut panicked: impl FnMut() + Send,
    state: &mut S,
    mut work: impl for<'s> FnMut(&'s mut S) -> BoxFuture<'s, T> + Send,
) -> T {
    let mut pause = FIRST_PAUSE;
    loop {
        let began = Instant::now();
        let panic = match AssertUnwindSafe(work(state)).catch_unwind().await {
            Ok(end) => return end,
            Err(panic) => text(panic),
        };
        error!(task, panic, "a task has panicked and is begun again");
        panicked();
        if began.elapsed() > LONGEST_PAUSE {
            pause = FIRST_PAUSE;
        }
        sleep(pause.mul_f64(0.5 + fastrand::f64() / 2.0)).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Does what [`supervise`] does, until one of these is cancelled.
pub(crate) async fn supervise_until<S>(
    ends: [CancellationToken; 2],
    task: &'static str,
    panicked: impl FnMut() + Send,
    state: &mut S,
    work: impl for<'s> FnMut(&'s mut S) -> BoxFuture<'s, ()> + Send,
) {
    let [ended, closing] = ends;
    tokio::select! {
        () = supervise(task, panicked, state, work) => {}
        () = ended.cancelled() => {}
        () = closing.cancelled() => {}
    }
}

fn text(panic: Box<dyn Any + Send>) -> String {
    match panic.downcast::<String>() {
        Ok(text) => *text,
        Err(panic) => panic
            .downcast::<&'static str>()
            .map_or_else(|_| "no text".to_owned(), |text| (*text).to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn work_that_panics_is_begun_again_until_it_ends() {
        let (mut panics, mut begun) = (0, 0);
        let began = Instant::now();
        let end = supervise(
            "test",
            || panics += 1,
            &mut begun,
            |begun| {
                Box::pin(async move {
                    *begun += 1;
                    tokio::task::yield_now().await;
                    assert!(*begun == 20, "not yet");
                    *begun
                })
            },
        )
        .await;
        assert_eq!((end, panics), (20, 19));
        assert!(began.elapsed() > Duration::from_secs(30), "with pauses");
    }
}
