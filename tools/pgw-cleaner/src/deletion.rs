//! How groups are deleted, as it is typed.

use std::str::FromStr;
use std::time::Duration;

use clap::builder::BoolishValueParser;

use crate::time;

/// How groups are deleted.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Deletion")]
pub struct Deletion {
    /// Deadline of each reading of all groups
    #[arg(long, env = "PGW_CLEANER_LIST_TIMEOUT", default_value = "30s", value_parser = time::parse, value_name = "DURATION", help_heading = "Pushgateway")]
    pub list_timeout: Duration,

    /// Say what would go, and delete nothing
    #[arg(long, env = "PGW_CLEANER_DRY_RUN", value_parser = BoolishValueParser::new(), default_value_t = false, value_name = "BOOL")]
    pub dry_run: bool,

    /// Read all groups once more at the end, and see that what was deleted is gone
    #[arg(long, env = "PGW_CLEANER_VERIFY", value_parser = BoolishValueParser::new(), default_value_t = true, value_name = "BOOL")]
    pub verify: bool,

    /// Delete nothing at all when more groups than this would go
    #[arg(
        long,
        env = "PGW_CLEANER_MAX_DELETES",
        default_value = "unlimited",
        value_name = "N|unlimited"
    )]
    pub max_deletes: Limit,

    /// Deletions under way at the same time
    #[arg(long, env = "PGW_CLEANER_WORKERS", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=256), value_name = "N")]
    pub workers: u16,

    /// Deletions after one reading, at most
    #[arg(long, env = "PGW_CLEANER_BATCH_SIZE", default_value_t = 5000, value_parser = clap::value_parser!(u32).range(1..), value_name = "N")]
    pub batch_size: u32,

    /// Time after a reading in which deletions may begin that rest on it
    #[arg(long, env = "PGW_CLEANER_MAX_WINDOW", default_value = "2s", value_parser = time::parse, value_name = "DURATION")]
    pub max_window: Duration,
}

/// How many deletions are a sign of something wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit(pub Option<usize>);

impl FromStr for Limit {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "unlimited" => Ok(Self(None)),
            number => match number.parse() {
                Ok(number) => Ok(Self(Some(number))),
                Err(_) => Err("write a number, or unlimited"),
            },
        }
    }
}
