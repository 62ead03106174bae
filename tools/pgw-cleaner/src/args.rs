//! The command line, as it is typed.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{BoolishValueParser, OsStringValueParser, TypedValueParser as _};
use clap::{Parser, ValueEnum};
use guarded_http::ProtectionArgs;
use pushgateway::GatewayArgs;

use crate::deletion::Deletion;
use crate::exit;
use crate::select::Selection;
use crate::time;

/// Removes Pushgateway groups that no process pushes to any more.
///
/// A group goes when the Pushgateway's own record of its last push is older than the TTL by the Pushgateway's own clock,
/// and still is in a second reading right before its deletion. What was pushed as content plays no part.
///
/// Every option can be given in the environment, and an empty variable is one that is not set. Several values of one variable are
/// separated by commas (PGW_CLEANER_JOB_PREFIX) or line ends (PGW_CLEANER_INCLUDE, _EXCLUDE, _PROTECT). Of an option that is given
/// twice the later one counts, unless it is repeatable.
#[derive(Clone, Debug, Parser)]
#[command(version = about::VERSION, after_help = exit::HELP, args_override_self = true)]
#[command(mut_args(about::option))]
pub struct Args {
    /// Pushgateway and basic authentication.
    #[command(flatten)]
    pub gateway: GatewayArgs,

    /// File that holds a bearer token; read again for each request
    #[arg(long, env = "PGW_CLEANER_BEARER_TOKEN_FILE", value_name = "FILE", value_parser = OsStringValueParser::new().map(PathBuf::from), help_heading = "Pushgateway")]
    pub bearer_token_file: Option<PathBuf>,

    /// PEM file of a certificate to show to the Pushgateway
    #[arg(long, env = "PGW_CLEANER_CLIENT_CERT_FILE", value_name = "FILE", value_parser = OsStringValueParser::new().map(PathBuf::from), help_heading = "Pushgateway")]
    pub client_cert_file: Option<PathBuf>,

    /// PEM file of that certificate's private key
    #[arg(long, env = "PGW_CLEANER_CLIENT_KEY_FILE", value_name = "FILE", value_parser = OsStringValueParser::new().map(PathBuf::from), help_heading = "Pushgateway")]
    pub client_key_file: Option<PathBuf>,

    /// Accept any certificate: a host in between can read the password and forge the answers
    #[arg(long, env = "PGW_CLEANER_INSECURE", value_parser = BoolishValueParser::new(), default_value_t = false, value_name = "BOOL", help_heading = "Pushgateway")]
    pub insecure: bool,

    /// Deadline of each deletion
    #[arg(long, env = "PGW_CLEANER_TIMEOUT", default_value = "10s", value_parser = time::parse, value_name = "DURATION", help_heading = "Pushgateway")]
    pub timeout: Duration,

    /// Form of the report on stdout
    #[arg(
        long,
        env = "PGW_CLEANER_OUTPUT",
        default_value = "table",
        value_name = "FORM"
    )]
    pub output: Output,

    /// Which groups go.
    #[command(flatten)]
    pub selection: Selection,

    /// How they go.
    #[command(flatten)]
    pub deletion: Deletion,

    /// Go on for ever, one pass after the other
    #[arg(long, env = "PGW_CLEANER_DAEMON", value_parser = BoolishValueParser::new(), default_value_t = false, value_name = "BOOL", help_heading = "Daemon")]
    pub daemon: bool,

    /// Pause between two passes, a tenth more or less
    #[arg(long, env = "PGW_CLEANER_INTERVAL", default_value = "1m", value_parser = time::parse, value_name = "DURATION", help_heading = "Daemon")]
    pub interval: Duration,

    /// Where the daemon serves /metrics, /live and /ready
    #[arg(
        long,
        env = "PGW_CLEANER_METRICS_ADDR",
        default_value = "[::]:9105",
        value_name = "ADDRESS",
        help_heading = "Daemon"
    )]
    pub metrics_addr: SocketAddr,

    /// TLS and a login before what the daemon serves
    #[command(flatten)]
    pub protection: ProtectionArgs,
}

/// The form of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// A table of the groups that were to go, and a summary
    Table,
    /// One JSON object for each pass, on a line of its own
    Json,
}

#[cfg(test)]
mod tests;
