//! What the program runs on, made of what was typed, in one place.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use guarded_http::{Guard, GuardError};
use pushgateway::{Access, ArgsError, Credentials, Gateway, Identity, Secret};
use regex::Regex;

use crate::args::{Args, Limit, Output};
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

/// How groups are deleted.
#[derive(Clone, Debug)]
pub struct Deletion {
    /// Whether nothing is deleted.
    pub dry_run: bool,
    /// Whether all groups are read once more at the end.
    pub verify: bool,
    /// How many selected groups are a reason to delete none.
    pub max_deletes: Option<usize>,
    /// Deletions under way at the same time.
    pub workers: usize,
    /// Deletions after one reading, at most.
    pub batch_size: usize,
    /// Time after a reading in which deletions may begin that rest on it.
    pub max_window: Duration,
    /// Deadline of each reading.
    pub list_timeout: Duration,
}

/// How the daemon runs.
#[derive(Clone, Debug)]
pub struct Daemon {
    /// The pause between two passes.
    pub interval: Duration,
    /// Where metrics and probes are served.
    pub metrics_addr: SocketAddr,
    /// What stands before the metrics.
    pub guard: Guard,
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
    Guard(#[from] GuardError),
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
            list_timeout,
            ttl,
            job_prefix,
            include,
            exclude,
            protect,
            ttl_label,
            dry_run,
            verify,
            max_deletes: Limit(max_deletes),
            workers,
            batch_size,
            max_window,
            daemon,
            interval,
            metrics_addr,
            guard,
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
        Ok(Self {
            gateway: Gateway::new(&access)?,
            insecure,
            selection: Selection {
                ttl,
                job_prefixes: job_prefix,
                include: patterns(include),
                exclude: patterns(exclude),
                protect,
                ttl_label: ttl_label.filter(|label| !label.is_empty()),
            },
            deletion: Deletion {
                dry_run,
                verify,
                max_deletes,
                workers: workers.into(),
                batch_size: usize::try_from(batch_size).unwrap_or(usize::MAX),
                max_window,
                list_timeout,
            },
            daemon: if daemon {
                Some(Daemon {
                    interval,
                    metrics_addr,
                    guard: guard.guard()?,
                })
            } else {
                None
            },
            output,
        })
    }
}

/// Leaves out empty patterns, which would match everything: lists in the environment often end with an empty line.
fn patterns(mut patterns: Vec<Regex>) -> Vec<Regex> {
    patterns.retain(|pattern| !pattern.as_str().is_empty());
    patterns
}

fn bearer(access: &Access, path: &Path) -> Result<Credentials, ConfigError> {
    if !matches!(access.credentials, Credentials::None) {
        return Err(ConfigError::TwoCredentials);
    }
    Ok(Credentials::Bearer(Secret::file(path)?))
}
