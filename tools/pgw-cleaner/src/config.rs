//! What the program runs on, made of what was typed, in one place.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

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
    /// Half of a certificate.
    #[error("--client-cert-file and --client-key-file belong together: set both")]
    HalfAnIdentity,
    /// A file cannot be read or used.
    #[error(transparent)]
    Access(#[from] pushgateway::Error),
    /// The token's file cannot be read.
    #[error("cannot read the token's file {}", path.display())]
    TokenFile {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
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
            output,
        } = args;
        let mut access = gateway.access()?;
        access.timeout = timeout;
        access.tls.insecure = insecure;
        access.tls.identity = identity(given(client_cert_file), given(client_key_file))?;
        if let Some(path) = given(bearer_token_file) {
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
            daemon: daemon.then_some(Daemon {
                interval,
                metrics_addr,
            }),
            output,
        })
    }
}

/// Takes an empty path for none, as an unset variable may look like it.
fn given(path: Option<PathBuf>) -> Option<PathBuf> {
    path.filter(|path| !path.as_os_str().is_empty())
}

/// Leaves out empty patterns, which would match everything: lists in the environment often end with an empty line.
fn patterns(mut patterns: Vec<Regex>) -> Vec<Regex> {
    patterns.retain(|pattern| !pattern.as_str().is_empty());
    patterns
}

fn identity(
    cert_file: Option<PathBuf>,
    key_file: Option<PathBuf>,
) -> Result<Option<Identity>, ConfigError> {
    match (cert_file, key_file) {
        (Some(cert_file), Some(key_file)) => Ok(Some(Identity {
            cert_file,
            key_file,
        })),
        (None, None) => Ok(None),
        _ => Err(ConfigError::HalfAnIdentity),
    }
}

fn bearer(access: &Access, path: &Path) -> Result<Credentials, ConfigError> {
    if !matches!(access.credentials, Credentials::None) {
        return Err(ConfigError::TwoCredentials);
    }
    match std::fs::read_to_string(path) {
        Ok(_) => Ok(Credentials::Bearer(Secret::file(path))),
        Err(source) => Err(ConfigError::TokenFile {
            path: path.to_owned(),
            source,
        }),
    }
}
