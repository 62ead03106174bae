//! What the program runs on, made of what was typed, in one place.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use guarded_http::{Protection, ProtectionError};
use pushgateway::{Access, ArgsError, Credentials, Gateway, Identity, Secret};

use crate::args::{Args, Output};
use crate::deletion::Deletion;
use crate::select::Selection;

/// What the program runs on.
#[derive(Clone, Debug)]
pub struct Config {
    /// The gateway.
    pub gateway: Gateway,
    /// Whether any certificate is accepted over TLS.
    pub insecure: bool,
    /// Which groups are to go.
    pub selection: Selection,
    /// How they go.
    pub deletion: Deletion,
    /// Whether and how to go on after the first pass.
    pub daemon: Option<Daemon>,
    /// The form of the report.
    pub output: Output,
}

/// How the daemon runs.
#[derive(Clone, Debug)]
pub struct Daemon {
    /// The pause between two passes.
    pub interval: Duration,
    /// Where metrics and probes are served.
    pub metrics_addr: SocketAddr,
    /// What stands before the metrics.
    pub protection: Protection,
}

/// Why the options cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The gateway's own options contradict each other.
    #[error(transparent)]
    Gateway(#[from] ArgsError),
    /// A user and a token.
    #[error("basic authentication and --bearer-token-file are both set: keep one of them")]
    TwoCredentials,
    /// A file cannot be read or used.
    #[error(transparent)]
    Access(#[from] pushgateway::Error),
    /// A file cannot be read, or half of a certificate is missing.
    #[error(transparent)]
    Credentials(#[from] credentials::Error),
    /// The options of the endpoint contradict each other.
    #[error(transparent)]
    Protection(#[from] ProtectionError),
}

impl TryFrom<Args> for Config {
    type Error = ConfigError;

    fn try_from(args: Args) -> Result<Self, ConfigError> {
        let Args {
            gateway,
            bearer_token_file,
            client_cert_file,
            client_key_file,
            insecure,
            timeout,
            mut selection,
            deletion,
            daemon,
            interval,
            metrics_addr,
            protection,
            output,
        } = args;
        let mut access = gateway.access()?;
        access.timeout = timeout;
        access.tls.insecure = insecure;
        let identity_options = ["--client-cert-file", "--client-key-file"];
        access.tls.identity = Identity::given(client_cert_file, client_key_file, identity_options)?;
        if let Some(path) = bearer_token_file.filter(|path| !path.as_os_str().is_empty()) {
            access.credentials = bearer(&access, &path)?;
        }
        // Lists in the environment often end with an empty line, and an empty pattern would match everything.
        for patterns in [&mut selection.include, &mut selection.exclude] {
            patterns.retain(|pattern| !pattern.as_str().is_empty());
        }
        Ok(Self {
            gateway: Gateway::new(&access)?,
            insecure,
            selection,
            deletion,
            daemon: if daemon {
                Some(Daemon {
                    interval,
                    metrics_addr,
                    protection: protection.protection()?,
                })
            } else {
                None
            },
            output,
        })
    }
}

fn bearer(access: &Access, path: &Path) -> Result<Credentials, ConfigError> {
    if !matches!(access.credentials, Credentials::None) {
        return Err(ConfigError::TwoCredentials);
    }
    Ok(Credentials::Bearer(Secret::file(path)?))
}
