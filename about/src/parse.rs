//! From the process's arguments to what they mean.

use std::io::{self, Write};
use std::process;

use clap::builder::EnumValueParser;
use clap::{Arg, ArgMatches, Command, Parser};

use crate::generate::Form;

const GENERATE: &str = "generate";

/// Parses the process's arguments and environment. A wrong value, `--help`, `--version` and `--generate` end the process.
#[must_use]
pub fn parse<A: Parser>() -> A {
    let mut command = A::command();
    let mut matches = matches(&mut command);
    A::from_arg_matches_mut(&mut matches).unwrap_or_else(|err| err.format(&mut command).exit())
}

/// Does what [`parse`] does, for a command that is not derived alone.
#[must_use]
pub fn matches(command: &mut Command) -> ArgMatches {
    let mut parsing = command.clone().arg(
        Arg::new(GENERATE)
            .long(GENERATE)
            .value_name("FORM")
            .value_parser(EnumValueParser::<Form>::new())
            .hide(true)
            .help("Write the manual page or a shell's completions, and end"),
    );
    let matches = parsing.get_matches_mut();
    if let Some(form) = matches.get_one::<Form>(GENERATE) {
        let written = form
            .of(command.clone())
            .and_then(|text| io::stdout().write_all(&text));
        end(written);
    }
    matches
}

#[expect(clippy::exit, reason = "as clap does after --help and --version")]
fn end(written: io::Result<()>) -> ! {
    // Whoever reads no further has what it wanted.
    let failed = written.is_err_and(|err| err.kind() != io::ErrorKind::BrokenPipe);
    process::exit(i32::from(failed))
}
