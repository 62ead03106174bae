//! The whole comparison, so short that its figures mean nothing.
#![allow(clippy::unwrap_used)]

use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use test_servers::{Folder, Process, find};

const DEADLINE: Duration = Duration::from_secs(600);

/// Returns the option that names the dubbo-go peer. Without Go, `./test.sh` says that this side is not run.
fn peer() -> String {
    match find("go") {
        Some(_) => format!("--peer={}", interop::peer().display()),
        None => "--without-dubbo-go".to_owned(),
    }
}

#[tokio::test]
async fn every_part_is_measured_and_written_where_it_belongs() {
    let folder = Folder::new("comparison");
    let page = folder.path().join("benchmarks.md");
    let page_before = include_str!("../../../docs/benchmarks.md");
    std::fs::write(&page, page_before).unwrap();
    let peer = peer();
    let with_dubbo_go = peer != "--without-dubbo-go";

    let mut run = Process::spawn(
        Command::new(e2e::binary("comparison"))
            .args(["--smoke", "--output=json"])
            .arg(&peer)
            .arg("--docs")
            .arg(folder.path())
            .arg("--results")
            .arg(folder.path().join("results.json")),
    );
    let code = run.wait(DEADLINE).await;
    assert_eq!(code, 0, "{}", run.stderr());

    let results: Value = serde_json::from_str(&run.stdout()).unwrap();
    for part in ["provider", "consumer", "pair", "exactness", "costs"] {
        let figures = results["parts"][part]["figures"].as_array().unwrap();
        assert!(!figures.is_empty(), "{part}");
        for figure in figures {
            let samples = figure["samples"].as_array().unwrap();
            assert!(samples.iter().all(Value::is_number), "{figure}");
        }
        let measured = |subject: &str| figures.iter().any(|figure| figure["subject"] == subject);
        assert!(measured("ours"), "{part}");
        assert_eq!(measured("dubbo-go"), with_dubbo_go, "{part}");
    }
    let curves = results["parts"]["growth"]["curves"].as_array().unwrap();
    for added in ["connections", "providers", "methods"] {
        assert!(
            curves.iter().any(|curve| curve["added"] == added),
            "{added}"
        );
    }
    let figures = |part: &str| {
        results["parts"][part]["figures"]
            .as_array()
            .unwrap()
            .clone()
    };
    let mut lost = figures("exactness");
    lost.retain(|figure| figure["quantity"] == "lost" && figure["subject"] == "ours");
    let lost = lost.iter().map(|figure| figure["samples"][0].as_f64());
    assert_eq!(lost.collect::<Vec<_>>(), [Some(0.0)]);
    for (part, quantity, subject) in [
        ("handlers", "busy-calls-alone", "ours"),
        ("handlers", "light-beside-heavy", "ours"),
        ("handlers", "light-beside-blocked", "work-stealing"),
        ("handlers", "health-beside-blocked", "ours"),
        ("consumer", "consumer-calls", "ours-embedded"),
        ("pair", "pair-calls", "tonic-per-core"),
    ] {
        let mut figures = figures(part);
        figures.retain(|figure| figure["quantity"] == quantity && figure["subject"] == subject);
        assert_eq!(figures.len(), 1, "{quantity} of {subject}");
    }

    let page = std::fs::read_to_string(&page).unwrap();
    for text in [
        "### Targets",
        "### End to end",
        "ours, work-stealing",
        "What measuring costs",
    ] {
        assert!(page.contains(text), "{text} is missing in\n{page}");
    }
    assert!(folder.path().join("side-by-side.svg").exists());
}

#[tokio::test]
async fn a_missing_program_is_named() {
    let mut run = Process::spawn(
        Command::new(e2e::binary("comparison")).args(["--smoke", "--peer=/nowhere/peer"]),
    );
    assert_eq!(run.wait(DEADLINE).await, 1);
    let error = run.stderr();
    assert!(
        error.contains("there is no /nowhere/peer: build tests/interop/peer with Go"),
        "{error}"
    );
}
