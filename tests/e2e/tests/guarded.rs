//! The pull endpoint over TLS and behind a login, as `docs/security.md` describes it, scraped by Prometheus.
#![expect(clippy::unwrap_used, reason = "these helpers run in tests only")]

use std::{fs, path::Path, process::Command};

use e2e::Program;
use test_servers::{
    Authority, Folder, Issued, LONG, Prometheus, Pushgateway, Target, ZooKeeper, eventually, get,
    prometheus_pull,
};

/// Returns the block of the document that begins with this.
fn documented(start: &str) -> String {
    let document = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/security.md");
    let text = fs::read_to_string(document).unwrap();
    let block = text
        .split("```")
        .filter_map(|block| block.split_once('\n'))
        .find(|(_, block)| block.starts_with(start));
    block.unwrap().1.to_owned()
}

async fn target(prometheus: &Prometheus) -> Option<Target> {
    let targets = prometheus.targets().await;
    targets
        .into_iter()
        .find(|target| target.labels.get("job").is_some_and(|job| job == "dubbo"))
}

#[tokio::test]
async fn prometheus_scrapes_over_tls_with_a_password() {
    let folder = Folder::new("e2e");
    let command = documented("openssl req");
    let output = Command::new("sh")
        .args(["-c", &command])
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let file = |name: &str| folder.path().join(name);
    let password = file("metrics-password");
    fs::write(&password, "hunter2\n").unwrap();

    let (zookeeper, gateway) = tokio::join!(ZooKeeper::start(), Pushgateway::start());
    let mut server = Program::start(
        Program::server(&zookeeper.address())
            .args(["--push=false", "--probe-addr", "127.0.0.1:0"])
            .args(["--metrics-user", "prometheus", "--metrics-pass-file"])
            .arg(&password)
            .env("METRICS_TLS_CERT", file("metrics.pem"))
            .env("METRICS_TLS_KEY", file("metrics.key")),
    );
    let configuration = prometheus_pull(&zookeeper.address(), &gateway.address()).replace(
        "  - job_name: dubbo\n",
        &format!(
            "  - job_name: dubbo\n{}",
            documented("    scheme: https").replace("/etc/prometheus/", "")
        ),
    );
    let certificate = fs::read_to_string(file("metrics.pem")).unwrap();
    let files = [
        ("metrics.pem", certificate.as_str()),
        ("metrics-password", "hunter2\n"),
    ];
    let prometheus = Prometheus::start_with_files(&configuration, &files).await;
    let health = async |wanted: &str, error: &str| {
        eventually(LONG, &format!("the target is {wanted}"), async || {
            let target = target(&prometheus).await.ok_or("no target")?;
            if target.health == wanted && target.last_error.contains(error) {
                Ok(())
            } else {
                Err(format!("{target:?}"))
            }
        })
        .await;
    };
    health("up", "").await;
    eventually(LONG, "Prometheus has the calls", async || {
        let query = "dubbo_provider_requests_total{job='dubbo'}";
        prometheus.query(query).await.first().cloned()
    })
    .await;

    fs::write(&password, "another\n").unwrap();
    health("down", "401").await;
    fs::write(&password, "hunter2\n").unwrap();
    health("up", "").await;

    let plain = get(&server.metrics_url().await).await.unwrap();
    assert_eq!(
        (plain.status, &*plain.body),
        (400, "this port speaks https\n")
    );
    let probe = get(&format!("{}/live", server.probe_url().await)).await;
    assert_eq!(probe.unwrap().status, 200, "probes stay plain and open");
    server.stop().await;
    let log = server.stderr();
    assert!(
        !log.contains("hunter2") && !log.contains("another"),
        "{log}"
    );
}

/// A server whose metrics port shows a certificate and asks for those of an authority, or speaks no TLS. No ZooKeeper is there for it.
fn measured(tls: Option<(&Issued, &Authority)>) -> Program {
    let mut command = Program::server("127.0.0.1:1");
    command.arg("--push=false");
    if let Some((shown, authority)) = tls {
        command
            .arg("--metrics-tls-cert")
            .arg(&shown.cert)
            .arg("--metrics-tls-key")
            .arg(&shown.key)
            .arg("--metrics-tls-client-ca")
            .arg(authority.file());
    }
    Program::start(&command)
}

/// Scrapes a server with curl, which trusts this authority and shows this certificate, and returns the status, or 000.
async fn scraped(
    server: &Program,
    scheme: &str,
    authority: &Authority,
    shown: Option<&Issued>,
) -> String {
    let url = server.metrics_url().await.replace("http", scheme);
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--max-time", "30", "--noproxy", "*"])
        .args(["--output", "/dev/null", "--write-out", "%{http_code}"])
        .arg("--cacert")
        .arg(authority.file());
    if let Some(issued) = shown {
        curl.arg("--cert")
            .arg(&issued.cert)
            .arg("--key")
            .arg(&issued.key);
    }
    let output = curl.arg(url).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test]
async fn a_scraper_must_show_a_certificate_and_a_line_says_why_another_was_refused() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let shown = authority.issue("metrics", &["127.0.0.1"]);
    let prometheus = authority.issue("prometheus", &[]);
    let expired = authority.issue_expired("expired", &[]);
    let foreign = stranger.issue("foreign", &[]);
    let guard = Some((&shown, &authority));
    for (scheme, certificate, said) in [
        ("https", None, "peer sent no certificates"),
        ("https", Some(&foreign), "invalid peer certificate: "),
        ("https", Some(&expired), "certificate expired"),
        ("http", None, "it speaks no TLS, which this port asks for"),
    ] {
        let mut server = measured(guard);
        let status = scraped(&server, scheme, &authority, certificate).await;
        let told = if scheme == "http" { "400" } else { "000" };
        assert_eq!(status, told, "{said}");
        let line = server.logged(said).await;
        assert!(line.contains("was refused: "), "{line}");
        assert_eq!(
            scraped(&server, "https", &authority, Some(&prometheus)).await,
            "200",
            "after {said}"
        );
        server.stop().await;
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_metrics_port_is_said_in_its_log() {
    let authority = Authority::new();
    let plain = measured(None);
    assert_eq!(scraped(&plain, "https", &authority, None).await, "000");
    plain
        .logged("it speaks TLS, and this port speaks plain HTTP")
        .await;
    assert_eq!(scraped(&plain, "http", &authority, None).await, "200");

    let expired = authority.issue_expired("metrics", &["127.0.0.1"]);
    let own = authority.issue("prometheus", &[]);
    let server = measured(Some((&expired, &authority)));
    assert_eq!(
        scraped(&server, "https", &authority, Some(&own)).await,
        "000"
    );
    server
        .logged("received fatal alert: CertificateExpired")
        .await;
    // It is renewed: the next scrape succeeds, without a restart.
    authority.issue("metrics", &["127.0.0.1"]);
    assert_eq!(
        scraped(&server, "https", &authority, Some(&own)).await,
        "200"
    );
}
