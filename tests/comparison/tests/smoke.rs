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
        assert!(measured("work-stealing"), "{part}");
        assert_eq!(measured("dubbo-go"), with_dubbo_go, "{part}");
    }
    let curves = results["parts"]["growth"]["curves"].as_array().unwrap();
    for added in ["connections", "providers", "methods"] {
        assert!(
            curves.iter().any(|curve| curve["added"] == added),
            "{added}"
        );
    }
    for subject in ["work-stealing", "per-core"] {
        let lost = results["parts"]["exactness"]["figures"]
            .as_array()
            .unwrap()
            .iter();
        let lost =
            lost.filter(|figure| figure["quantity"] == "lost" && figure["subject"] == subject);
        assert_eq!(
            lost.map(|figure| figure["samples"][0].as_f64())
                .collect::<Vec<_>>(),
            [Some(0.0)]
        );
    }

    let page = std::fs::read_to_string(&page).unwrap();
    for text in [
        "### Targets",
        "### End to end",
        "ours, per-core",
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
