//! From the process's arguments to what they mean.

use std::any::TypeId;
use std::env;
use std::io::{self, Write};
use std::process;

use clap::builder::EnumValueParser;
use clap::error::ErrorKind;
use clap::{Arg, ArgAction, ArgMatches, Command, Parser};

use crate::environment::without_empty;
use crate::generate::Form;

const GENERATE: &str = "generate";

/// Parses the process's arguments and environment, in which an empty variable is one that is not set. A wrong value, `--help`,
/// `--version` and `--generate` end the process.
#[must_use]
pub fn parse<A: Parser>() -> A {
    let mut command = A::command();
    let mut matches = matches(&mut command);
    A::from_arg_matches_mut(&mut matches).unwrap_or_else(|err| err.format(&mut command).exit())
}

/// Does what [`parse`] does, for a command that is not derived alone.
#[must_use]
pub fn matches(command: &mut Command) -> ArgMatches {
    *command = std::mem::take(command).mut_args(option);
    let parsing = command.clone().arg(
        Arg::new(GENERATE)
            .long(GENERATE)
            .value_name("FORM")
            .value_parser(EnumValueParser::<Form>::new())
            .hide(true)
            .help("Write the manual page or a shell's completions, and end"),
    );
    let matches = without_empty(parsing.clone(), |name| env::var_os(name))
        .try_get_matches()
        .unwrap_or_else(|error| match error.kind() {
            // The help names every variable, also those that are empty now.
            ErrorKind::DisplayHelp => parsing.get_matches(),
            _ => error.exit(),
        });
    if let Some(form) = matches.get_one::<Form>(GENERATE) {
        let written = form
            .of(command.clone())
            .and_then(|text| io::stdout().write_all(&text));
        end(written);
    }
    matches
}

/// Gives an option what all options have: no help and no manual page shows what the environment holds, and one that is true or
/// false (a [`BoolishValueParser`](clap::builder::BoolishValueParser)) is true when it stands without a value, `--quiet` as
/// `--quiet=true`.
#[must_use]
pub fn option(arg: Arg) -> Arg {
    let arg = arg.hide_env_values(true);
    let is_boolean = arg.get_value_parser().type_id() == TypeId::of::<bool>();
    if is_boolean && matches!(arg.get_action(), ArgAction::Set | ArgAction::SetTrue) {
        let arg = match arg.get_default_values() {
            // A flag is false when it is not given, though it names no default of its own.
            [] if matches!(arg.get_action(), ArgAction::SetTrue) => arg.default_value("false"),
            _ => arg,
        };
        arg.action(ArgAction::Set)
            .num_args(0..=1)
            .require_equals(true)
            .default_missing_value("true")
    } else {
        arg
    }
}

#[expect(clippy::exit, reason = "as clap does after --help and --version")]
fn end(written: io::Result<()>) -> ! {
    // A reader that stops here has what it wanted.
    let failed = written.is_err_and(|err| err.kind() != io::ErrorKind::BrokenPipe);
    process::exit(i32::from(failed))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::option;

    #[derive(Debug, Parser)]
    struct Args {
        #[arg(long)]
        flag: bool,
        #[arg(long, default_value = "true")]
        on: bool,
    }

    /// Returns what the options `flag` and `on` are with these arguments.
    fn parsed(arguments: &[&str]) -> (bool, bool) {
        let command = <Args as clap::CommandFactory>::command().mut_args(option);
        let matches = command.try_get_matches_from([&["program"], arguments].concat());
        let args = <Args as clap::FromArgMatches>::from_arg_matches(&matches.unwrap()).unwrap();
        (args.flag, args.on)
    }

    #[test]
    fn a_flag_is_false_until_it_is_given() {
        assert_eq!(parsed(&[]), (false, true));
        assert_eq!(parsed(&["--flag"]), (true, true));
        assert_eq!(parsed(&["--flag=false", "--on=false"]), (false, false));
    }
}
