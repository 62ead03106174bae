//! The command line, as it is typed.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{BoolishValueParser, OsStringValueParser, TypedValueParser as _};
use clap::{ArgAction, Parser, ValueEnum};
use guarded_http::GuardArgs;
use pushgateway::GatewayArgs;
use regex::Regex;

use crate::exit;
use crate::select::{JobPrefix, LabelValue};
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
#[command(mut_args(|arg| arg.hide_env_values(true)))]
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
    #[arg(long, env = "PGW_CLEANER_INSECURE", action = ArgAction::Set, value_parser = BoolishValueParser::new(), num_args = 0..=1, require_equals = true, default_value_t = false, default_missing_value = "true", value_name = "BOOL", help_heading = "Pushgateway")]
    pub insecure: bool,

    /// Deadline of each deletion
    #[arg(long, env = "PGW_CLEANER_TIMEOUT", default_value = "10s", value_parser = time::parse, value_name = "DURATION", help_heading = "Pushgateway")]
    pub timeout: Duration,

    /// Deadline of each reading of all groups
    #[arg(long, env = "PGW_CLEANER_LIST_TIMEOUT", default_value = "30s", value_parser = time::parse, value_name = "DURATION", help_heading = "Pushgateway")]
    pub list_timeout: Duration,

    /// How long a group that is to go had no push: 90s, 10m, 1h 30m, or a number of seconds
    #[arg(long, env = "PGW_CLEANER_TTL", default_value = "10m", value_parser = time::parse, value_name = "DURATION", help_heading = "Selection")]
    pub ttl: Duration,

    /// How the job of a group that is to go begins; repeatable; * is for every job
    #[arg(long, env = "PGW_CLEANER_JOB_PREFIX", default_values = ["dubbo_", "dubbo-"], value_delimiter = ',', value_name = "PREFIX", help_heading = "Selection")]
    pub job_prefix: Vec<JobPrefix>,

    /// Only groups of which some label=value matches; repeatable; ^ and $ stand for its ends
    #[arg(
        long,
        env = "PGW_CLEANER_INCLUDE",
        value_delimiter = '\n',
        value_name = "REGEX",
        help_heading = "Selection"
    )]
    pub include: Vec<Regex>,

    /// Only groups of which no label=value matches; repeatable
    #[arg(
        long,
        env = "PGW_CLEANER_EXCLUDE",
        value_delimiter = '\n',
        value_name = "REGEX",
        help_heading = "Selection"
    )]
    pub exclude: Vec<Regex>,

    /// Never a group with exactly this label; repeatable
    #[arg(
        long,
        env = "PGW_CLEANER_PROTECT",
        value_delimiter = '\n',
        value_name = "LABEL=VALUE",
        help_heading = "Selection"
    )]
    pub protect: Vec<LabelValue>,

    /// Grouping label whose value is the group's own TTL
    #[arg(
        long,
        env = "PGW_CLEANER_TTL_LABEL",
        value_name = "LABEL",
        help_heading = "Selection"
    )]
    pub ttl_label: Option<String>,

    /// Say what would go, and delete nothing
    #[arg(long, env = "PGW_CLEANER_DRY_RUN", action = ArgAction::Set, value_parser = BoolishValueParser::new(), num_args = 0..=1, require_equals = true, default_value_t = false, default_missing_value = "true", value_name = "BOOL", help_heading = "Deletion")]
    pub dry_run: bool,

    /// Read all groups once more at the end, and see that what was deleted is gone
    #[arg(long, env = "PGW_CLEANER_VERIFY", action = ArgAction::Set, value_parser = BoolishValueParser::new(), num_args = 0..=1, require_equals = true, default_value_t = true, default_missing_value = "true", value_name = "BOOL", help_heading = "Deletion")]
    pub verify: bool,

    /// Delete nothing at all when more groups than this would go
    #[arg(long, env = "PGW_CLEANER_MAX_DELETES", default_value = "unlimited", value_parser = parse_limit, value_name = "N|unlimited", help_heading = "Deletion")]
    pub max_deletes: Limit,

    /// Deletions under way at the same time
    #[arg(long, env = "PGW_CLEANER_WORKERS", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=256), value_name = "N", help_heading = "Deletion")]
    pub workers: u16,

    /// Deletions after one reading, at most
    #[arg(long, env = "PGW_CLEANER_BATCH_SIZE", default_value_t = 5000, value_parser = clap::value_parser!(u32).range(1..), value_name = "N", help_heading = "Deletion")]
    pub batch_size: u32,

    /// Time after a reading in which deletions may begin that rest on it
    #[arg(long, env = "PGW_CLEANER_MAX_WINDOW", default_value = "2s", value_parser = time::parse, value_name = "DURATION", help_heading = "Deletion")]
    pub max_window: Duration,

    /// Go on for ever, one pass after the other
    #[arg(long, env = "PGW_CLEANER_DAEMON", action = ArgAction::Set, value_parser = BoolishValueParser::new(), num_args = 0..=1, require_equals = true, default_value_t = false, default_missing_value = "true", value_name = "BOOL", help_heading = "Daemon")]
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
    pub guard: GuardArgs,

    /// Form of the report on stdout
    #[arg(
        long,
        env = "PGW_CLEANER_OUTPUT",
        default_value = "table",
        value_name = "FORM"
    )]
    pub output: Output,
}

/// The form of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// A table of the groups that were to go, and a summary
    Table,
    /// One JSON object for each pass, on a line of its own
    Json,
}

/// How many deletions are a sign of something wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit(pub Option<usize>);

fn parse_limit(text: &str) -> Result<Limit, String> {
    match text {
        "unlimited" => Ok(Limit(None)),
        number => match number.parse() {
            Ok(number) => Ok(Limit(Some(number))),
            Err(_) => Err("write a number, or unlimited".into()),
        },
    }
}

#[cfg(test)]
mod tests;
