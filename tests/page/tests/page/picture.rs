//! The README's picture of the page: `UPDATE_PICTURE=1 cargo test -p page picture` takes it again.

use std::path::{Path, PathBuf};
use std::{env, fs};

use e2e::Program;
use page::{Chromium, Scheme};
use ring::digest::{SHA256, digest};
use test_servers::free_port;

use crate::demo::{calling, demo};

/// What the page is made of, from the top of the project.
const PAGE: &str = "metrics-core/src/endpoint/page.html";
/// Which page the pictures show, in the format of `sha256sum`.
const SUM: &str = "docs/page.sha256";
/// How many readings the lines of the picture show: half a minute.
const READINGS: u32 = 16;

fn root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(path)
}

fn picture(scheme: Scheme) -> PathBuf {
    root(&format!("docs/page-{}.webp", scheme.name()))
}

fn sum() -> String {
    let page = fs::read(root(PAGE)).expect("there is a page");
    let hex: String = digest(&SHA256, &page)
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("{hex}  {PAGE}\n")
}

#[tokio::test]
async fn the_picture_is_one_of_the_page_as_it_is() {
    if env::var_os("UPDATE_PICTURE").is_some() {
        take().await;
    }
    let shown = fs::read_to_string(root(SUM)).unwrap_or_default();
    assert_eq!(
        shown,
        sum(),
        "the picture is old: UPDATE_PICTURE=1 cargo test -p page picture"
    );
    for scheme in [Scheme::Light, Scheme::Dark] {
        let bytes = fs::read(picture(scheme)).expect("there is a picture");
        assert!(
            bytes.starts_with(b"RIFF") && bytes[8..].starts_with(b"WEBP"),
            "{scheme:?}"
        );
        assert!(bytes.len() < 100_000, "{scheme:?}: {} bytes", bytes.len());
    }
}

async fn take() {
    let port = free_port();
    let running = Program::start(&demo(port));
    calling(&running).await;
    let chromium = Chromium::start().await;
    let tab = chromium.open(&format!("http://127.0.0.1:{port}/")).await;
    tab.readings(READINGS).await;
    tab.evaluate::<()>("document.getElementById('pause').click()")
        .await;
    // The name of the machine, and that the page was held still, are no part of the picture.
    tab.evaluate::<()>(
        "(() => { const of = document.getElementById('process'); of.textContent = of.textContent.replace(/ · [^·]+ · /, ' · ');
        const status = document.getElementById('status'); status.textContent = 'live'; status.className = 'good';
        document.getElementById('pause').textContent = 'Pause'; })()",
    )
    .await;
    for scheme in [Scheme::Light, Scheme::Dark] {
        tab.prefer(scheme).await;
        let height: u32 = tab
            .evaluate("document.getElementById('legend').offsetTop")
            .await;
        tab.resize(1200, height).await;
        fs::write(picture(scheme), tab.picture().await).expect("docs can be written");
    }
    fs::write(root(SUM), sum()).expect("docs can be written");
}
