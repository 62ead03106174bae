//! One call, and its line on stdout.

use std::io::{self, Write};

use greet::{GreetRequest, greet_service_client::GreetServiceClient};
use metrics_core::Outcome;
use tokio_util::sync::CancellationToken;
use tonic::Status;
use triple::{Consumer, wire_code};

use crate::Call;

/// Whom the sample greets, as the original does.
const NAME: &str = "hello world";

/// Where the line of each call goes.
#[derive(Clone, Debug)]
pub struct Output {
    quiet: bool,
    closed: CancellationToken,
}

impl Output {
    /// Makes an output that writes no line for a call if it is `quiet`, and cancels `closed` when stdout is not read any
    /// more: a reason to stop, and no failure.
    #[must_use]
    pub fn new(quiet: bool, closed: CancellationToken) -> Self {
        Self { quiet, closed }
    }

    /// Writes a line to stdout, whole even when several threads do.
    pub fn line(&self, line: &str) {
        let written = writeln!(io::stdout().lock(), "{line}");
        if let Err(err) = written
            && err.kind() == io::ErrorKind::BrokenPipe
        {
            self.closed.cancel();
        }
    }
}

/// Greets with a client of its own, and writes a line for each call.
#[derive(Clone, Debug)]
pub struct Greeter {
    client: GreetServiceClient<Consumer>,
    output: Output,
}

impl Greeter {
    /// Makes a greeter that calls with this client.
    #[must_use]
    pub fn new(client: GreetServiceClient<Consumer>, output: Output) -> Self {
        Self { client, output }
    }
}

impl Call for Greeter {
    async fn call(&mut self) -> Option<&'static str> {
        let request = GreetRequest {
            name: NAME.to_owned(),
        };
        let outcome = self.client.greet(request).await;
        if !self.output.quiet {
            match &outcome {
                Ok(response) => self
                    .output
                    .line(&format!("Greet response: {}", response.get_ref().greeting)),
                Err(status) => self.output.line(&failure_line(status)),
            }
        }
        outcome.err().map(|status| failure(&status))
    }
}

/// Returns the kind of a failure, the same that the metrics' label `error_type` has.
fn failure(status: &Status) -> &'static str {
    Outcome::from_code(wire_code(status).into()).kind().name()
}

fn failure_line(status: &Status) -> String {
    let kind = failure(status);
    let code = wire_code(status);
    format!(
        "Greet failed: {kind} error (code {code}): {}",
        status.message()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_named_by_its_kind_code_and_message() {
        let lines = [
            triple::business_error("random error"),
            Status::deadline_exceeded("too late"),
            Status::unavailable("no provider"),
            Status::internal("oh"),
        ]
        .map(|status| failure_line(&status));
        assert_eq!(
            lines,
            [
                "Greet failed: business error (code 17): random error",
                "Greet failed: timeout error (code 4): too late",
                "Greet failed: unavailable error (code 14): no provider",
                "Greet failed: unknown error (code 13): oh",
            ]
        );
    }
}
