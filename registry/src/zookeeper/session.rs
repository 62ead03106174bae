//! The session with ZooKeeper: made, followed, made again when it has ended, closed.
//!
//! The client reconnects by itself, but its pauses double without a limit, it never begins a new session, and a server that
//! has lost its data refuses it for as long as the old session could live. So after a while without a connection this looks
//! for a server on its own: one that still knows the session gives it to another client, and any other a new session, while the old one
//! is left to its timeout.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::watch,
    time::{Instant, sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{debug, info, warn};
use zookeeper_client::{Error as ZkError, SessionState};

use super::{backoff::Backoff, connector::Connector, node::ZkClient, reachability};
use crate::{Error, Observer, SessionEvent, supervise};

/// How long the client may look for its server alone, in shares of the time that its session lives: no less than the first, at
/// random up to the second, so that the processes of a cluster do not begin new sessions together. A larger share delays the
/// registration after an outage that has cost the session; a smaller one makes new sessions, with all their reads and writes, out of
/// outages that the old ones survive.
const PATIENCE: (f64, f64) = (0.85, 0.95);

/// A connection that lasted no longer ended by what was asked on it, if that is so several times in a row.
const SHORT: Duration = Duration::from_millis(500);

/// So many short connections in a row are told.
const MANY_SHORT: u32 = 3;

/// How long announcements may take to be withdrawn when the registry is closed, and the session to be closed after them.
const CLOSE_DEADLINE: Duration = Duration::from_secs(2);

/// What the supervisor tells the tasks.
#[derive(Clone, Debug, Default)]
struct Link {
    /// What to talk to, while there is a connection.
    zk: Option<ZkClient>,
    /// The session, 0 before the first one.
    session: i64,
    /// How many clients there have been.
    clients: u64,
    /// Why there is no connection.
    failure: Option<Error>,
}

/// A task's end of the session.
#[derive(Clone, Debug)]
pub(super) struct SessionHandle {
    link: watch::Receiver<Link>,
    /// The session that was established last.
    session: i64,
    /// The number of its client.
    client: u64,
    broken: watch::Sender<i64>,
}

impl SessionHandle {
    /// Waits for a connection; nothing when the registry is closed. `failure` hears why there is none.
    pub(super) async fn established(
        &mut self,
        mut failure: impl FnMut(&Error),
    ) -> Option<(ZkClient, i64)> {
        loop {
            {
                let link = self.link.borrow_and_update();
                match (&link.zk, &link.failure) {
                    (Some(zk), _) => {
                        (self.session, self.client) = (link.session, link.clients);
                        return Some((zk.clone(), link.session));
                    }
                    (None, Some(error)) => failure(error),
                    (None, None) => {}
                }
            }
            self.link.changed().await.ok()?;
        }
    }

    /// Returns the number of the client that was established last. Watches go with their client, though its session may live on.
    pub(super) fn client(&self) -> u64 {
        self.client
    }

    /// Takes over which session was established last.
    pub(super) fn set_session(&mut self, session: i64) {
        self.session = session;
    }

    /// Completes when the connection is another one than the last that was established, or none.
    pub(super) async fn changed(&mut self) {
        // An error means that the session is closed, and that nothing will follow.
        let _ = self.link.changed().await;
    }

    /// Tells whether a lost connection explains a failure: then there is nothing to report, and the next connection brings
    /// another try. Gives the session up where only a new one helps.
    pub(super) fn explains(&self, error: &Error) -> bool {
        let Error::ZooKeeper { cause, .. } = error else {
            return false;
        };
        // The client reports its own failures as unexpected errors: after one, its session task may be gone without a state
        // that says so.
        if matches!(
            cause,
            ZkError::UnexpectedError(_) | ZkError::UnmarshalError { .. }
        ) {
            self.give_up();
        }
        matches!(cause, ZkError::ConnectionLoss | ZkError::SessionExpired)
    }

    /// Asks for a new session, because the one that was established last no longer answers as it should.
    pub(super) fn give_up(&self) {
        self.broken.send_replace(self.session);
    }
}

/// Keeps the session; runs as one task until the registry is closed.
#[derive(Debug)]
pub(super) struct Supervisor {
    connector: Connector,
    observer: Arc<dyn Observer>,
    /// The tasks that use the session.
    pub(super) tasks: TaskTracker,
    pub(super) closing: CancellationToken,
    pub(super) closed: CancellationToken,
    link: watch::Sender<Link>,
    broken: watch::Receiver<i64>,
}

impl Supervisor {
    pub(super) fn new(connector: Connector, observer: Arc<dyn Observer>) -> (Self, SessionHandle) {
        let (sender, receiver) = watch::channel(Link::default());
        let (breaks, broken) = watch::channel(0);
        let handle = SessionHandle {
            link: receiver,
            session: 0,
            client: 0,
            broken: breaks,
        };
        let supervisor = Self {
            connector,
            observer,
            tasks: TaskTracker::new(),
            closing: CancellationToken::new(),
            closed: CancellationToken::new(),
            link: sender,
            broken,
        };
        (supervisor, handle)
    }

    /// Keeps a session until the registry is closed, then lets the tasks end and closes it.
    pub(super) async fn run(self) {
        let _closed = self.closed.clone().drop_guard();
        let mut this = &self;
        let keeping = supervise(
            "session",
            || self.observer.panicked(),
            &mut this,
            |this| Box::pin(this.keep()),
        );
        tokio::select! {
            () = keeping => {}
            () = self.tasks_have_ended() => {}
        }
        let link = self.link.send_replace(Link::default());
        if let Some(zk) = link.zk {
            let ended = timeout(CLOSE_DEADLINE, self.connector.end(zk)).await;
            if !matches!(ended, Ok(Ok(()))) {
                warn!(
                    session = link.session,
                    "ZooKeeper did not confirm the end of the session; it ends by its timeout"
                );
            }
        }
        self.observer.session(SessionEvent::Closed);
    }

    async fn tasks_have_ended(&self) {
        self.closing.cancelled().await;
        self.tasks.close();
        if timeout(CLOSE_DEADLINE, self.tasks.wait()).await.is_err() {
            warn!("ZooKeeper did not confirm every withdrawal; what is left ends with the session");
        }
    }

    async fn keep(&self) {
        let (mut next, mut before) = (None, None);
        loop {
            let zk = match next.take() {
                Some(zk) => zk,
                None => self.establish().await,
            };
            let session = Some(zk.client.session_id());
            next = self.supervise(zk, session == before).await;
            before = session;
        }
    }

    /// Connects until it succeeds.
    async fn establish(&self) -> ZkClient {
        let mut backoff = Backoff::new();
        let mut known = String::new();
        loop {
            match self.connector.connect().await {
                Ok(zk) => return zk,
                Err(error) => {
                    let error = reachability::explain(error).await;
                    let text = error.to_string();
                    if text != known {
                        warn!("{text}; trying again until it succeeds");
                        known = text;
                    }
                    self.link.send_modify(|link| link.failure = Some(error));
                }
            }
            sleep(backoff.next()).await;
        }
    }

    /// Follows a client to its end, with a session of its own or one taken over. Returns the one that takes its place, if there is one
    /// already.
    async fn supervise(&self, zk: ZkClient, taken_over: bool) -> Option<ZkClient> {
        let client = &zk.client;
        let session = client.session_id();
        let mut states = client.state_watcher();
        let mut state = client.state();
        let patience = patience(client.session_timeout());
        let mut broken = self.broken.clone();
        if taken_over {
            info!(%session, "connection to ZooKeeper is back, by another client");
            self.observer.session(SessionEvent::Reconnected);
        } else {
            info!(%session, hosts = %self.connector.address.hosts, "session with ZooKeeper established");
            self.observer.session(SessionEvent::Established);
        }
        // Told with what follows.
        self.link.send_if_modified(|link| {
            link.clients += 1;
            false
        });
        self.publish(Some(zk.clone()), session.0);
        let mut connected = true;
        let (mut since, mut short, mut pauses) = (Instant::now(), 0, Backoff::new());
        loop {
            match state {
                SessionState::SyncConnected | SessionState::ConnectedReadOnly if !connected => {
                    if short > 0 {
                        // What was asked is asked again now: not without a pause, if it costs each connection.
                        sleep(pauses.next()).await;
                        state = states.state();
                        if state != SessionState::SyncConnected {
                            continue;
                        }
                    }
                    since = Instant::now();
                    if short < MANY_SHORT {
                        info!(%session, "connection to ZooKeeper is back");
                    }
                    self.observer.session(SessionEvent::Reconnected);
                    self.publish(Some(zk.clone()), session.0);
                    connected = true;
                }
                SessionState::Disconnected if connected => {
                    if since.elapsed() > SHORT {
                        short = 0;
                        pauses.reset();
                    } else {
                        short += 1;
                    }
                    if short < MANY_SHORT {
                        warn!(%session, "connection to ZooKeeper lost; the last known providers stay in use");
                    } else if short == MANY_SHORT {
                        warn!(
                            %session,
                            "ZooKeeper closes the connection whenever this process asks something; its log says why, such as a request \
                             larger than its jute.maxbuffer"
                        );
                    }
                    self.observer.session(SessionEvent::Disconnected);
                    self.publish(None, session.0);
                    connected = false;
                }
                state if state.is_terminated() => {
                    warn!(%session, %state, "session with ZooKeeper has ended; beginning another one");
                    return self.ended(None);
                }
                _ => {}
            }
            tokio::select! {
                biased;
                next = states.changed() => state = next,
                next = self.replacement(&zk, patience), if !connected => {
                    if next.client.session_id() == session {
                        return Some(next);
                    }
                    warn!(%session, "ZooKeeper answers, but not to this session; beginning another one");
                    return self.ended(Some(next));
                }
                // The tasks may still complain of the session before, which is over.
                Ok(_) = broken.wait_for(|broken| *broken == session.0) => {
                    warn!(%session, "session with ZooKeeper is broken; beginning another one");
                    return self.ended(None);
                }
            }
        }
    }

    fn ended(&self, replacement: Option<ZkClient>) -> Option<ZkClient> {
        self.observer.session(SessionEvent::Expired);
        self.link.send_modify(|link| link.zk = None);
        replacement
    }

    fn publish(&self, zk: Option<ZkClient>, session: i64) {
        self.link.send_modify(|link| {
            (link.zk, link.session, link.failure) = (zk, session, None);
        });
    }

    /// Waits until a server takes the session over, or gives a new one.
    ///
    /// The client may be the one that is late: it spends seconds on each address behind which there is no server any more, as pods of an
    /// ensemble leave them behind when they are replaced one by one.
    async fn replacement(&self, zk: &ZkClient, patience: Duration) -> ZkClient {
        let mut backoff = Backoff::new();
        sleep(patience).await;
        loop {
            if let Some(zk) = self.connector.take_over(zk).await {
                return zk;
            }
            match self.connector.connect().await {
                Ok(zk) => return zk,
                Err(error) => debug!("{error}"),
            }
            sleep(backoff.next()).await;
        }
    }
}

/// Returns how long to wait for a session that lives this long.
fn patience(session: Duration) -> Duration {
    let (least, most) = PATIENCE;
    session.mul_f64(least + fastrand::f64() * (most - least))
}
