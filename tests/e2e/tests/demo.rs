//! The demo: the whole sample in one process, with nothing to install.

use e2e::{Program, Scrape};
use test_servers::{LONG, eventually};

#[tokio::test]
async fn the_demo_runs_for_the_time_it_is_given_and_shows_both_sides() {
    let mut demo = Program::start(Program::demo().args(["--for", "3s", "--rate", "100"]));
    assert_eq!(demo.wait(LONG).await, 0, "{}", demo.stderr());
    let output = demo.stdout();
    for side in ["provider", "consumer"] {
        let lines: Vec<_> = output.lines().filter(|line| line.contains(side)).collect();
        assert!(
            lines.len() >= 2,
            "a line each second for the {side}:\n{output}"
        );
    }
    assert!(
        !output.contains('\x1b'),
        "no terminal, no control characters:\n{output}"
    );
}

#[tokio::test]
async fn the_demo_shows_what_a_scrape_shows() {
    let mut demo = Program::start(Program::demo().args([
        "--for",
        "1h",
        "--rate",
        "50",
        "--error-rate",
        "0.5",
        "--delay",
        "1ms",
    ]));
    let output = eventually(LONG, "some lines", async || {
        let output = demo.stdout();
        (output
            .lines()
            .filter(|line| line.contains("business"))
            .count()
            >= 4)
            .then_some(output.clone())
            .ok_or(output)
    })
    .await;
    let url = |side: &str| {
        let line = output
            .lines()
            .find(|line| line.contains(side) && line.contains("http://"));
        let url = line.and_then(|line| line.split_whitespace().last());
        url.unwrap_or_else(|| panic!("no address of the {side} in\n{output}"))
            .to_owned()
    };
    for side in ["provider", "consumer"] {
        let scrape = Scrape::get(&url(side)).await;
        let total = scrape.value(&format!("dubbo_{side}_requests_total"));
        let shown = |line: &str| -> Option<f64> {
            let (_, after) = line.split_once("  calls ")?;
            after
                .split_whitespace()
                .next()?
                .replace(',', "")
                .parse()
                .ok()
        };
        // What is shown next lies between this scrape and the one after it.
        let before = demo.stdout().lines().count();
        let next = eventually(LONG, "the next line", async || {
            let output = demo.stdout();
            output
                .lines()
                .skip(before + 2)
                .find(|line| line.contains(side))
                .and_then(shown)
        })
        .await;
        let after = Scrape::get(&url(side))
            .await
            .value(&format!("dubbo_{side}_requests_total"));
        assert!(
            total <= next && next <= after,
            "{side}: {total} <= {next} <= {after}"
        );
    }
    demo.interrupt();
    assert_eq!(demo.wait(LONG).await, 0, "{}", demo.stderr());
}
