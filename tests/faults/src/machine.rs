//! The machine itself: its clock, its file descriptors.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use e2e::{Program, Scrape};
use test_servers::{Folder, LONG, Pushgateway, Usage, eventually, get};
use tokio::net::TcpStream;
use tokio::time::sleep;

use crate::fault::Length;
use crate::report::Report;
use crate::stage::{Infrastructure, Stage};

/// A wall clock that can be set: libfaketime's, for the processes that read its file.
struct WallClock {
    library: PathBuf,
    folder: Folder,
}

const DAY: f64 = 86_400.0;

impl WallClock {
    fn new() -> Self {
        let clock = Self {
            library: library().expect(
                "this needs libfaketime: apt-get install --no-install-recommends libfaketime",
            ),
            folder: Folder::new("clock"),
        };
        clock.set("+0");
        clock
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("offset")
    }

    /// Puts the clock ahead or back from the real time, such as `-1d`.
    fn set(&self, offset: &str) {
        fs::write(self.file(), offset).expect("the folder is ours");
    }

    /// Lets the process of this command read the clock. Time that only goes on is left alone, as when an administrator or NTP sets the clock.
    fn of(&self, mut command: Command) -> Command {
        command
            .env("LD_PRELOAD", &self.library)
            .env("FAKETIME_TIMESTAMP_FILE", self.file())
            .env("FAKETIME_NO_CACHE", "1")
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        command
    }
}

/// Returns the library for programs with threads, in the folder of this machine's architecture.
fn library() -> Option<PathBuf> {
    let folders = fs::read_dir("/usr/lib").ok()?;
    folders
        .flatten()
        .map(|folder| folder.path().join("faketime/libfaketimeMT.so.1"))
        .find(|library| library.exists())
}

pub(crate) async fn clock_jumps(length: Length) -> Report {
    let infrastructure = Infrastructure::start().await;
    let clock = WallClock::new();
    let servers = [
        clock.of(infrastructure.server()),
        clock.of(infrastructure.server()),
    ];
    let client = clock.of(infrastructure.client());
    let stage = infrastructure.with(&servers, &client).await;
    let mut report = Report::new("the wall clock goes a day ahead, then a day back");
    for (offset, days) in [("+1d", 1.0), ("-1d", -1.0), ("+0", 0.0)] {
        let real = pushed_at(&stage.gateway).await.1;
        clock.set(offset);
        let told = eventually(LONG, "a push with the new time", async || {
            let (said, received) = pushed_at(&stage.gateway).await;
            let near = (said - received - days * DAY).abs() < 3600.0;
            if near && received > real {
                Ok(())
            } else {
                Err((said, received))
            }
        });
        report.recovers(told).await;
        sleep(length.seconds(1, 10)).await;
        stage.calls_go_on().await;
        let figures = Scrape(stage.gateway.samples().await).of(&[("job", "dubbo_client")]);
        for (family, most) in [
            ("dubbo_consumer_rt_milliseconds_max", 60_000.0),
            ("dubbo_consumer_rt_milliseconds_p99", 60_000.0),
            ("dubbo_consumer_qps_total", 100_000.0),
        ] {
            let value = figures.value(family);
            report.promise(
                0.0 < value && value < most,
                format!("{family} knows nothing of the wall clock: {value} with {offset}"),
            );
        }
    }
    stage.every_process_is_registered().await;
    stage.unharmed(report).await
}

/// Returns when the client says that it pushed, by its own clock, and when the gateway received it, by the real one.
async fn pushed_at(gateway: &Pushgateway) -> (f64, f64) {
    let figures = Scrape(gateway.samples().await).of(&[("job", "dubbo_client")]);
    let time = |family| figures.sum(family).unwrap_or_default();
    (time("job_pushed_at_seconds"), time("push_time_seconds"))
}

/// Connections that find no descriptor any more.
const TOO_MANY: u64 = 40;

pub(crate) async fn descriptors_exhausted(length: Length) -> Report {
    let stage = Stage::start().await;
    let server = &stage.servers[0];
    let address = server.provider_address().await;
    let descriptors = || Usage::of(server.id()).descriptors;
    let limit = descriptors() + TOO_MANY / 2;
    set_limit(server, limit);
    let mut open = Vec::new();
    for _ in 0..TOO_MANY {
        open.push(
            TcpStream::connect(&address)
                .await
                .expect("the kernel accepts it"),
        );
    }
    eventually(LONG, "no descriptor is left", async || {
        descriptors() >= limit
    })
    .await;
    let mut report = Report::new(format!("all {limit} file descriptors of a provider in use"));
    server.logged("was not accepted").await;
    sleep(length.seconds(1, 5)).await;
    // On its open connection; a scrape would need a new one.
    stage.calls_go_on().await;
    drop(open);
    let scraped = eventually(LONG, "it can be scraped", async || {
        let answer = get(&server.metrics_url().await).await?;
        if answer.status == 200 {
            Ok(())
        } else {
            Err(answer.body)
        }
    });
    report.recovers(scraped).await;
    let mut newcomer = Program::start(
        Program::client(&stage.zookeeper.address())
            .args(["--push=false", "--count=20", "--direct"])
            .arg(format!("tri://{address}")),
    );
    newcomer.wait(LONG).await;
    let served = newcomer.summary();
    report.promise(
        served.succeeded == 20,
        format!("a newcomer is served: {}", served.line),
    );
    let lines = server
        .stderr()
        .lines()
        .filter(|line| line.contains("was not accepted"))
        .count();
    report.promise(lines <= 3, format!("the log is not flooded: {lines} lines"));
    stage.every_provider_is_called().await;
    stage.unharmed(report).await
}

fn set_limit(program: &Program, descriptors: u64) {
    let status = Command::new("prlimit")
        .args(["--pid", &program.id().to_string()])
        .arg(format!("--nofile={descriptors}:{descriptors}"))
        .status();
    assert!(
        status.is_ok_and(|status| status.success()),
        "prlimit (of util-linux) limits our own process"
    );
}
