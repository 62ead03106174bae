//! The way to one server, and how it is cut.

use std::net::IpAddr;
use std::sync::Arc;

use dubbo_registry::{Registration, Registry, ServiceInfo, ZooKeeperConfig, ZooKeeperRegistry};
use e2e::Program;
use test_servers::{TcpProxy, wrapped};
use triple::RpcMetadata;

use crate::namespace::Namespace;
use crate::stage::{Infrastructure, server};

/// A proxy that consumers find in a provider's place.
#[derive(Debug)]
pub(crate) struct Front {
    pub(crate) proxy: TcpProxy,
    /// The registration lives as long as this.
    _registry: ZooKeeperRegistry,
}

/// Where the server behind a front registers itself: no consumer looks there.
const ELSEWHERE: &str = "/elsewhere";

impl Front {
    /// Starts a server that reaches ZooKeeper at this address, and that consumers reach through a proxy.
    pub(crate) async fn start(infrastructure: &Infrastructure, zookeeper: &str) -> (Program, Self) {
        let server = Program::start(&server(&format!("{zookeeper}{ELSEWHERE}")));
        let proxy = TcpProxy::start(server.provider_address().await).await;
        let address = proxy.address();
        let (host, port) = address.rsplit_once(':').expect("an address has a port");
        let service = ServiceInfo {
            interface: greet::INTERFACE.to_owned(),
            methods: greet::METHODS.map(str::to_owned).to_vec(),
            ..ServiceInfo::default()
        };
        let port = port.parse().expect("a port is a number");
        let registration = Registration::new("dubbo-rust-server", host, port, vec![service])
            .expect("the names are legal");
        let registry = ZooKeeperRegistry::connect(
            ZooKeeperConfig::new(infrastructure.zookeeper.address()),
            Arc::new(()),
            Arc::new(RpcMetadata::default()),
        )
        .expect("the address is legal");
        let announced = registry.register(registration).done().await;
        announced.expect("ZooKeeper takes the registration");
        let front = Self {
            proxy,
            _registry: registry,
        };
        (server, front)
    }
}

/// Everything between one server and the rest: its callers, and ZooKeeper.
#[derive(Debug)]
pub(crate) enum Line {
    /// A cable to a host of its own.
    Cable {
        namespace: Namespace,
        /// ZooKeeper listens on the loopback only.
        _zookeeper: TcpProxy,
    },
    /// Where no such host can be made: a proxy in each direction.
    Proxies { front: Front, zookeeper: TcpProxy },
}

impl Line {
    /// Starts a server at the other end of a line.
    pub(crate) async fn start(infrastructure: &Infrastructure) -> (Program, Self) {
        let zookeeper = infrastructure.zookeeper.address();
        if let Some(namespace) = Namespace::create() {
            let outside: IpAddr = namespace.outside().parse().expect("it is an address");
            let proxy = TcpProxy::start_on(outside, zookeeper).await;
            let mut command = server(&proxy.address());
            command
                .env("DUBBO_IP_TO_REGISTRY", namespace.inside())
                .args(["--metrics-addr", &format!("{}:0", namespace.inside())]);
            let server = Program::start(&wrapped(&namespace.entrance(), &command));
            let line = Self::Cable {
                namespace,
                _zookeeper: proxy,
            };
            return (server, line);
        }
        let proxy = TcpProxy::start(zookeeper).await;
        let (server, front) = Front::start(infrastructure, &proxy.address()).await;
        let line = Self::Proxies {
            front,
            zookeeper: proxy,
        };
        (server, line)
    }

    /// Returns what it is, in a few words.
    pub(crate) fn what(&self) -> &'static str {
        match self {
            Self::Cable { .. } => "the cable to a network namespace",
            Self::Proxies { .. } => "a proxy in each direction",
        }
    }

    /// Lets nothing through any more, without an error to either side.
    pub(crate) fn cut(&self) {
        match self {
            Self::Cable { namespace, .. } => namespace.pull_out(),
            Self::Proxies { front, zookeeper } => {
                front.proxy.block();
                zookeeper.block();
            }
        }
    }

    /// Lets everything through again.
    pub(crate) fn restore(&self) {
        match self {
            Self::Cable { namespace, .. } => {
                assert!(namespace.plug_in(), "the cable can be plugged in again");
            }
            Self::Proxies { front, zookeeper } => {
                front.proxy.restore();
                zookeeper.restore();
            }
        }
    }
}
