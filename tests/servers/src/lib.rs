//! Real servers for tests, each on a free port of 127.0.0.1 and in a folder of its own.
//!
//! [`ZooKeeper`], [`Pushgateway`] and [`Prometheus`] run the programs of the Debian packages; [`Process`] runs one of our own
//! binaries and keeps what it prints; [`TcpProxy`] stands between two of them and misbehaves on request. Every child ends with the
//! value that started it, and with the thread that started it (`setpriv --pdeathsig`): start servers in the test itself, not in a
//! helper thread that ends earlier. A [`Folder`] goes in the same two ways, and a [`CleanupIfKilled`] ends what the kernel does not, so that a
//! test that is killed leaves nothing behind.
//!
//! [`fuzz`] feeds damaged input to what reads bytes of others. [`Sample`], [`Ephemerals`] and [`Usage`] read what all of these say and hold.
//!
//! This crate is for tests only: what goes wrong in it is a panic that says what to look at.

mod authority;
mod child;
mod cleanup;
mod daemon;
mod ensemble;
mod ephemerals;
mod eventually;
mod folder;
mod fuzz;
mod go;
mod http;
mod port;
mod process;
mod prometheus;
mod proxy;
mod pushgateway;
mod refusing;
mod regression;
mod sample;
mod usage;
mod wrapped;
mod zookeeper;

pub use authority::{Authority, Issued};
pub use child::find;
pub use cleanup::CleanupIfKilled;
pub use ensemble::Ensemble;
pub use ephemerals::Ephemerals;
pub use eventually::{LONG, Probe, eventually};
pub use folder::Folder;
pub use fuzz::fuzz;
pub use go::{go_build, target_folder};
pub use http::{Response, get, post};
pub use port::free_port;
pub use process::Process;
pub use prometheus::{Prometheus, PrometheusVersion, Target, prometheus_pull};
pub use proxy::TcpProxy;
pub use pushgateway::Pushgateway;
pub use refusing::refusing;
pub use regression::Regression;
pub use sample::Sample;
pub use usage::Usage;
pub use wrapped::wrapped;
pub use zookeeper::{Settings as ZooKeeperSettings, ZooKeeper};
