//! Makes sessions: finds a server, learns what it can do, makes the chroot where it is missing.

use std::time::Duration;

use credentials::ClientTls;
use tokio::{sync::OnceCell, time::timeout};
use tracing::info;
use zookeeper_client::{Client, CreateMode, Error as ZkError, SaslOptions};

use super::{
    config::{Address, Auth, NodeAccess},
    hosts::{self, Hosts},
    node::{Kind, ZkClient, failed},
    tunnel::Tunnel,
};
use crate::Error;

/// How often each host is named to the client. Its pauses double with each round through its hosts, up to half the time that a session
/// lives; within a round they are short. So many hosts make one round as long as a session.
const ROUND: usize = 12;

/// How long a client is waited for that has been given up.
const END_DEADLINE: Duration = Duration::from_secs(1);

/// Where sessions are made, and how.
#[derive(Debug)]
pub(super) struct Connector {
    pub(super) address: Address,
    pub(super) auth: Option<Auth>,
    pub(super) session_timeout: Duration,
    pub(super) access: NodeAccess,
    pub(super) tls: Option<ClientTls>,
    /// The way to the servers where there is TLS, once it was needed.
    pub(super) tunnel: OnceCell<Tunnel>,
}

impl Connector {
    /// Tries each server once, and returns a new session with the first that gives one.
    pub(super) async fn connect(&self) -> Result<ZkClient, Error> {
        let hosts = self.hosts().await?;
        let first = self
            .client()
            .with_session_timeout(self.session_timeout)
            .with_fail_eagerly()
            .with_detached()
            .connect(&hosts.each)
            .await
            .map_err(|cause| self.refused(cause))?;
        let old = self.is_old(&first).await;
        let client = self
            .persistent(first, &hosts.all, old)
            .await
            .map_err(|cause| self.refused(cause))?;
        let zk = ZkClient {
            client,
            authenticated: self.auth.is_some(),
            access: self.access,
            old,
        };
        match &self.address.chroot {
            None => Ok(zk),
            Some(chroot) => match timeout(self.session_timeout, self.enter(zk, chroot)).await {
                Ok(entered) => entered,
                Err(_) => Err(failed("create", chroot, ZkError::Timeout)),
            },
        }
    }

    /// Returns where the client connects to: the servers, or the ways to them within TLS.
    async fn hosts(&self) -> Result<Hosts, Error> {
        let Some(tls) = &self.tls else {
            return Ok(hosts::resolved(&self.address.hosts).await);
        };
        let tunnel = self
            .tunnel
            .get_or_try_init(|| Tunnel::open(&self.address.hosts, tls))
            .await
            .map_err(|error| self.no_tls(error.to_string()))?;
        Ok(Hosts {
            each: tunnel.hosts(),
            all: tunnel.hosts(),
        })
    }

    fn no_tls(&self, reason: String) -> Error {
        Error::Tls {
            hosts: self.address.hosts.clone(),
            reason,
        }
    }

    fn client(&self) -> zookeeper_client::Connector {
        let connector = Client::connector();
        match &self.auth {
            Some(auth) if auth.is_sasl() => {
                let (user, password) = auth.user_and_password();
                let (user, password) = (user.to_owned(), password.to_owned());
                connector.with_sasl(SaslOptions::digest_md5(user, password))
            }
            Some(auth) => connector.with_auth(auth.scheme(), auth.credentials()),
            None => connector,
        }
    }

    /// Asks for the nodes of a session that has none, which servers since 3.6 answer. Older ones don't know the question, and close
    /// the connection after saying so.
    async fn is_old(&self, client: &Client) -> bool {
        let question = timeout(self.session_timeout, client.list_ephemerals("/")).await;
        let old = matches!(question, Ok(Err(ZkError::Unimplemented)));
        if old {
            info!(
                hosts = %self.address.hosts,
                "ZooKeeper is older than 3.6: making do with the requests that 3.4 knows"
            );
        }
        old
    }

    /// Hands a session over to a client that looks for its server often enough: see [`ROUND`].
    async fn persistent(&self, client: Client, hosts: &str, old: bool) -> Result<Client, ZkError> {
        let mut connector = self.client().with_session_timeout(client.session_timeout());
        let mut states = client.state_watcher();
        let mut state = client.state();
        connector = connector.with_session(client.into_session());
        if old {
            connector = connector.with_server_version(3, 4, 0);
            // The client before is connecting again, and would take the session away from the one to come.
            let ended = async {
                while !state.is_terminated() {
                    state = states.changed().await;
                }
            };
            let _ = timeout(END_DEADLINE, ended).await;
        }
        let hosts = [hosts; ROUND].join(",");
        connector.connect(&hosts).await
    }

    /// Makes the chroot where it is missing, since ZooKeeper does not, and goes there.
    async fn enter(&self, zk: ZkClient, chroot: &str) -> Result<ZkClient, Error> {
        let exists = zk
            .client
            .check_stat(chroot)
            .await
            .map_err(|error| failed("read", chroot, error))?
            .is_some();
        if !exists {
            let options = CreateMode::Persistent.with_acls(zk.acls(Kind::Member));
            zk.client
                .mkdir(chroot, &options)
                .await
                .map_err(|error| failed("create", chroot, error))?;
        }
        let ZkClient {
            client,
            authenticated,
            access,
            old,
        } = zk;
        let client = client
            .chroot(chroot)
            .map_err(|_| failed("read", chroot, ZkError::BadArguments(&"bad chroot")))?;
        Ok(ZkClient {
            client,
            authenticated,
            access,
            old,
        })
    }

    fn refused(&self, cause: ZkError) -> Error {
        match cause {
            ZkError::AuthFailed => match &self.auth {
                Some(auth) => Error::Credentials {
                    scheme: auth.scheme().to_owned(),
                },
                None => Error::CredentialsWanted {
                    hosts: self.address.hosts.clone(),
                },
            },
            cause if self.tls.is_some() => {
                let trouble = self.tunnel.get().and_then(Tunnel::trouble);
                self.no_tls(trouble.unwrap_or_else(|| cause.to_string()))
            }
            cause => Error::Unreachable {
                hosts: self.address.hosts.clone(),
                reason: cause.to_string(),
                cause,
            },
        }
    }
}
