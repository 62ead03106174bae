//! Two hundred methods, some with names that are meant to do harm: search, order, keyboard.

use metrics_core::{Application, Config, Endpoint, MethodKey, Metrics, Outcome, Side};
use page::{Chromium, Row, Tab};
use test_servers::Sample;

use crate::endpoint::serve;
use crate::expected::{assert_shown, figures};

/// Names that would be markup, ends of labels, or ends of lines, if they were taken for that.
const HOSTILE: [&str; 4] = [
    "<img src=x onerror=\"document.title='broken'\">",
    "</script><script>document.title='broken'</script>",
    "a\"b\\n{c=\"d\"} 1\n# TYPE e counter",
    "\u{202e}ters & ünïcode \u{1f980}",
];

/// Measures 200 methods on both sides; the n-th has been called n times.
fn many() -> Metrics {
    let application = Application::default().name("<b>many</b>");
    let metrics = Metrics::new(Config::default().application(application)).expect("legal");
    for number in 0..200 {
        let side = if number % 2 == 0 {
            Side::Provider
        } else {
            Side::Consumer
        };
        let name = HOSTILE
            .get(number)
            .map_or_else(|| format!("method{number}"), |name| (*name).to_owned());
        let method = metrics.method(
            side,
            &MethodKey::new(&format!("shop.Service{}", number % 7), &name),
        );
        for call in 0..number {
            let outcome = if call % 10 == 9 {
                Outcome::TIMEOUT
            } else {
                Outcome::SUCCESS
            };
            method.start().end(outcome);
        }
    }
    metrics
}

/// Serves the metrics, and opens their page.
async fn watch(chromium: &Chromium, metrics: &Metrics) -> Tab {
    let probes = "0.0.0.0:8080".parse().expect("an address");
    let address = serve(Endpoint::new(metrics).probes(Some(probes))).await;
    let tab = chromium.open(&format!("http://{address}/")).await;
    tab.readings(1).await;
    tab
}

fn values(rows: &[Row], column: &str) -> Vec<f64> {
    rows.iter().map(|row| row.figures[column].value()).collect()
}

#[tokio::test]
async fn two_hundred_methods_are_shown_found_and_put_in_order() {
    let metrics = many();
    let chromium = Chromium::start().await;
    let tab = watch(&chromium, &metrics).await;
    let rows = tab.rows().await;
    assert_eq!(rows.len(), 200);
    assert_eq!(tab.text("count").await, "200 methods");
    tab.evaluate::<()>("document.getElementById('pause').click()")
        .await;

    // Nothing moves here but the rate, which falls with the process's age.
    let samples = Sample::parse(&metrics.text());
    for row in &rows {
        let labels = [
            ("method", row.method.as_str()),
            ("interface", row.of.as_str()),
        ];
        let mut expected = figures(&samples, &row.side, &labels);
        expected.remove("rate");
        assert_shown(&row.figures, &expected, &row.method);
    }
    for side in ["provider", "consumer"] {
        let mut expected = figures(&samples, side, &[]);
        expected.remove("rate");
        assert_shown(&tab.side(side).await, &expected, side);
    }
    for name in HOSTILE {
        assert!(rows.iter().any(|row| row.method == name), "{name}");
    }
    assert_eq!(
        tab.evaluate::<String>("document.title").await,
        "<b>many</b>"
    );
    assert_eq!(
        tab.evaluate::<u32>("document.querySelectorAll('img, b').length")
            .await,
        0
    );
    let idle = rows
        .iter()
        .find(|row| row.method == HOSTILE[0])
        .expect("it is there");
    assert_eq!(
        (
            idle.figures["p99"].text.as_str(),
            idle.figures["success"].text.as_str()
        ),
        ("–", "100.00 %")
    );

    search_and_order(&tab).await;
    assert_eq!(tab.console(), Vec::<String>::new());

    // Last, since the browser says in the console what it stopped.
    let inserted = "(() => { try { const script = document.createElement('script'); script.textContent = 'document.title = 1';
        document.body.append(script); } catch (error) { return error.name } return 'nothing' })()";
    assert_eq!(tab.evaluate::<String>(inserted).await, "TypeError");
    let outside = "new Promise((done) => {
        addEventListener('securitypolicyviolation', (event) => done(event.effectiveDirective), { once: true });
        fetch('http://127.0.0.1:1/').catch(() => {});
    })";
    assert_eq!(tab.evaluate::<String>(outside).await, "connect-src");
    let console = tab.console().join("\n");
    assert!(console.contains("Content Security Policy"), "{console}");
    assert_eq!(
        tab.evaluate::<String>("document.title").await,
        "<b>many</b>"
    );
}

/// Works with the keyboard alone.
async fn search_and_order(tab: &Tab) {
    tab.press("/").await;
    assert_eq!(focus(tab).await, "search");
    tab.write("METHOD19 consumer").await;
    tab.until("document.getElementById('count').textContent === '6 of 200 methods'")
        .await;
    let rows = tab.rows().await;
    assert!(
        rows.iter()
            .all(|row| row.method.contains("method19") && row.side == "consumer"),
        "{rows:?}"
    );
    tab.write(" nowhere").await;
    tab.until("document.getElementById('count').textContent === '0 of 200 methods'")
        .await;
    tab.press("Escape").await;
    tab.until("document.getElementById('count').textContent === '200 methods'")
        .await;

    // The next stops are the table, which can be scrolled, and the heads of its columns.
    for name in ["", "Method", "Side", "Calls/s"] {
        tab.press("Tab").await;
        assert_eq!(focus(tab).await, name);
    }
    tab.press("Enter").await;
    assert_eq!(sorted(tab).await, "Calls/s descending");
    let rates = values(&tab.rows().await, "rate");
    assert!(
        rates.is_sorted_by(|a, b| a >= b) && rates[0] > rates[199],
        "{rates:?}"
    );
    tab.press("Enter").await;
    assert_eq!(sorted(tab).await, "Calls/s ascending");
    let rates = values(&tab.rows().await, "rate");
    assert!(rates.is_sorted(), "{rates:?}");
    for _ in 0..3 {
        tab.press("Tab").await;
    }
    assert_eq!(focus(tab).await, "p99");
    tab.press(" ").await;
    let slowest = values(&tab.rows().await, "p99");
    let (known, idle): (Vec<f64>, Vec<f64>) = slowest.iter().partition(|value| !value.is_nan());
    assert!(
        known.is_sorted_by(|a, b| a >= b) && idle.len() == 1,
        "{known:?}"
    );
    assert!(
        slowest[199].is_nan(),
        "what has no quantile stands last: {slowest:?}"
    );
    let links: Vec<String> = tab
        .evaluate("[...document.querySelectorAll('.state a')].map((link) => link.href)")
        .await;
    assert!(links[0].ends_with("/prometheus"), "{links:?}");
    assert_eq!(
        links[1..],
        ["live", "ready", "startup"].map(|path| format!("http://127.0.0.1:8080/{path}"))
    );
}

/// Returns what has the focus: its id, or its text.
async fn focus(tab: &Tab) -> String {
    tab.evaluate("document.activeElement.id || (document.activeElement.matches('button') ? document.activeElement.textContent : '')").await
}

/// Returns the column by which the rows are in order.
async fn sorted(tab: &Tab) -> String {
    tab.evaluate("[...document.querySelectorAll('[aria-sort]')].map((head) => `${head.textContent} ${head.ariaSort}`).join()").await
}

#[tokio::test]
async fn many_methods_leave_time_for_other_work() {
    let metrics = many();
    let chromium = Chromium::start().await;
    let tab = watch(&chromium, &metrics).await;
    // Another method that appears while the page is open.
    metrics
        .method(Side::Provider, &MethodKey::new("shop.Late", "arrives"))
        .start()
        .end(Outcome::SUCCESS);
    tab.until("document.getElementById('count').textContent === '201 methods'")
        .await;
    tab.readings(3).await;
    let late = tab
        .rows()
        .await
        .into_iter()
        .find(|row| row.method == "arrives")
        .expect("it is there");
    let lines: Vec<usize> = late
        .lines
        .iter()
        .map(|line| line.matches('L').count())
        .collect();
    assert!(
        lines.iter().all(|points| *points < 3),
        "it has no past: {late:?}"
    );
    tab.readings(4).await;
    assert_eq!(tab.console(), Vec::<String>::new());
}
