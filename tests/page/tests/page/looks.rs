//! How the page looks: in both schemes, on a small screen, to those who do not see it.

use guarded_http::{Login, Protection, Secret};
use metrics_core::{Config, Endpoint, MethodKey, Metrics, Outcome, Side};
use page::{Chromium, Scheme, Tab};

use crate::endpoint::serve;

/// The least contrast of text that WCAG 2.2 asks for at level AA.
const LEAST_CONTRAST: f64 = 4.5;

async fn watch(chromium: &Chromium) -> Tab {
    let metrics = Metrics::new(Config::default()).expect("legal");
    for side in [Side::Provider, Side::Consumer] {
        let method = metrics.method(side, &MethodKey::new("greet.GreetService", "Greet"));
        method.start().end(Outcome::SUCCESS);
        method.start().end(Outcome::BUSINESS);
    }
    metrics.discovery().session_started();
    metrics.discovery().connected(false);
    let address = serve(Endpoint::new(&metrics)).await;
    let tab = chromium.open(&format!("http://{address}/")).await;
    tab.readings(2).await;
    tab
}

/// The least contrast between a text and the nearest ground behind it, with the text: WCAG's formula.
const CONTRAST: &str = "(() => {
    const channels = (color) => color.match(/[\\d.]+/g).map(Number);
    const luminance = (color) => channels(color).slice(0, 3).map((c) => c / 255)
        .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
        .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
    const ground = (element) => {
        const color = getComputedStyle(element).backgroundColor;
        return channels(color)[3] === 0 ? ground(element.parentElement) : color;
    };
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    let least = [100, ''];
    while (walker.nextNode()) {
        const element = walker.currentNode.parentElement;
        if (walker.currentNode.data.trim() === '' || element.closest('script, noscript, template')) continue;
        const [a, b] = [luminance(getComputedStyle(element).color), luminance(ground(element))].sort((a, b) => b - a);
        const contrast = (a + 0.05) / (b + 0.05);
        if (contrast < least[0]) least = [contrast, walker.currentNode.data];
    }
    return least;
})()";

#[tokio::test]
async fn the_page_is_easy_to_read_in_both_schemes() {
    let chromium = Chromium::start().await;
    let tab = watch(&chromium).await;
    let mut grounds = Vec::new();
    for scheme in [Scheme::Light, Scheme::Dark] {
        tab.prefer(scheme).await;
        let (contrast, text): (f64, String) = tab.evaluate(CONTRAST).await;
        assert!(
            contrast >= LEAST_CONTRAST,
            "{contrast:.2} of {text:?}, {scheme:?}"
        );
        grounds.push(
            tab.evaluate::<String>("getComputedStyle(document.body).backgroundColor")
                .await,
        );
    }
    assert_ne!(grounds[0], grounds[1], "the schemes differ");
    assert_eq!(tab.console(), Vec::<String>::new());
}

#[tokio::test]
async fn a_page_behind_a_login_reads_with_the_same_login() {
    let metrics = Metrics::new(Config::default()).expect("legal");
    metrics.method(
        Side::Provider,
        &MethodKey::new("greet.GreetService", "Greet"),
    );
    let login = Login::new("watcher", Secret::text("let me in")).expect("legal");
    let guard = Protection {
        login: Some(login),
        ..Protection::default()
    };
    let address = serve(Endpoint::new(&metrics).protection(guard)).await;
    let chromium = Chromium::start().await;
    let tab = chromium
        .open(&format!("http://watcher:let%20me%20in@{address}/"))
        .await;
    tab.readings(2).await;
    assert_eq!(tab.rows().await.len(), 1);
    assert_eq!(tab.console(), Vec::<String>::new());
}

#[tokio::test]
async fn a_small_screen_scrolls_the_table_and_nothing_else() {
    let chromium = Chromium::start().await;
    let tab = watch(&chromium).await;
    for width in [320, 768, 1920] {
        tab.resize(width, 600).await;
        let wide: u32 = tab.evaluate("document.documentElement.scrollWidth").await;
        assert!(wide <= width, "{wide} of {width} pixels");
    }
}

#[tokio::test]
async fn everything_has_a_name_for_those_who_hear_the_page() {
    let chromium = Chromium::start().await;
    let tab = watch(&chromium).await;
    let nameless: Vec<String> = tab
        .evaluate(
            "[...document.querySelectorAll('a, button, input, section, [role=region]')]
                .filter((element) => ![element.textContent.trim() && !element.matches('section, [role=region]'), element.labels?.length,
                    element.ariaLabel, element.getAttribute('aria-labelledby')?.split(' ').every((id) => document.getElementById(id))].some(Boolean))
                .map((element) => element.outerHTML)",
        )
        .await;
    assert_eq!(nameless, Vec::<String>::new());
    let heads: Vec<String> = tab
        .evaluate("[...document.querySelectorAll('th')].map((head) => head.scope)")
        .await;
    assert!(
        heads.iter().all(|scope| scope == "col" || scope == "row"),
        "{heads:?}"
    );
    assert_eq!(
        tab.evaluate::<Vec<String>>(
            "[...document.querySelectorAll('[role=status]')].map((e) => e.id)"
        )
        .await,
        ["status", "count"]
    );
    let ids: Vec<String> = tab
        .evaluate("[...document.querySelectorAll('[id]')].map((element) => element.id)")
        .await;
    let distinct: std::collections::BTreeSet<&String> = ids.iter().collect();
    assert_eq!(distinct.len(), ids.len(), "{ids:?}");
}
