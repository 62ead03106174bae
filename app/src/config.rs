//! What a process runs on: the command line, checked and in real types.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use dubbo_registry::ZooKeeperConfig;
use guarded_http::Protection;
use pushgateway::{Access, GroupingKey};
use triple::{ConsumerTls, Shape};

use crate::{address::Advertised, measure::Measuring};

/// What every process of the sample needs.
#[derive(Clone, Debug)]
pub struct ProcessConfig {
    /// The application's name.
    pub(crate) application: String,
    /// The address that is registered.
    pub(crate) advertised: Advertised,
    /// How ZooKeeper is reached.
    pub(crate) zookeeper: ZooKeeperConfig,
    /// What is measured; nothing if none.
    pub(crate) measure: Option<Measure>,
    /// What instances are asked over for their metadata.
    pub(crate) tls: Option<ConsumerTls>,
    /// Where probes are answered.
    pub(crate) probe_addr: Option<SocketAddr>,
    /// The threads that serve calls.
    pub(crate) runtime: Shape,
    /// Writes no line for each call.
    pub quiet: bool,
}

/// How calls are measured, and how the figures leave the process.
#[derive(Clone, Debug)]
pub(crate) struct Measure {
    /// What is measured.
    pub(crate) measuring: Measuring,
    /// The one way out.
    pub(crate) export: Export,
}

/// How figures leave the process: strictly one of two.
#[derive(Clone, Debug)]
pub(crate) enum Export {
    /// Pushed to a Pushgateway.
    Push(Box<Push>),
    /// Served for Prometheus to scrape.
    Pull(Pull),
}

/// What the pull endpoint needs.
#[derive(Clone, Debug)]
pub(crate) struct Pull {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// Serves the status page.
    pub(crate) page: bool,
    /// What stands before it.
    pub(crate) protection: Protection,
}

/// What a pusher needs.
#[derive(Clone, Debug)]
pub(crate) struct Push {
    /// Where the gateway is, and how to get in.
    pub(crate) access: Access,
    /// The group.
    pub(crate) key: GroupingKey,
    /// The time between two pushes.
    pub(crate) interval: Duration,
    /// Whether the group is deleted at the stop.
    pub(crate) delete_on_exit: DeleteOnExit,
}

/// When a process deletes its group.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum DeleteOnExit {
    /// When it is stopped by a signal; the figures of one that ended by itself stay.
    Auto,
    /// At every stop.
    Always,
    /// At none.
    Never,
}

impl ProcessConfig {
    /// Asks instances for their metadata over TLS, as calls go.
    pub fn calling_over(&mut self, tls: Option<ConsumerTls>) {
        self.tls = tls;
    }

    /// Registers the one address that the process listens on, unless an option names another.
    pub fn listening_on(&mut self, ip: IpAddr) {
        self.advertised.listening_on(ip);
    }
}
