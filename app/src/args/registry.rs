//! Options for reaching ZooKeeper.

use std::{path::PathBuf, time::Duration};

use clap::Args;
use clap::builder::{OsStringValueParser, PossibleValuesParser, TypedValueParser};
use dubbo_registry::NodeAccess;

use super::value;

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

fn node_access() -> impl TypedValueParser<Value = NodeAccess> {
    PossibleValuesParser::new(["private", "readable"]).try_map(|name| name.parse::<NodeAccess>())
}
