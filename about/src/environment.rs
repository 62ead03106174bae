//! The environment's part of a command line: an empty variable is one that is not set.

use std::ffi::{OsStr, OsString};

use clap::Command;
use clap::builder::Resettable;

/// Returns the command with the variables left out that are empty now.
///
/// Compose files and manifests leave variables empty all the time, and clap takes an empty variable for a value.
pub(crate) fn without_empty(
    command: Command,
    environment: impl Fn(&OsStr) -> Option<OsString>,
) -> Command {
    let empty = |name: &OsStr| environment(name).is_some_and(|value| value.is_empty());
    command.mut_args(|arg| match arg.get_env() {
        Some(name) if empty(name) => arg.env(Resettable::Reset),
        _ => arg,
    })
}

#[cfg(test)]
mod tests {
    use clap::Arg;

    use super::*;

    /// `CARGO_PKG_NAME` is a variable that is set here; the environment of the test says what it is taken to be.
    fn kept(value: &str) -> bool {
        let command = Command::new("program").arg(
            Arg::new("name")
                .long("name")
                .env("CARGO_PKG_NAME")
                .default_value("none"),
        );
        let value = OsString::from(value);
        let command = without_empty(command, |_| Some(value.clone()));
        let variable = command.get_arguments().next().unwrap().get_env();
        variable.is_some()
    }

    #[test]
    fn an_empty_variable_is_left_out_and_any_other_is_kept() {
        assert!(!kept(""));
        assert!(kept("a"));
        assert!(kept(" "));
    }

    #[test]
    fn an_argument_without_a_variable_stays_as_it_is() {
        let command = Command::new("program").arg(Arg::new("name").long("name"));
        let command = without_empty(command, |_| Some(OsString::new()));
        assert_eq!(command.get_arguments().count(), 1);
    }
}
