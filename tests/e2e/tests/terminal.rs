//! The demo's live view on a real terminal.

use e2e::{Program, Terminal};
use test_servers::{LONG, eventually};

/// Waits until the screen shows this.
async fn shows(terminal: &Terminal, what: &str, seen: impl Fn(&str) -> bool) -> String {
    eventually(LONG, what, async || {
        let contents = terminal.contents();
        if seen(&contents) {
            Ok(contents)
        } else {
            Err(format!("{contents}\n{}", terminal.stderr()))
        }
    })
    .await
}

/// Returns the number of calls that a side's line shows.
fn calls(contents: &str, side: &str) -> u64 {
    let line = contents
        .lines()
        .find(|line| line.trim_start().starts_with(side));
    let last = line.and_then(|line| line.split_whitespace().last());
    last.and_then(|number| number.replace(',', "").parse().ok())
        .unwrap_or(0)
}

#[tokio::test]
async fn the_view_moves_follows_the_window_and_ends_with_q() {
    let mut terminal = Terminal::start(&Program::demo(), 90, 30);
    let contents = shows(&terminal, "a hundred calls on both sides", |contents| {
        ["provider", "consumer"]
            .iter()
            .all(|side| calls(contents, side) > 100)
    })
    .await;
    assert!(terminal.is_taken() && terminal.hides_cursor());
    assert!(
        contents.contains("q ends") && contents.contains("http://127.0.0.1:"),
        "{contents}"
    );
    let before = calls(&contents, "consumer");
    shows(&terminal, "more calls", |contents| {
        calls(contents, "consumer") > before
    })
    .await;
    // Lines are written over; the screen is never emptied once it shows something.
    let written = terminal.written();
    assert_eq!(written.matches("\x1b[2J").count(), 1, "{written:?}");
    let [begun, ended] = ["\x1b[?2026h", "\x1b[?2026l"].map(|mark| written.matches(mark).count());
    assert!(
        begun >= 2 && begun - ended <= 1,
        "each picture is one update: {begun}, {ended}"
    );

    terminal.resize(40, 8);
    let contents = shows(&terminal, "a small view", |contents| {
        contents.lines().all(|line| line.chars().count() <= 40)
            && contents.contains("consumer")
            && !contents.contains("http")
    })
    .await;
    assert!(contents.lines().count() <= 8, "{contents}");
    terminal.resize(120, 40);
    shows(&terminal, "a large view", |contents| {
        contents.contains("http://127.0.0.1:") && contents.contains("in flight")
    })
    .await;

    terminal.press("q");
    assert_eq!(terminal.wait(LONG).await, 0, "{}", terminal.stderr());
    let contents = shows(&terminal, "the last figures", |contents| {
        contents.contains("success")
    })
    .await;
    assert!(
        !terminal.is_taken() && !terminal.hides_cursor(),
        "the terminal is given back"
    );
    assert!(
        contents.contains("provider") && contents.contains("consumer"),
        "{contents}"
    );
}

#[tokio::test]
async fn ctrl_c_and_sigterm_give_the_terminal_back() {
    for signal in [false, true] {
        let mut terminal = Terminal::start(&Program::demo(), 100, 30);
        shows(&terminal, "the view", |contents| {
            calls(contents, "provider") > 0
        })
        .await;
        if signal {
            terminal.terminate();
        } else {
            terminal.press("\x03");
        }
        assert_eq!(terminal.wait(LONG).await, 0, "{}", terminal.stderr());
        shows(&terminal, "the last figures", |contents| {
            contents.contains("success")
        })
        .await;
        assert!(!terminal.is_taken() && !terminal.hides_cursor());
    }
}
