//! The open connections, and which of them gives way when there are too many.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

/// The open connections of one server. A cheap handle: clones share them.
#[derive(Clone, Debug)]
pub(crate) struct ConnectionLimit(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    capacity: usize,
    patience: Duration,
    members: Mutex<Vec<Arc<Member>>>,
    left: Notify,
}

#[derive(Debug)]
struct Member {
    /// Since when nothing has been asked; none while a request is being answered.
    silent_since: Mutex<Option<Instant>>,
    gives_way: CancellationToken,
}

/// A slot for one connection, held until it is dropped.
#[derive(Debug)]
pub(crate) struct Slot {
    member: Arc<Member>,
    limit: ConnectionLimit,
}

/// A request that is being answered, until it is dropped: its connection does not give way.
#[derive(Debug)]
pub(crate) struct Answering(Arc<Member>);

impl ConnectionLimit {
    pub(crate) fn new(capacity: usize, patience: Duration) -> Self {
        Self(Arc::new(Inner {
            capacity: capacity.max(1),
            patience,
            members: Mutex::default(),
            left: Notify::new(),
        }))
    }

    /// Waits for a slot. When all are taken, the connection that has been silent for longest gives way, once it has been
    /// for longer than the patience.
    pub(crate) async fn acquire(&self) -> Slot {
        loop {
            match self.try_acquire(Instant::now()) {
                Ok(slot) => return slot,
                Err(later) => tokio::select! {
                    () = self.0.left.notified() => {}
                    () = sleep_until(later) => {}
                },
            }
        }
    }

    /// Returns a slot, or when to look again unless a connection ends before.
    fn try_acquire(&self, now: Instant) -> Result<Slot, Instant> {
        let mut members = self.0.members.lock();
        if members.len() >= self.0.capacity {
            let silent = members.iter().enumerate().filter_map(|(index, member)| {
                let since = *member.silent_since.lock();
                since.map(|since| (since, index))
            });
            match silent.min() {
                Some((since, index)) if now >= since + self.0.patience => {
                    members.swap_remove(index).gives_way.cancel();
                }
                Some((since, _)) => return Err(since + self.0.patience),
                None => return Err(now + self.0.patience),
            }
        }
        let member = Arc::new(Member {
            silent_since: Mutex::new(Some(now)),
            gives_way: CancellationToken::new(),
        });
        members.push(Arc::clone(&member));
        Ok(Slot {
            member,
            limit: self.clone(),
        })
    }
}

impl Slot {
    /// Waits until this connection has to give way to another.
    pub(crate) async fn given_up(&self) {
        self.member.gives_way.cancelled().await;
    }

    /// Marks a request as being answered.
    pub(crate) fn answering(&self) -> Answering {
        *self.member.silent_since.lock() = None;
        Answering(Arc::clone(&self.member))
    }

    /// Tells whether every slot is taken: then each connection ends after its answer, and others get their turn.
    pub(crate) fn is_wanted(&self) -> bool {
        self.limit.0.members.lock().len() >= self.limit.0.capacity
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let inner = &self.limit.0;
        inner
            .members
            .lock()
            .retain(|member| !Arc::ptr_eq(member, &self.member));
        inner.left.notify_one();
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        *self.0.silent_since.lock() = Some(Instant::now());
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::{advance, timeout};

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(1);

    fn is_given_up(slot: &Slot) -> bool {
        slot.member.gives_way.is_cancelled()
    }

    #[tokio::test(start_paused = true)]
    async fn the_connection_that_is_silent_for_longest_gives_way() {
        let limit = ConnectionLimit::new(3, PATIENCE);
        let mut places = Vec::new();
        for _ in 0..3 {
            places.push(limit.acquire().await);
            advance(Duration::from_millis(100)).await;
        }
        // The first has asked something since.
        drop(places[0].answering());
        let _fourth = limit.acquire().await;
        let gone: Vec<bool> = places.iter().map(is_given_up).collect();
        assert_eq!(gone, [false, true, false]);
    }

    #[tokio::test(start_paused = true)]
    async fn no_connection_gives_way_before_the_patience_ends() {
        let limit = ConnectionLimit::new(1, PATIENCE);
        let first = limit.acquire().await;
        let before = Instant::now();
        let _second = limit.acquire().await;
        assert!(before.elapsed() >= PATIENCE, "{:?}", before.elapsed());
        assert!(is_given_up(&first));
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_is_being_answered_stays() {
        let limit = ConnectionLimit::new(1, PATIENCE);
        let first = limit.acquire().await;
        let answering = first.answering();
        assert!(timeout(PATIENCE * 100, limit.acquire()).await.is_err());
        assert!(!is_given_up(&first) && first.is_wanted());
        drop(answering);
        assert!(timeout(PATIENCE * 100, limit.acquire()).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_place_that_becomes_free_is_taken_at_once() {
        let limit = ConnectionLimit::new(1, PATIENCE);
        let first = limit.acquire().await;
        let before = Instant::now();
        let (_second, ()) = tokio::join!(limit.acquire(), async { drop(first) });
        assert_eq!(before.elapsed(), Duration::ZERO);
    }
}
