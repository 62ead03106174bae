//! What a process runs on: the command line, checked and in real types.

use std::{
    env, fs,
    net::{IpAddr, SocketAddr},
    path::Path,
    time::Duration,
};

use anyhow::{Context as _, bail};
use dubbo_registry::{Auth, ZooKeeperConfig};
use metrics_core::WINDOW_RANGE;
use pushgateway::{Access, GroupingKey};
use triple::Shape;

use crate::{
    address,
    args::{ExportArgs, ProcessArgs, RegistryArgs},
    instance,
};

/// The environment variable that carries ZooKeeper's credentials; no option does, since options are visible to others.
const ZK_AUTH: &str = "ZK_AUTH";

/// What every process of the sample needs.
#[derive(Clone, Debug)]
pub struct ProcessConfig {
    /// The application's name.
    pub application: String,
    /// The address that is registered.
    pub advertise_ip: IpAddr,
    /// How ZooKeeper is reached.
    pub zookeeper: ZooKeeperConfig,
    /// What is measured; nothing if none.
    pub measure: Option<Measure>,
    /// Where probes are answered.
    pub probe_addr: Option<SocketAddr>,
    /// The threads that serve calls.
    pub runtime: Shape,
    /// Writes no line for each call.
    pub quiet: bool,
}

/// How calls are measured, and how the figures leave the process.
#[derive(Clone, Debug)]
pub struct Measure {
    /// The sliding window.
    pub window: Duration,
    /// The one way out.
    pub export: Export,
}

/// How figures leave the process: strictly one of two.
#[derive(Clone, Debug)]
pub enum Export {
    /// Pushed to a Pushgateway.
    Push(Box<Push>),
    /// Served for Prometheus to scrape.
    Pull(Pull),
}

/// What the pull endpoint needs.
#[derive(Clone, Debug)]
pub struct Pull {
    /// Where it listens.
    pub address: SocketAddr,
    /// Serves the page to watch.
    pub page: bool,
}

/// What a pusher needs.
#[derive(Clone, Debug)]
pub struct Push {
    /// Where the gateway is, and how to get in.
    pub access: Access,
    /// The group.
    pub key: GroupingKey,
    /// The time between two pushes.
    pub interval: Duration,
    /// Deletes the group at the stop.
    pub delete_on_exit: bool,
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
        zookeeper.auth = credentials(env::var(ZK_AUTH).ok(), zk_auth_file.as_deref())?;
        zookeeper.check().context("--zk-address")?;
        Ok(ProcessConfig {
            application,
            advertise_ip: advertise_ip.unwrap_or_else(address::advertised),
            zookeeper,
            measure: export.into_measure()?,
            probe_addr,
            runtime,
            quiet,
        })
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
            metrics_window,
        } = self;
        if !WINDOW_RANGE.contains(&metrics_window) {
            bail!(
                "--metrics-window: {} is outside {} to {}",
                humantime::format_duration(metrics_window),
                humantime::format_duration(*WINDOW_RANGE.start()),
                humantime::format_duration(*WINDOW_RANGE.end()),
            );
        }
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
            })
        };
        Ok(Some(Measure {
            window: metrics_window,
            export,
        }))
    }
}

/// Reads ZooKeeper's credentials; empty ones count as not given.
fn credentials(variable: Option<String>, file: Option<&Path>) -> anyhow::Result<Option<Auth>> {
    let variable = variable.filter(|text| !text.is_empty());
    let file = file.filter(|path| !path.as_os_str().is_empty());
    let (source, text) = match (variable, file) {
        (Some(_), Some(_)) => bail!("{ZK_AUTH} and --zk-auth-file are both set: keep one of them"),
        (Some(text), None) => (ZK_AUTH, text),
        (None, Some(path)) => {
            let text = fs::read_to_string(path)
                .with_context(|| format!("--zk-auth-file: cannot read {}", path.display()))?;
            ("--zk-auth-file", text)
        }
        (None, None) => return Ok(None),
    };
    let auth = text.parse().context(source)?;
    Ok(Some(auth))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_come_from_the_variable_or_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("auth");
        fs::write(&file, "digest:user:secret\n").unwrap();
        assert!(credentials(None, None).unwrap().is_none());
        assert!(
            credentials(Some(String::new()), Some(Path::new("")))
                .unwrap()
                .is_none()
        );
        let variable = credentials(Some("digest:user:secret".to_owned()), None).unwrap();
        assert!(variable.is_some());
        assert_eq!(credentials(None, Some(&file)).unwrap(), variable);
    }

    #[test]
    fn wrong_credentials_are_refused_and_not_repeated() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("auth");
        fs::write(&file, "hunter2").unwrap();
        for (variable, file) in [
            (Some("hunter2"), None),
            (Some("digest:hunter2"), None),
            (None, Some(file.as_path())),
            (None, Some(Path::new("/no/such/file"))),
            (Some("digest:user:hunter2"), Some(file.as_path())),
        ] {
            let err = credentials(variable.map(str::to_owned), file).unwrap_err();
            assert!(!format!("{err:#} {err:?}").contains("hunter2"), "{err:#}");
        }
    }
}
