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

/// How long a client is waited for that has been given up.
const END_DEADLINE: Duration = Duration::from_secs(1);

/// A session that is kept alive beside its own client. It is not closed when this is dropped.
#[derive(Debug)]
pub(super) struct Held(
    #[cfg_attr(not(test), expect(dead_code, reason = "it pings by itself"))] Client,
);

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
            .persistent(first, &hosts.round(), old)
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

    /// Takes a session over if a server that answers still knows it; where it is held, it lives on.
    ///
    /// Servers before 3.6 are not asked: a client of theirs that ends comes back once more, and takes the session away again.
    pub(super) async fn hold(&self, zk: &ZkClient) -> Option<Held> {
        if zk.old {
            return None;
        }
        let hosts = self.hosts().await.ok()?;
        let connector = self.client().with_fail_eagerly().with_detached();
        let client = connector
            .with_session(zk.client.session().clone())
            .connect(&hosts.each)
            .await;
        client.ok().map(Held)
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
            names: tunnel.hosts(),
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

    /// Hands a session over to a client that looks for its server often enough.
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
        connector.connect(hosts).await
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

#[cfg(test)]
mod tests {
    use test_servers::{LONG, TcpProxy, ZooKeeper, eventually};

    use super::*;

    fn connector(address: &str) -> Connector {
        Connector {
            address: address.parse().unwrap(),
            auth: None,
            session_timeout: Duration::from_secs(10),
            access: NodeAccess::default(),
            tls: None,
            tunnel: OnceCell::new(),
        }
    }

    #[tokio::test]
    async fn a_session_that_a_server_knows_is_held_and_goes_back_to_its_client() {
        let zookeeper = ZooKeeper::start().await;
        let proxy = TcpProxy::start(zookeeper.address()).await;
        let zk = connector(&proxy.address()).connect().await.unwrap();
        let session = zk.client.session_id();
        proxy.cut();
        let held = connector(&zookeeper.address()).hold(&zk).await;
        assert_eq!(held.expect("the server knows it").0.session_id(), session);
        proxy.restore();
        eventually(LONG, "the client works on the same session", async || {
            zk.client.check_stat("/").await
        })
        .await;
        assert_eq!(zk.client.session_id(), session);
    }

    #[tokio::test]
    async fn a_session_that_no_server_knows_is_not_held() {
        let mut zookeeper = ZooKeeper::start().await;
        let connector = connector(&zookeeper.address());
        let zk = connector.connect().await.unwrap();
        zookeeper.kill();
        assert!(connector.hold(&zk).await.is_none(), "no server answers");
        zookeeper.restart_empty().await;
        assert!(connector.hold(&zk).await.is_none(), "the data are gone");
    }
}
