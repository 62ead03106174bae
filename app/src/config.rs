//! What a process runs on: the command line, checked and in real types.

use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use anyhow::{Context as _, bail};
use credentials::{Authorities, ClientTls, Identity, Secret, SecretSource};
use dubbo_registry::{Auth, ZooKeeperConfig};
use guarded_http::Protection;
use pushgateway::{Access, GroupingKey};
use triple::{ConsumerTls, Shape};

use crate::{
    address::Advertised,
    args::{ExportArgs, ProcessArgs, RegistryArgs},
    instance,
    measure::Measuring,
};

/// Where ZooKeeper's credentials come from; no option carries them, since options are visible to others.
const ZK_AUTH: SecretSource = SecretSource {
    variable: "ZK_AUTH",
    option: "--zk-auth-file",
};

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

impl ProcessArgs {
    /// Checks what a single option's parser cannot, and reads the files that options name.
    ///
    /// # Errors
    ///
    /// When a value cannot be used; the message names the option.
    pub fn into_config(self) -> anyhow::Result<ProcessConfig> {
        let Self {
            registry:
                RegistryArgs {
                    zk_address,
                    zk_auth_file,
                    zk_access,
                    zk_tls_ca,
                    zk_tls_cert,
                    zk_tls_key,
                    zk_session_timeout,
                    advertise_ip,
                },
            export,
            application,
            probe_addr,
            runtime,
            quiet,
        } = self;
        let mut zookeeper = ZooKeeperConfig::new(zk_address);
        zookeeper.session_timeout = zk_session_timeout;
        zookeeper.auth = zookeeper_auth(ZK_AUTH.find(zk_auth_file.as_deref())?)?;
        zookeeper.access = zk_access;
        zookeeper.tls = zookeeper_tls(zk_tls_ca, zk_tls_cert, zk_tls_key)?;
        zookeeper.check().context("--zk-address")?;
        Ok(ProcessConfig {
            application,
            advertised: Advertised::of(advertise_ip),
            zookeeper,
            measure: export.into_measure()?,
            tls: None,
            probe_addr,
            runtime,
            quiet,
        })
    }
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

impl ExportArgs {
    fn into_measure(self) -> anyhow::Result<Option<Measure>> {
        let Self {
            push,
            gateway,
            job_name,
            instance,
            push_interval,
            delete_on_exit,
            metrics,
            metrics_addr,
            no_page,
            protection,
            measure,
        } = self;
        let measuring = measure.into_measuring()?;
        if !metrics {
            return Ok(None);
        }
        let export = if push {
            let instance = instance.unwrap_or_else(instance::name);
            Export::Push(Box::new(Push {
                access: gateway.access()?,
                key: GroupingKey::new(job_name).with("instance", instance),
                interval: push_interval,
                delete_on_exit,
            }))
        } else {
            Export::Pull(Pull {
                address: metrics_addr,
                page: !no_page,
                protection: protection.protection()?,
            })
        };
        Ok(Some(Measure { measuring, export }))
    }
}

fn zookeeper_tls(
    ca_file: Option<PathBuf>,
    cert_file: Option<PathBuf>,
    key_file: Option<PathBuf>,
) -> anyhow::Result<Option<ClientTls>> {
    let identity = Identity::given(cert_file, key_file, ["--zk-tls-cert", "--zk-tls-key"])?;
    let Some(ca_file) = ca_file.filter(|path| !path.as_os_str().is_empty()) else {
        if identity.is_some() {
            bail!("--zk-tls-cert and --zk-tls-key take TLS: set --zk-tls-ca");
        }
        return Ok(None);
    };
    if cfg!(not(target_os = "linux")) {
        bail!("--zk-tls-ca works on Linux only");
    }
    ClientTls::new(Authorities::File(ca_file), identity, &[])
        .map(Some)
        .context("--zk-tls-ca, --zk-tls-cert and --zk-tls-key")
}

fn zookeeper_auth(given: Option<Secret>) -> anyhow::Result<Option<Auth>> {
    given
        .map(|secret| {
            let auth = secret.read_now()?.parse();
            auth.with_context(|| format!("{} or {}", ZK_AUTH.variable, ZK_AUTH.option))
        })
        .transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_read_when_there_are_some() {
        assert!(zookeeper_auth(None).unwrap().is_none());
        let auth = zookeeper_auth(Some(Secret::text("digest:user:secret"))).unwrap();
        assert!(auth.is_some());
    }

    #[test]
    fn wrong_credentials_are_refused_and_not_repeated() {
        for text in ["hunter2", "digest:hunter2"] {
            let err = zookeeper_auth(Some(Secret::text(text))).unwrap_err();
            let shown = format!("{err:#} {err:?}");
            assert!(shown.contains("ZK_AUTH or --zk-auth-file"), "{shown}");
            assert!(!shown.contains("hunter2"), "{shown}");
        }
    }
}
