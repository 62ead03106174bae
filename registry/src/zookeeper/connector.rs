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

    /// Takes a session over from its client if a server that answers still knows it.
    ///
    /// Servers before 3.6 are not asked: a client of theirs that ends comes back once more, and takes the session away again.
    pub(super) async fn take_over(&self, zk: &ZkClient) -> Option<ZkClient> {
        if zk.old {
            return None;
        }
        let hosts = self.hosts().await.ok()?;
        let first = self
            .resuming(&zk.client, zk.old)
            .with_fail_eagerly()
            .with_detached()
            .connect(&hosts.each)
            .await
            .ok()?;
        let client = self.persistent(first, &hosts.round(), zk.old).await.ok()?;
        let client = match &self.address.chroot {
            Some(chroot) => client.chroot(chroot).ok()?,
            None => client,
        };
        Some(ZkClient {
            client,
            ..zk.clone()
        })
    }

    /// Ends the session of a client, which leaves it alone when it is dropped, and returns when that is confirmed.
    pub(super) async fn end(&self, zk: ZkClient) -> Result<(), Error> {
        let hosts = self.hosts().await?;
        let connector = self.resuming(&zk.client, zk.old);
        gone(zk.client).await;
        let client = connector
            .with_fail_eagerly()
            .connect(&hosts.each)
            .await
            .map_err(|cause| self.refused(cause))?;
        gone(client).await;
        Ok(())
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

    /// Returns a connector for the session of a client, which lives as long as before: its time is agreed on with each connection.
    fn resuming(&self, client: &Client, old: bool) -> zookeeper_client::Connector {
        let connector = self
            .client()
            .with_session_timeout(client.session_timeout())
            .with_session(client.session().clone());
        if old {
            connector.with_server_version(3, 4, 0)
        } else {
            connector
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
        let connector = self.resuming(&client, old).with_detached();
        if old {
            // The client before is connecting again, and would take the session away from the one to come.
            let _ = timeout(END_DEADLINE, gone(client)).await;
        } else {
            drop(client);
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
        let client = zk
            .client
            .chroot(chroot)
            .map_err(|_| failed("read", chroot, ZkError::BadArguments(&"bad chroot")))?;
        Ok(ZkClient { client, ..zk })
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

/// Drops a client, and returns when its last connection has ended.
async fn gone(client: Client) {
    let mut states = client.state_watcher();
    let mut state = client.state();
    drop(client);
    while !state.is_terminated() {
        state = states.changed().await;
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
    async fn a_session_that_a_server_knows_is_taken_over_and_ends_when_it_is_ended() {
        let zookeeper = ZooKeeper::start().await;
        let proxy = TcpProxy::start(zookeeper.address()).await;
        let zk = connector(&proxy.address()).connect().await.unwrap();
        let session = zk.client.session_id();
        proxy.cut();
        let other = connector(&zookeeper.address());
        let taken = other.take_over(&zk).await.expect("the server knows it");
        assert_eq!(taken.client.session_id(), session);
        assert_eq!(taken.client.session_timeout(), zk.client.session_timeout());
        // The former client is dropped while it has no connection, and leaves the session alone when it gets one.
        drop(zk);
        proxy.restore();
        let path = "/owned";
        let options = CreateMode::Ephemeral.with_acls(taken.acls(Kind::Ephemeral));
        eventually(LONG, "the session goes on", async || {
            match taken.client.create(path, b"", &options).await {
                // The answer to the attempt before can be lost where the former client comes back once.
                Ok(_) | Err(ZkError::NodeExists) => Ok(()),
                Err(error) => Err(error),
            }
        })
        .await;
        let operator = Client::connect(&zookeeper.address()).await.unwrap();
        let stat = operator.check_stat(path).await.unwrap().unwrap();
        assert_eq!(stat.ephemeral_owner, session.0);
        other.end(taken).await.unwrap();
        assert_eq!(operator.check_stat(path).await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_session_that_no_server_knows_is_not_taken_over() {
        let mut zookeeper = ZooKeeper::start().await;
        let connector = connector(&zookeeper.address());
        let zk = connector.connect().await.unwrap();
        zookeeper.kill();
        assert!(
            connector.take_over(&zk).await.is_none(),
            "no server answers"
        );
        zookeeper.restart_empty().await;
        assert!(
            connector.take_over(&zk).await.is_none(),
            "the data are gone"
        );
    }
}
