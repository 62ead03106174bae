//! Our programs beside dubbo-go and plain tonic: what `./bench.sh` runs.

use std::process::ExitCode;

use clap::Parser as _;
use comparison::Args;

/// One thread: what it starts ends with the thread that started it, and it should take nothing from what it measures.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let args = Args::parse();
    app::exit_code(&comparison::run(&args, &mut std::io::stdout().lock()).await)
}
