//! Four times the calls that a provider can do: providers of ours and of dubbo-go, each with the limits that it has.

use std::process::Command;
use std::time::Duration;

use faults::{Load, Overloaded, Work, load};
use test_servers::{Folder, LONG, Process, eventually, free_port};
use tokio::net::TcpStream;
use triple::CallLimit;

use crate::peer;

/// How many calls may run where that is a number: twice as many as there are workers.
const MOST: usize = 20;

/// A provider with ten workers, each of which a call needs for 50 ms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limited {
    /// Ours without a limit.
    Ours,
    /// Ours with a number (`--max-calls`).
    OursNumber,
    /// Ours that finds the number out (`--max-calls=adaptive`).
    OursAdaptive,
    /// dubbo-go without a limit.
    DubboGo,
    /// dubbo-go with a number (`WithServerExecuteLimit`).
    DubboGoNumber,
    /// dubbo-go that finds the number out (`WithServerAdaptiveService`).
    DubboGoAdaptive,
}

// === impl Limited ===

impl Limited {
    /// All of them, ours first.
    pub const ALL: [Self; 6] = [
        Self::Ours,
        Self::OursNumber,
        Self::OursAdaptive,
        Self::DubboGo,
        Self::DubboGoNumber,
        Self::DubboGoAdaptive,
    ];

    /// Returns the first column of its row.
    fn name(self) -> String {
        match self {
            Self::Ours => "ours, no limit".to_owned(),
            Self::OursNumber => format!("ours, `--max-calls={MOST}`"),
            Self::OursAdaptive => "ours, `--max-calls=adaptive`".to_owned(),
            Self::DubboGo => "dubbo-go, no limit".to_owned(),
            Self::DubboGoNumber => format!("dubbo-go, execute limit of {MOST}"),
            Self::DubboGoAdaptive => "dubbo-go, adaptive service".to_owned(),
        }
    }

    async fn start(self) -> Running {
        let ours = async |limit| {
            let provider = Overloaded::start(Work::worker(), limit).await;
            Running::Ours(Box::new(provider))
        };
        match self {
            Self::Ours => ours(None).await,
            Self::OursNumber => ours(Some(CallLimit::new(MOST))).await,
            Self::OursAdaptive => ours(Some(CallLimit::adaptive())).await,
            Self::DubboGo => Running::dubbo_go(&[]).await,
            Self::DubboGoNumber => Running::dubbo_go(&[&format!("-executes={MOST}")]).await,
            Self::DubboGoAdaptive => Running::dubbo_go(&["-adaptive"]).await,
        }
    }
}

enum Running {
    Ours(Box<Overloaded>),
    DubboGo {
        address: String,
        _process: Process,
        // dubbo-go keeps a cache in the folder in which it runs.
        _folder: Folder,
    },
}

// === impl Running ===

impl Running {
    async fn dubbo_go(options: &[&str]) -> Self {
        let (folder, port) = (Folder::new("overloaded"), free_port());
        let mut command = Command::new(peer());
        command
            .args(["provider", "-workers=10", "-delay=50ms", "-log-level=panic"])
            .arg(format!("-port={port}"))
            .args(options)
            .current_dir(folder.path());
        let process = Process::spawn(&command);
        let address = format!("127.0.0.1:{port}");
        eventually(LONG, "the peer accepts", async || {
            let connected = TcpStream::connect(&address).await;
            connected.map_err(|error| format!("{error}: {}", process.stderr()))
        })
        .await;
        Self::DubboGo {
            address,
            _process: process,
            _folder: folder,
        }
    }

    fn address(&self) -> String {
        match self {
            Self::Ours(provider) => provider.address(),
            Self::DubboGo { address, .. } => address.clone(),
        }
    }

    async fn end(self) {
        if let Self::Ours(provider) = self {
            provider.leave(Duration::ZERO).await;
        }
    }
}

/// What a provider made of as many calls as it can do, and of four times as many.
#[derive(Clone, Debug)]
pub struct Overload {
    limited: Limited,
    /// As many as it can do.
    pub capacity: Load,
    /// Four times as many.
    pub overload: Load,
}

/// Overloads a provider for so long, after a warm-up.
///
/// # Panics
/// When a program can't be built or started.
pub async fn overloads(limited: Limited, warm_up: Duration, length: Duration) -> Overload {
    let running = limited.start().await;
    let capacity = load(&running.address(), Load::CAPACITY, warm_up, length).await;
    running.end().await;
    // A limit that has learnt nothing, as after a start into full load.
    let running = limited.start().await;
    let overload = load(&running.address(), Load::OVERLOAD, warm_up, length).await;
    running.end().await;
    Overload {
        limited,
        capacity,
        overload,
    }
}

/// Returns the table in Markdown.
pub(super) fn lines(rows: &[Overload]) -> String {
    let mut lines = String::from(
        "| provider | answers a second at capacity | p99 | answers left at four times as many calls | p99 | refused | failed otherwise | no answer in 2 s |\n\
         |---|---|---|---|---|---|---|---|\n",
    );
    for row in rows {
        let Overload {
            limited,
            capacity,
            overload,
        } = row;
        let calls = overload.answered + overload.refused + overload.failed + overload.late;
        let share = |part: usize| part as f64 / calls.max(1) as f64 * 100.0;
        let time = |load: &Load| match load.answered {
            0 => "–".to_owned(),
            _ => format!("{:.0} ms", load.p99.as_secs_f64() * 1e3),
        };
        lines += &format!(
            "| {} | {:.0} | {} | {:.0} % | {} | {:.0} % | {:.0} % | {:.0} % |\n",
            limited.name(),
            capacity.rate(),
            time(capacity),
            overload.beside(capacity).0 * 100.0,
            time(overload),
            share(overload.refused),
            share(overload.failed),
            share(overload.late),
        );
    }
    lines
}
