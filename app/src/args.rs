//! The command line that server and client share: what was typed, and the checked configuration it becomes.

mod export;
mod measure;
mod process;
mod registry;
pub mod value;

pub(crate) use export::ExportArgs;
pub use measure::MeasureArgs;
pub use process::{Defaults, ProcessArgs};
pub(crate) use registry::RegistryArgs;

use clap::{CommandFactory, FromArgMatches, error::ErrorKind};

/// A program's command line, and what it is turned into.
pub trait CommandLine: CommandFactory + FromArgMatches {
    /// What the program runs on: real types, checked.
    type Config;

    /// The defaults in which this program differs from its siblings.
    const DEFAULTS: Defaults;

    /// Checks what a single option's parser cannot, and reads the files that options name.
    ///
    /// # Errors
    ///
    /// When a value cannot be used; the message names the option.
    fn into_config(self) -> anyhow::Result<Self::Config>;
}

/// Parses the process's arguments and environment. A wrong value ends the process: clap's message on stderr, exit code 2.
#[must_use]
pub fn parse<A: CommandLine>() -> A::Config {
    let mut command = command::<A>();
    let mut matches = about::matches(&mut command);
    A::from_arg_matches_mut(&mut matches)
        .and_then(|args| {
            args.into_config()
                .map_err(|err| command.error(ErrorKind::ValueValidation, format!("{err:#}")))
        })
        .unwrap_or_else(|err| err.exit())
}

/// Returns the whole command of a program: its options with their defaults, and no value of the environment in its help.
#[must_use]
pub fn command<A: CommandLine>() -> clap::Command {
    let Defaults {
        application,
        job_name,
        metrics_addr,
    } = A::DEFAULTS;
    A::command()
        .mut_arg("application", |arg| arg.default_value(application))
        .mut_arg("job_name", |arg| arg.default_value(job_name))
        .mut_arg("metrics_addr", |arg| arg.default_value(metrics_addr))
        .mut_args(about::option)
        // The last of several wins, so that a script's options can be added to.
        .args_override_self(true)
        .after_help(AFTER_HELP)
}

const AFTER_HELP: &str = "\
Secrets are read from the environment or from files only:
  ZK_AUTH           ZooKeeper's credentials, scheme:credentials, such as digest:user:password
  PUSHGATEWAY_PASS  the Pushgateway's password
  METRICS_PASS      the password that the pull endpoint asks for
RUST_LOG sets what is logged, such as debug or info,triple=debug [default: info]

Exit codes: 0 done, or stopped by a signal; 1 a failure at work; 2 a wrong option";

#[cfg(test)]
mod tests;
