//! The handle of something announced.

use std::time::Duration;

use tokio::{sync::watch, time::timeout};
use tokio_util::sync::CancellationToken;

use crate::Error;

/// A provider or a metrics endpoint that is announced, or about to be.
///
/// Dropping the handle changes nothing: what was announced stays so until the registry is closed.
#[derive(Clone, Debug)]
pub struct Announcement {
    state: watch::Receiver<State>,
    withdraw: CancellationToken,
}

/// How far it has come.
#[derive(Clone, Debug, Default)]
struct State {
    announced: bool,
    ever_announced: bool,
    failure: Option<Error>,
    ended: bool,
}

impl Announcement {
    /// How long [`withdraw`](Self::withdraw) waits for the registry. More delays the stop of a process whose registry is
    /// away; less may end it before a slow registry has answered.
    pub const WITHDRAW_DEADLINE: Duration = Duration::from_secs(3);

    /// Waits until it was announced for the first time.
    ///
    /// # Errors
    /// [`Error::Closed`] when it was withdrawn, or the registry closed, before that.
    pub async fn done(&self) -> Result<(), Error> {
        let mut state = self.state.clone();
        match state
            .wait_for(|state| state.ever_announced || state.ended)
            .await
        {
            Ok(state) if state.ever_announced => Ok(()),
            _ => Err(Error::Closed),
        }
    }

    /// Tells whether the registry has it now, as far as is known.
    pub fn is_announced(&self) -> bool {
        self.state.borrow().announced
    }

    /// Returns why the last attempt failed, when it did.
    pub fn failure(&self) -> Option<Error> {
        self.state.borrow().failure.clone()
    }

    /// Has it taken out of the registry in the background.
    pub fn begin_withdrawal(&self) {
        self.withdraw.cancel();
    }

    /// Takes it out of the registry, and returns when that is confirmed.
    ///
    /// # Errors
    /// [`Error::Deadline`] when it was not confirmed within [`WITHDRAW_DEADLINE`](Self::WITHDRAW_DEADLINE); the attempt goes
    /// on in the background, and the registry forgets a process that has left when its session ends.
    pub async fn withdraw(&self) -> Result<(), Error> {
        self.begin_withdrawal();
        let mut state = self.state.clone();
        match timeout(Self::WITHDRAW_DEADLINE, state.wait_for(|state| state.ended)).await {
            // The registry is gone, which has ended its session, and with it everything announced in it.
            Ok(_) => Ok(()),
            Err(_) => Err(Error::Deadline(Self::WITHDRAW_DEADLINE)),
        }
    }
}

/// The other end of an [`Announcement`]: the announcing task notes here how far it has come.
#[derive(Debug)]
pub(crate) struct AnnouncementReporter {
    state: watch::Sender<State>,
    withdraw: CancellationToken,
}

impl AnnouncementReporter {
    pub(crate) fn new() -> (Self, Announcement) {
        Self::until(CancellationToken::new())
    }

    /// Begins an announcement that is withdrawn by this token, too.
    pub(crate) fn until(withdraw: CancellationToken) -> (Self, Announcement) {
        let (sender, receiver) = watch::channel(State::default());
        (
            Self {
                state: sender,
                withdraw: withdraw.clone(),
            },
            Announcement {
                state: receiver,
                withdraw,
            },
        )
    }

    /// Returns the announcement of a registry that is closed already.
    pub(crate) fn closed() -> Announcement {
        let (reporter, announcement) = Self::new();
        reporter.failed(Error::Closed);
        reporter.ended();
        announcement
    }

    /// Returns a token that is cancelled when the holder of the announcement wants it withdrawn.
    pub(crate) fn withdrawal(&self) -> CancellationToken {
        self.withdraw.clone()
    }

    pub(crate) fn was_announced(&self) -> bool {
        self.state.borrow().ever_announced
    }

    pub(crate) fn announced(&self) {
        self.state.send_modify(|state| {
            (state.announced, state.ever_announced, state.failure) = (true, true, None);
        });
    }

    /// Notes that it has to be announced again.
    pub(crate) fn lost(&self) {
        self.state
            .send_if_modified(|state| std::mem::replace(&mut state.announced, false));
    }

    pub(crate) fn failed(&self, error: Error) {
        self.state
            .send_modify(|state| (state.announced, state.failure) = (false, Some(error)));
    }

    pub(crate) fn ended(&self) {
        self.state
            .send_modify(|state| (state.announced, state.ended) = (false, true));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn done_waits_for_the_first_success_and_stays_done() {
        let (reporter, announcement) = AnnouncementReporter::new();
        assert!(!announcement.is_announced());
        let waiting = tokio::spawn({
            let announcement = announcement.clone();
            async move { announcement.done().await }
        });
        reporter.announced();
        waiting.await.unwrap().unwrap();
        reporter.lost();
        assert!(!announcement.is_announced());
        announcement.done().await.unwrap();
    }

    #[tokio::test]
    async fn a_failure_is_kept_until_the_next_success() {
        let (reporter, announcement) = AnnouncementReporter::new();
        reporter.failed(Error::Closed);
        assert!(announcement.failure().is_some());
        reporter.announced();
        assert!(announcement.failure().is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn an_unconfirmed_withdrawal_ends_with_its_deadline() {
        let (reporter, announcement) = AnnouncementReporter::new();
        assert!(matches!(
            announcement.withdraw().await,
            Err(Error::Deadline(_))
        ));
        assert!(reporter.withdrawal().is_cancelled());
        reporter.ended();
        announcement.withdraw().await.unwrap();
        assert!(matches!(announcement.done().await, Err(Error::Closed)));
    }

    #[tokio::test]
    async fn work_that_is_gone_ends_all_waiting() {
        let (reporter, announcement) = AnnouncementReporter::new();
        drop(reporter);
        assert!(matches!(announcement.done().await, Err(Error::Closed)));
        announcement.withdraw().await.unwrap();
    }
}
