//! Makes every fault happen under the rules, and writes which alert said so, and after how long.

mod args;
mod case;
mod observer;
mod record;
mod simulation;
mod table;

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;

use clap::Parser as _;
use faults::Length;
use parking_lot::Mutex;

use args::Args;
use case::Case;
use observer::Observer;
use record::Record;

fn main() -> ExitCode {
    let args = Args::parse();
    let cases = args.cases();
    if !args.again {
        happen(&args, &cases);
    }
    match table::write(&cases, &args.records, args.simulated()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("alerts: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Makes the faults happen, some at a time, each on real servers of its own.
fn happen(args: &Args, cases: &[Case]) {
    let waiting = Mutex::new(cases.iter());
    thread::scope(|scope| {
        for _ in 0..args.at_a_time {
            scope.spawn(|| {
                loop {
                    let Some(case) = waiting.lock().next() else {
                        break;
                    };
                    one(case, args);
                }
            });
        }
    });
}

fn one(case: &Case, args: &Args) {
    let seen = Arc::new(Mutex::new(Record::default()));
    let (times, noted) = (args.times(case), Arc::clone(&seen));
    let report = case.fault.happen_under(Length::Full, move || {
        Some(std::rc::Rc::new(Observer::new(times, noted)))
    });
    let mut record = seen.lock().clone();
    record.happened = report.happened;
    record.calls = report.calls;
    record.failed = report.failed;
    record.broken = report.broken;
    if record.ended < record.began {
        // Nothing was made good: it went on until the end.
        record.ended = record.began;
    }
    let name = case.name();
    eprintln!(
        "{name}: {} of {} calls failed; {:?}",
        record.failed, record.calls, record.broken
    );
    keep(&record, &args.records, &name);
}

fn keep(record: &Record, folder: &Path, name: &str) {
    if let Err(error) = record.write(folder, name) {
        eprintln!("alerts: {name}: {error}");
    }
}
