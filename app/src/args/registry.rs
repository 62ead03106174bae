//! Options for reaching ZooKeeper.

use std::{path::PathBuf, time::Duration};

use anyhow::{Context as _, bail};
use clap::Args;
use clap::builder::{OsStringValueParser, PossibleValuesParser, TypedValueParser};
use credentials::{Authorities, ClientTls, Identity, Secret, SecretSource};
use dubbo_registry::{Auth, NodeAccess, ZooKeeperConfig};

use super::value;

/// Where ZooKeeper's credentials come from; no option carries them, since options are visible to others.
const ZK_AUTH: SecretSource = SecretSource {
    variable: "ZK_AUTH",
    option: "--zk-auth-file",
};

/// What was typed about the registry.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Registry")]
pub(crate) struct RegistryArgs {
    /// ZooKeeper's hosts, separated by commas, with an optional chroot at the end.
    #[arg(
        long,
        env,
        value_name = "HOST:PORT[,…][/CHROOT]",
        default_value = "127.0.0.1:2181"
    )]
    pub(crate) zk_address: String,

    /// File that holds ZooKeeper's credentials as scheme:credentials, instead of ZK_AUTH.
    #[arg(long, env, value_name = "FILE")]
    pub(crate) zk_auth_file: Option<PathBuf>,

    /// Who may read the nodes of a process with credentials: those with the same ones (private), or everyone (readable).
    #[arg(long, env, value_name = "ACCESS", default_value = "private", value_parser = node_access())]
    pub(crate) zk_access: NodeAccess,

    /// PEM file of the authority that ZooKeeper's certificate must come from: TLS is spoken with it then, and nothing else.
    #[arg(long, env, value_name = "FILE", value_parser = OsStringValueParser::new().map(PathBuf::from))]
    pub(crate) zk_tls_ca: Option<PathBuf>,

    /// PEM file of the certificate that is shown to ZooKeeper.
    #[arg(long, env, value_name = "FILE", value_parser = OsStringValueParser::new().map(PathBuf::from))]
    pub(crate) zk_tls_cert: Option<PathBuf>,

    /// PEM file of that certificate's private key.
    #[arg(long, env, value_name = "FILE", value_parser = OsStringValueParser::new().map(PathBuf::from))]
    pub(crate) zk_tls_key: Option<PathBuf>,

    /// How long ZooKeeper keeps our nodes after it has heard nothing of us.
    #[arg(long, env, value_name = "DURATION", default_value = "10s", value_parser = value::positive_duration)]
    pub(crate) zk_session_timeout: Duration,

    /// The IP address that is registered for others to connect to [default: the first private IPv4 address, else another
    /// of this host]
    #[arg(long, env = "DUBBO_IP_TO_REGISTRY", value_name = "IP", value_parser = value::reachable_ip)]
    pub(crate) advertise_ip: Option<std::net::IpAddr>,
}

impl RegistryArgs {
    /// Checks what a single option's parser cannot, and reads the files that options name.
    pub(super) fn into_config(self) -> anyhow::Result<ZooKeeperConfig> {
        let mut zookeeper = ZooKeeperConfig::new(self.zk_address);
        zookeeper.session_timeout = self.zk_session_timeout;
        zookeeper.auth = zookeeper_auth(ZK_AUTH.find(self.zk_auth_file.as_deref())?)?;
        zookeeper.access = self.zk_access;
        zookeeper.tls = zookeeper_tls(self.zk_tls_ca, self.zk_tls_cert, self.zk_tls_key)?;
        zookeeper.check().context("--zk-address")?;
        Ok(zookeeper)
    }
}

fn node_access() -> impl TypedValueParser<Value = NodeAccess> {
    PossibleValuesParser::new(["private", "readable"]).try_map(|name| name.parse::<NodeAccess>())
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
