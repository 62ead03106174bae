//! Makes three faults happen to consumers of dubbo-go and grpc-go beside ours, and overloads providers: what `./faults.sh beside` runs.

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::Parser as _;

/// One thread: what it starts ends with the thread that started it.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let args = interop::Args::parse();
    match interop::beside(&args, &mut io::stdout().lock()).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            let _ = writeln!(io::stderr(), "faults-beside: {error:#}");
            ExitCode::FAILURE
        }
    }
}
