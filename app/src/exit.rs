//! How a process ends: its exit codes but for clap's own, 2 for a wrong option, and the one line it says about a failure.

use std::{
    io::{self, Write},
    process::ExitCode,
};

/// The work is done, or a signal asked for the stop.
const DONE: u8 = 0;
/// A failure at work; one line on stderr tells which.
const FAILED: u8 = 1;

/// Turns the outcome of a run into an exit code, and tells stderr about a failure.
#[must_use]
pub fn code(outcome: &anyhow::Result<()>) -> ExitCode {
    ExitCode::from(report(outcome, &mut io::stderr()))
}

fn report(outcome: &anyhow::Result<()>, stderr: &mut impl Write) -> u8 {
    match outcome {
        Ok(()) => DONE,
        Err(err) => {
            let line = format!("error: {err:#}").replace('\n', " ");
            // When stderr itself is closed the line cannot be written anywhere.
            let _ = writeln!(stderr, "{line}");
            FAILED
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context as _;

    fn told(outcome: anyhow::Result<()>) -> (u8, String) {
        let mut stderr = Vec::new();
        let code = report(&outcome, &mut stderr);
        (code, String::from_utf8(stderr).unwrap())
    }

    #[test]
    fn success_is_silent() {
        assert_eq!(told(Ok(())), (0, String::new()));
    }

    #[test]
    fn a_failure_is_one_line_with_its_causes() {
        let outcome = Err(anyhow::anyhow!("address in use\n(os error 98)"))
            .context("cannot listen on 127.0.0.1:20000");
        assert_eq!(
            told(outcome),
            (
                1,
                "error: cannot listen on 127.0.0.1:20000: address in use (os error 98)\n"
                    .to_owned()
            )
        );
    }
}
