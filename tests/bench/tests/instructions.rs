//! Instructions per call, counted by valgrind's callgrind, against the checked-in figures in `instructions.txt`: a regression shows
//! without a clock. `UPDATE_INSTRUCTIONS=1 cargo test -p bench` adds the figures of a compiler that is not known yet.

use std::path::{Path, PathBuf};
use std::process::Command;

/// How far a count may be from the figure of the same compiler.
const TOLERANCE: f64 = 0.03;
/// How far from the newest figure, with a compiler that has no count yet.
const TOLERANCE_UNKNOWN: f64 = 0.5;
/// How many instructions more a call with a sampled trace may take, with a compiler that has a count.
const TRACE: f64 = 60.0;
/// The same, with one that has none.
const TRACE_UNKNOWN: f64 = 90.0;
const FEW: u64 = 1_000;
const MANY: u64 = 11_000;

fn folder() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Builds the program with our own code as in a release.
fn build() -> PathBuf {
    let target = folder().join("../../target");
    let status = Command::new(env!("CARGO"))
        .args([
            "build",
            "--quiet",
            "--package",
            "bench",
            "--bin",
            "instructions",
            "--profile",
            "instructions",
            "--target-dir",
        ])
        .arg(&target)
        .current_dir(folder())
        .status()
        .expect("cargo runs this test");
    assert!(status.success(), "the program is built");
    target.join("instructions/instructions")
}

/// Returns the instructions of some calls, without what comes before and after.
fn collected(program: &Path, case: &str, calls: u64) -> u64 {
    let output = Command::new("valgrind")
        .args([
            "--tool=callgrind",
            "--callgrind-out-file=/dev/null",
            "--toggle-collect=instructions::measured*",
        ])
        .arg(program)
        .args([case, &calls.to_string()])
        .output()
        .expect("valgrind is installed (Debian's package valgrind)");
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    let line = text
        .lines()
        .find_map(|line| line.split_once("Collected : "));
    line.and_then(|(_, count)| count.trim().parse().ok())
        .unwrap_or_else(|| panic!("no count in\n{text}"))
}

/// Returns the instructions of one call: of many less those of few, so that what the first call sets up does not count.
fn per_call(program: &Path, case: &str) -> f64 {
    per(program, case, FEW, MANY)
}

fn per(program: &Path, case: &str, few: u64, many: u64) -> f64 {
    let more = collected(program, case, many) - collected(program, case, few);
    more as f64 / (many - few) as f64
}

/// Returns the checked-in figures, one to a line.
fn figures() -> String {
    std::fs::read_to_string(folder().join("instructions.txt"))
        .expect("instructions.txt is checked in")
}

/// Returns the figure of a compiler, if it has one.
fn figure_of<'a>(figures: &'a str, compiler: &str) -> Option<&'a str> {
    figures.lines().find_map(|line| line.strip_prefix(compiler))
}

/// Returns the compiler's version and target, such as `1.95.0 x86_64-unknown-linux-gnu`.
fn compiler() -> String {
    let output = Command::new("rustc")
        .arg("-vV")
        .output()
        .expect("rustc compiled this test");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let field = |name: &str| {
        text.lines()
            .find_map(|line| line.strip_prefix(name))
            .expect("rustc says it")
            .trim()
            .to_owned()
    };
    format!("{} {}", field("release:"), field("host:"))
}

#[test]
fn a_recorded_call_takes_the_instructions_that_it_took() {
    let program = build();
    let (call, compiler) = (per_call(&program, "call"), compiler());
    let mut figures = figures();
    if std::env::var_os("UPDATE_INSTRUCTIONS").is_some() {
        let others: Vec<_> = figures
            .lines()
            .filter(|line| !line.starts_with(&compiler))
            .collect();
        figures = format!("{}\n{compiler} {call:.0}\n", others.join("\n"));
        std::fs::write(folder().join("instructions.txt"), &figures)
            .expect("instructions.txt can be written");
    }
    let known = figure_of(&figures, &compiler);
    let newest = figures
        .lines()
        .rfind(|line| !line.starts_with('#'))
        .and_then(|line| line.rsplit_once(' '))
        .map(|(_, count)| count);
    let (figure, tolerance) = match known {
        Some(figure) => (figure, TOLERANCE),
        None => (newest.expect("there is a figure"), TOLERANCE_UNKNOWN),
    };
    let figure: f64 = figure.trim().parse().expect("a count");
    let off = (call - figure).abs() / figure;
    assert!(
        off <= tolerance,
        "{call} instructions a call with rustc {compiler}, where {figure} were expected within {tolerance}"
    );
}

#[test]
fn a_layer_stays_within_its_instructions() {
    let program = build();
    let (bare, layer) = (per_call(&program, "bare"), per_call(&program, "layer"));
    let cost = layer - bare;
    let call = per_call(&program, "call");
    assert!(
        cost > call,
        "a measured call is recorded: {cost} instructions"
    );
    assert!(
        cost < 1_100.0,
        "{cost} instructions for path, headers, bodies and the record"
    );
}

#[test]
fn a_trace_costs_only_the_calls_that_carry_one() {
    let program = build();
    let (call, traced) = (per_call(&program, "call"), per_call(&program, "traced"));
    let known = figure_of(&figures(), &compiler()).is_some();
    let limit = if known { TRACE } else { TRACE_UNKNOWN };
    assert!(
        traced - call <= limit,
        "{} instructions more with a sampled traceparent, at most {limit} expected",
        traced - call
    );
}

#[test]
fn a_program_can_be_scraped_under_valgrind() {
    let program = build();
    let scrape = per(&program, "lean-native", 2, 4);
    assert!(scrape > 0.0, "something was written");
}
