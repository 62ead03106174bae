//! TLS to ZooKeeper, under a client that speaks none on ring.
//!
//! The client's own TLS comes with another cryptography than the rest of the workspace. So it connects to a port of loopback in this
//! process, and what it says goes on within TLS. The port takes connections of this process only: another's would be passed on with our
//! certificate.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use credentials::ClientTls;
use parking_lot::Mutex;
use rustls_pki_types::ServerName;
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    time::timeout,
};
use tokio_rustls::TlsConnector;
use tokio_util::task::AbortOnDropHandle;
use tracing::{debug, warn};

use super::{hosts::with_port, owner};

/// How long a server may take for the connection and the handshake.
const LIMIT: Duration = Duration::from_secs(5);

/// The ways to all servers of an address.
#[derive(Debug)]
pub(super) struct Tunnel {
    ports: Vec<SocketAddr>,
    trouble: Arc<Mutex<Option<String>>>,
    _tasks: Vec<AbortOnDropHandle<()>>,
}

impl Tunnel {
    /// Opens a port for each of these hosts.
    pub(super) async fn open(hosts: &str, tls: &ClientTls) -> io::Result<Self> {
        let trouble = Arc::default();
        let (mut ports, mut tasks) = (Vec::new(), Vec::new());
        for host in hosts.split(',') {
            let listener = TcpListener::bind("127.0.0.1:0").await?;
            ports.push(listener.local_addr()?);
            let way = Way {
                host: with_port(host),
                tls: tls.clone(),
                trouble: Arc::clone(&trouble),
            };
            tasks.push(AbortOnDropHandle::new(tokio::spawn(way.serve(listener))));
        }
        Ok(Self {
            ports,
            trouble,
            _tasks: tasks,
        })
    }

    /// Returns where the client connects to.
    pub(super) fn hosts(&self) -> String {
        let ports = self.ports.iter().map(SocketAddr::to_string);
        ports.collect::<Vec<_>>().join(",")
    }

    /// Returns what was wrong with TLS last, if anything.
    pub(super) fn trouble(&self) -> Option<String> {
        self.trouble.lock().clone()
    }
}

/// The way to one server.
#[derive(Clone, Debug)]
struct Way {
    host: String,
    tls: ClientTls,
    trouble: Arc<Mutex<Option<String>>>,
}

impl Way {
    async fn serve(self, listener: TcpListener) {
        loop {
            let (stream, peer) = match listener.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    debug!("a connection on the way to ZooKeeper was not accepted: {error}");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            };
            if !owner::is_ours(peer, listener.local_addr().ok()) {
                warn!("another process connected to this one's way to ZooKeeper: it was refused");
                continue;
            }
            tokio::spawn(self.clone().pass(stream));
        }
    }

    async fn pass(self, mut near: TcpStream) {
        let far = match timeout(LIMIT, self.connect()).await {
            Ok(far) => far,
            Err(_) => Err(io::ErrorKind::TimedOut.into()),
        };
        match far {
            Ok(mut far) => {
                *self.trouble.lock() = None;
                if let Err(error) = copy_bidirectional(&mut near, &mut far).await {
                    debug!("a connection to ZooKeeper ended: {error}");
                    // With TLS 1.3 a server looks at our certificate once the handshake is over for us, and says then what is wrong with it.
                    if error.kind() == io::ErrorKind::InvalidData {
                        let host = &self.host;
                        *self.trouble.lock() = Some(format!(
                            "{host}: the server ended the TLS connection: {error}"
                        ));
                    }
                }
            }
            Err(error) => *self.trouble.lock() = Some(format!("{}: {error}", self.host)),
        }
    }

    async fn connect(&self) -> io::Result<tokio_rustls::client::TlsStream<TcpStream>> {
        let stream = TcpStream::connect(&self.host).await?;
        stream.set_nodelay(true)?;
        let name = self
            .host
            .rsplit_once(':')
            .map_or(&*self.host, |(name, _)| name);
        let name = name
            .trim_start_matches('[')
            .trim_end_matches(']')
            .to_owned();
        let name = ServerName::try_from(name).map_err(io::Error::other)?;
        let connector = TlsConnector::from(self.tls.config().await);
        connector.connect(name, stream).await.map_err(|error| {
            io::Error::new(
                error.kind(),
                format!("no TLS connection came about: {error}"),
            )
        })
    }
}
