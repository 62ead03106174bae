//! The page of a running demo: what it shows is what the process said, also after the process has come back.

use std::process::Command;

use e2e::Program;
use page::{Chromium, Tab};
use test_servers::{LONG, Sample, eventually, free_port};

use crate::expected::{assert_shown, figures};

/// Returns the command of a demo whose provider is watched on this port of 127.0.0.1.
pub(crate) fn demo(page_port: u16) -> Command {
    let mut command = Program::demo();
    command.args(["--provider-metrics-addr", &format!("127.0.0.1:{page_port}")]);
    command
}

/// Waits until the demo makes calls.
pub(crate) async fn calling(demo: &Program) {
    eventually(LONG, "the demo says how it goes", async || {
        let output = demo.stdout();
        output.contains("calls/s").then_some(()).ok_or(output)
    })
    .await;
}

/// Asserts that what stands on the page is what came with the reading that is shown; the page is paused.
async fn assert_page_is_scrape(tab: &Tab) {
    let shown: usize = tab.evaluate("Number(document.body.dataset.readings)").await;
    let texts = tab.received("/prometheus?families=all").await;
    let samples = Sample::parse(&texts[shown - 1]);
    let rows = tab.rows().await;
    assert_eq!(
        rows.len(),
        1,
        "the provider of the demo has one method: {rows:?}"
    );
    let row = &rows[0];
    assert_eq!(
        (row.side.as_str(), row.method.as_str(), row.of.as_str()),
        ("provider", "Greet", "greet.GreetService")
    );
    assert_eq!(row.figures.len(), 6, "{row:?}");
    let expected = figures(&samples, "provider", &[]);
    assert!(
        expected["rate"] > 0.0 && expected["failed"] > 0.0 && expected["p99"] > 0.0,
        "{expected:?}"
    );
    assert_shown(&row.figures, &expected, "the method");
    assert_shown(&tab.side("provider").await, &expected, "the side");
    assert!(
        row.figures["failed"].text.starts_with("business\u{a0}"),
        "{row:?}"
    );
    assert_eq!(tab.text("application").await, "dubbo-rust-server");
}

#[tokio::test]
async fn the_page_shows_what_the_scrape_says_and_outlives_the_process() {
    let port = free_port();
    let start = |error_rate: &str| {
        let mut command = demo(port);
        command.args(["--rate", "100", "--delay", "3ms", "--metrics-window", "20s"]);
        Program::start(command.args(["--error-rate", error_rate]))
    };
    let mut running = start("0.3");
    calling(&running).await;
    let chromium = Chromium::start().await;
    let tab = chromium.open(&format!("http://127.0.0.1:{port}/")).await;
    tab.readings(4).await;
    assert_eq!(tab.text("status").await, "live");
    tab.evaluate::<()>("document.getElementById('pause').click()")
        .await;
    tab.until("document.getElementById('status').textContent.startsWith('paused; figures of ')")
        .await;
    assert_page_is_scrape(&tab).await;
    let failed = tab.rows().await[0].figures["failed"].value();
    assert_eq!(tab.console(), Vec::<String>::new());

    tab.evaluate::<()>("document.getElementById('pause').click()")
        .await;
    running.kill();
    tab.until(
        "document.getElementById('status').textContent.startsWith('no connection; figures of ')",
    )
    .await;
    tab.until("document.getElementById('next').textContent.startsWith('next try in ')")
        .await;
    assert_eq!(tab.rows().await.len(), 1, "the last figures stay");

    let readings: u32 = tab.evaluate("Number(document.body.dataset.readings)").await;
    // Fewer errors from now on, so that the counters are behind where they were.
    running = start("0.01");
    calling(&running).await;
    tab.readings(readings + 3).await;
    let status = tab.text("status").await;
    assert!(status.starts_with("live, restarted at "), "{status}");
    assert_eq!(tab.text("next").await, "");
    assert!(
        !tab.evaluate::<bool>("document.body.classList.contains('away')")
            .await
    );
    let row = &tab.rows().await[0];
    assert!(
        row.figures["failed"].value() < failed,
        "the new process counts from 0: {row:?}"
    );
    for line in &row.lines {
        assert_no_negative(line);
    }
    // Calls before and after, and nothing between them.
    let strokes = row.lines[0].matches('M').count();
    assert!(strokes >= 2, "{}", row.lines[0]);
    // The browser itself tells of connections that were refused; nothing else is logged.
    for line in tab.console() {
        assert!(
            line.contains("net::ERR_") && line.contains("/prometheus"),
            "{line}"
        );
    }
}

/// Asserts that no point of a line is below the line of 0, which is drawn at 19.
fn assert_no_negative(path: &str) {
    for point in path
        .replace("h0", "")
        .split(['M', 'L'])
        .filter(|point| !point.is_empty())
    {
        let (_, y) = point.split_once(' ').expect("a point has two numbers");
        let y: f64 = y.parse().expect("they are numbers");
        assert!((0.0..=19.0).contains(&y), "{point} in {path}");
    }
}
