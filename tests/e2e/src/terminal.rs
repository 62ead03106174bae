//! A terminal: one of the kernel's, with an emulator behind it that knows what a person would see.

use std::{
    fmt,
    fs::{File, OpenOptions},
    io::{Read as _, Write as _},
    num::NonZero,
    ops::{Deref, DerefMut},
    process::Command,
    sync::Arc,
    thread,
};

use parking_lot::Mutex;
use rustix::{
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{Winsize, tcsetwinsize},
};
use test_servers::{Process, wrapped};
use vt100::Parser;

/// A program on a terminal of its own.
#[derive(Debug)]
pub struct Terminal {
    process: Process,
    keyboard: File,
    seen: Arc<Mutex<Seen>>,
    /// As long as it is open, the last that was written can be read.
    _line: File,
}

/// What has come from the program.
struct Seen {
    bytes: Vec<u8>,
    parser: Parser,
}

impl fmt::Debug for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.parser.screen().contents())
    }
}

impl Terminal {
    /// Starts a program on a terminal of this size; its standard error is kept apart.
    ///
    /// # Panics
    ///
    /// When there is no terminal to be had, or no such program.
    #[must_use]
    pub fn start(command: &Command, columns: u16, rows: u16) -> Self {
        let master =
            openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("the kernel has a terminal");
        grantpt(&master).expect("it is ours");
        unlockpt(&master).expect("it is ours");
        let name = ptsname(&master, Vec::new()).expect("it has a name");
        let name = name.to_str().expect("its name is ASCII");
        let line = OpenOptions::new().read(true).write(true).open(name);
        let line = line.expect("it is unlocked");

        // Its controlling terminal tells a program that the size has changed.
        let shell = "exec setsid --ctty \"$@\" <\"$0\" >\"$0\"";
        let mut command = wrapped(&["sh", "-c", shell, name], command);
        let seen = Arc::new(Mutex::new(Seen {
            bytes: Vec::new(),
            parser: Parser::new(cells(rows), cells(columns), 0),
        }));
        let keyboard = File::from(master);
        let screen = keyboard.try_clone().expect("a file handle can be cloned");
        watch(screen, Arc::clone(&seen));
        let terminal = Self {
            process: Process::spawn(command.env("TERM", "xterm-256color")),
            keyboard,
            seen,
            _line: line,
        };
        terminal.resize(columns, rows);
        terminal
    }

    /// Returns the text on the screen.
    #[must_use]
    pub fn contents(&self) -> String {
        self.seen.lock().parser.screen().contents()
    }

    /// Returns whether the program has taken the whole screen, apart from the lines that came before.
    #[must_use]
    pub fn is_taken(&self) -> bool {
        self.seen.lock().parser.screen().alternate_screen()
    }

    /// Returns whether the cursor is hidden.
    #[must_use]
    pub fn hides_cursor(&self) -> bool {
        self.seen.lock().parser.screen().hide_cursor()
    }

    /// Returns all that has been written to the terminal so far, control characters included.
    #[must_use]
    pub fn written(&self) -> String {
        String::from_utf8_lossy(&self.seen.lock().bytes).into_owned()
    }

    /// Types on the keyboard.
    ///
    /// # Panics
    ///
    /// When the terminal is gone.
    pub fn press(&mut self, keys: &str) {
        self.keyboard
            .write_all(keys.as_bytes())
            .expect("a keyboard can be typed on");
    }

    /// Changes the size of the window.
    ///
    /// # Panics
    ///
    /// When the terminal is gone.
    pub fn resize(&self, columns: u16, rows: u16) {
        self.seen
            .lock()
            .parser
            .screen_mut()
            .set_size(cells(rows), cells(columns));
        let size = Winsize {
            ws_row: rows,
            ws_col: columns,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        tcsetwinsize(&self.keyboard, size).expect("a terminal has a size");
    }
}

impl Deref for Terminal {
    type Target = Process;

    fn deref(&self) -> &Process {
        &self.process
    }
}

impl DerefMut for Terminal {
    fn deref_mut(&mut self) -> &mut Process {
        &mut self.process
    }
}

fn cells(number: u16) -> NonZero<u16> {
    NonZero::new(number).expect("a window has at least one cell")
}

/// Looks at the screen on a thread, which ends when the terminal is closed.
fn watch(mut screen: File, seen: Arc<Mutex<Seen>>) {
    thread::spawn(move || {
        let mut chunk = [0; 4096];
        while let Ok(length @ 1..) = screen.read(&mut chunk) {
            let mut seen = seen.lock();
            seen.bytes.extend_from_slice(&chunk[..length]);
            seen.parser.process(&chunk[..length]);
        }
    });
}
