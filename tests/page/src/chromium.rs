//! The browser's process.

use std::process::Command;

use rustix::fs::{CWD, FileType, Mode, mknodat};
use serde_json::json;
use test_servers::{Folder, Process, find};
use tokio::net::unix::pipe::OpenOptions;

use crate::devtools::DevTools;
use crate::tab::Tab;

/// Programs that will do, the lightest first.
const PROGRAMS: [&str; 4] = [
    "chromium-headless-shell",
    "chromium",
    "google-chrome",
    "google-chrome-stable",
];

/// A running browser with a profile of its own.
#[derive(Debug)]
pub struct Chromium {
    devtools: DevTools,
    // Dropped in this order: the browser ends before its folder goes.
    _process: Process,
    _folder: Folder,
}

impl Chromium {
    /// Starts the browser and waits until it answers.
    ///
    /// # Panics
    ///
    /// When there is none on `PATH`, or it does not answer.
    pub async fn start() -> Self {
        let program = PROGRAMS.into_iter().find_map(find).expect(
            "this test needs a Chromium: apt-get install --no-install-recommends chromium-headless-shell",
        );
        let folder = Folder::new("chromium");
        let [commands, answers] = ["commands", "answers"].map(|name| {
            let path = folder.path().join(name);
            mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0)
                .expect("a new folder takes a pipe");
            path
        });
        // Open for both, so that neither side waits for the other before it starts.
        let both = |options: &mut OpenOptions| options.read_write(true).clone();
        let sender = both(&mut OpenOptions::new())
            .open_sender(&commands)
            .expect("it is a pipe");
        let receiver = both(&mut OpenOptions::new())
            .open_receiver(&answers)
            .expect("it is a pipe");

        let mut command = Command::new("sh");
        // The protocol is spoken on the descriptors 3 and 4.
        command.args(["-c", "exec \"$@\" 3<commands 4>answers", "sh"]);
        command.arg(program);
        command.args([
            "--headless",
            "--remote-debugging-pipe",
            "--user-data-dir=profile",
            // Nothing is kept: its helpers would go on writing for a moment after it has been killed.
            "--incognito",
            // As root, in containers, with little shared memory.
            "--no-sandbox",
            "--disable-dev-shm-usage",
            "--disable-gpu",
            // The browser asks no other host for anything.
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            // A hidden window is not put to sleep.
            "--disable-background-timer-throttling",
            "--disable-renderer-backgrounding",
            "--hide-scrollbars",
            "--lang=en",
            "about:blank",
        ]);
        command
            .current_dir(folder.path())
            .env("HOME", folder.path());
        let process = Process::spawn(&command);
        let devtools = DevTools::new(sender, receiver);
        let version = devtools.call(None, "Browser.getVersion", json!({})).await;
        version.unwrap_or_else(|err| panic!("{err}\n{}", process.stderr()));
        Self {
            devtools,
            _process: process,
            _folder: folder,
        }
    }

    /// Opens an address in a tab of its own, 1200 by 800 pixels large, and waits until it is loaded.
    ///
    /// # Panics
    ///
    /// When the browser refuses.
    pub async fn open(&self, url: &str) -> Tab {
        Tab::open(self.devtools.clone(), url).await
    }
}
