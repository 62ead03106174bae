//! Every panel is drawn, says what happened, and is in the pictures: `UPDATE_PICTURE=1 cargo test -p panels` takes them again.

use std::time::Duration;

use page::Scheme;
use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::fleet::{FAILING, Fleet, INSTANCE, INTERFACE};
use crate::screen::{Screen, panels};

/// A variable and its value.
type Chosen = (&'static str, &'static str);
/// A step: its name, which panels are looked at, and what was chosen before.
type Step = (&'static str, &'static [&'static str], &'static [Chosen]);

/// The walk from the overview to the method.
const WALK: [Step; 4] = [
    (
        "1-overview",
        &[
            "Provider availability budget",
            "Provider latency budget",
            "Consumer availability budget",
            "Consumer latency budget",
            "Processes",
            "Providers",
            "Firing alerts",
            "Calls by application",
            "Errors by application",
            "P99 by method",
            "Processes over time",
        ],
        &[],
    ),
    (
        "2-failing-calls",
        &[
            "Failing calls",
            "Failing calls over time",
            "Errors by instance",
        ],
        &[],
    ),
    (
        "3-instance",
        &[
            "Failing calls",
            "Failing calls over time",
            "Errors by instance",
            "Mean response time by instance",
            "In flight by instance",
        ],
        &[("side", "provider"), ("instance", INSTANCE)],
    ),
    (
        "4-method",
        &[
            "Provider errors by type",
            "Provider response time",
            "Provider response times",
            "Processes over time",
        ],
        &[
            ("side", "provider"),
            ("instance", INSTANCE),
            ("method", FAILING),
        ],
    ),
];

fn path(step: &str, scheme: Scheme) -> std::path::PathBuf {
    stack::path(&format!("docs/walk/{step}-{}.webp", scheme.name()))
}

#[tokio::test]
async fn grafanas_libraries_draw_every_panel_and_the_walk_finds_the_fault() {
    let update = std::env::var_os("UPDATE_PICTURE").is_some();
    let (fleet, screen) = tokio::join!(Fleet::start(), Screen::start());
    let begin = Instant::now();
    // For a picture, the time before the fault is long enough to be seen, and that after it until an alert fires.
    sleep(Duration::from_secs(if update { 60 } else { 5 })).await;
    fleet.fail().await;
    sleep(Duration::from_secs(if update { 60 } else { 5 })).await;
    if update {
        fleet.alert().await;
    }
    let seconds = u32::try_from(begin.elapsed().as_secs()).expect("minutes") + 10;

    for scheme in [Scheme::Light, Scheme::Dark] {
        let problems = screen
            .show(&fleet.prometheus, &panels(&[]), &[], seconds, scheme)
            .await;
        assert_eq!(problems, [""; 0], "{scheme:?}: what Grafana does not know");
    }
    // The units are Grafana's words for them.
    for (title, unit) in [
        ("Calls by application", " req/s"),
        ("Memory", " MiB"),
        ("Errors by application", "%"),
        ("P99 by method", " ms"),
    ] {
        let written = screen.written(title).await;
        assert!(!written.is_empty(), "{title}");
        for value in written {
            assert!(value.ends_with(unit), "{title}: {value}");
        }
    }
    let providers = screen.text("Provider QPS").await;
    assert!(providers.contains("req/s"), "{providers}");
    let failing = screen.text("Failing calls").await;
    for part in [
        INTERFACE, FAILING, INSTANCE, "INTERNAL", "provider", "req/s",
    ] {
        assert!(failing.contains(part), "{part} is not in {failing}");
    }
    for other in ["orders-1:9099", "orders-3:9099", "Create"] {
        assert!(!failing.contains(other), "{other} does not fail: {failing}");
    }
    let session = screen.text("Last pass of the cleaner").await;
    assert!(session.contains("not scraped"), "{session}");

    if update {
        std::fs::create_dir_all(stack::path("docs/walk")).expect("docs can be written");
    }
    for (step, titles, chosen) in WALK {
        for scheme in [Scheme::Light, Scheme::Dark] {
            let problems = screen
                .show(&fleet.prometheus, &panels(titles), chosen, seconds, scheme)
                .await;
            assert_eq!(problems, [""; 0], "{step}");
            if update {
                std::fs::write(path(step, scheme), screen.tab.picture().await)
                    .expect("docs can be written");
            }
        }
    }
    let types = screen.text("Provider errors by type").await;
    assert!(
        types.contains("unknown"),
        "INTERNAL is of the type unknown: {types}"
    );

    for (step, ..) in WALK {
        for scheme in [Scheme::Light, Scheme::Dark] {
            let bytes = std::fs::read(path(step, scheme))
                .expect("UPDATE_PICTURE=1 cargo test -p panels takes it");
            assert!(
                bytes.starts_with(b"RIFF") && bytes.len() < 150_000,
                "{step}: {} bytes",
                bytes.len()
            );
        }
    }
}

#[tokio::test]
async fn what_grafana_does_not_know_is_said() {
    let (fleet, screen) = tokio::join!(Fleet::start(), Screen::start());
    let mut wrong = panels(&["Processes", "Memory", "Failing calls", "CPU"]);
    wrong[0]["fieldConfig"]["defaults"]["unit"] = json!("furlongs");
    wrong[1]["fieldConfig"]["overrides"] = json!([{"matcher": {"id": "byMagic", "options": ""}, "properties": [{"id": "hue", "value": 1}]}]);
    wrong[2]["transformations"][0]["id"] = json!("conjure");
    wrong[3]["type"] = json!("hologram");
    let problems = screen
        .show(&fleet.prometheus, &wrong, &[], 30, Scheme::Dark)
        .await
        .join("\n");
    for part in [
        "unit furlongs",
        "matcher byMagic",
        "property hue",
        "transformation conjure",
        "hologram",
    ] {
        assert!(problems.contains(part), "{part}: {problems}");
    }
}
