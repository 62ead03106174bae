//! Makes faults happen, and prints what each cost.

mod args;
mod table;

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser as _;
use faults::{Fault, Report, Soak, SoakReport};
use tokio::time::Instant;

use args::{Args, Output};

fn main() -> ExitCode {
    let args = Args::parse();
    let kept = if args.list {
        table::list(&mut io::stdout()).map(|()| true)
    } else if let Some(length) = args.soak {
        soak(length, args.output)
    } else {
        run(&args)
    };
    match kept {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        // The reader is gone, which is no failure.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "faults: cannot write the table: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Runs the faults, and returns whether every promise was kept.
fn run(args: &Args) -> io::Result<bool> {
    let (length, faults) = (args.length(), args.faults());
    let mut rows: Vec<(&Fault, Report)> = Vec::new();
    for (number, fault) in faults.iter().enumerate() {
        let begin = Instant::now();
        let count = faults.len();
        progress(
            &format!("{:2}/{count} {:<22} ", number + 1, fault.name),
            None,
        )?;
        let report = fault.happen(length);
        let took = begin.elapsed().as_secs_f32();
        progress(&format!(" {took:5.1} s\n"), Some(report.is_kept()))?;
        for promise in &report.broken {
            progress(&format!("      {promise}\n"), None)?;
        }
        rows.push((fault, report));
    }
    let mut out = io::stdout();
    match args.output {
        Output::Table => table::write(&rows, &mut out)?,
        Output::Json => table::write_json(&rows, &mut out)?,
    }
    Ok(rows.iter().all(|(_, report)| report.is_kept()))
}

fn soak(length: Duration, output: Output) -> io::Result<bool> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let report: SoakReport = runtime.block_on(Soak::lasting(length).run(|line| {
        // Who does not read the progress may still want the report.
        let _ = progress(&format!("{line}\n"), None);
    }));
    let mut out = io::stdout();
    match output {
        Output::Table => write!(out, "{report}")?,
        Output::Json => {
            serde_json::to_writer_pretty(&mut out, &report)?;
            writeln!(out)?;
        }
    }
    Ok(report.broken.is_empty())
}

/// Writes to stderr, where the progress goes; before `text` whether promises were kept, in colour on a terminal.
fn progress(text: &str, kept: Option<bool>) -> io::Result<()> {
    let mut err = io::stderr();
    let word = match (kept, err.is_terminal()) {
        (None, _) => "",
        (Some(true), false) => "kept  ",
        (Some(false), false) => "BROKEN",
        (Some(true), true) => "\u{1b}[32mkept\u{1b}[0m  ",
        (Some(false), true) => "\u{1b}[31mBROKEN\u{1b}[0m",
    };
    write!(err, "{word}{text}")?;
    err.flush()
}
