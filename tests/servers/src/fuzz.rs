//! Damaged input for whatever reads bytes of others.
#![expect(clippy::print_stdout, reason = "says what was tried")]

use std::fmt;
use std::thread;
use std::time::Duration;

use fastrand::Rng;
use tokio::time::Instant;

/// How long each target runs unless `FUZZ_SECONDS` says otherwise.
const SECONDS: u64 = 3;

/// The most bytes of an input; few reach them.
const MOST: usize = 64 << 10;

/// An input that takes a processor for longer than this, on any machine, is as good as one that never ends.
const LONGEST: Duration = Duration::from_secs(30);

/// Feeds damaged forms of these documents to `read` for some seconds. It must not panic, and may assert on what it has read.
///
/// `FUZZ_SECONDS` says for how long. With it each run feeds something else, without it all runs feed the same, so that a run which passed
/// passes again. `FUZZ_SEED` chooses what is fed; the seed is printed first, and a panic is followed by the input and by the seed that
/// begins with it.
///
/// # Panics
///
/// When an input takes too long.
pub fn fuzz(target: &str, documents: &[&[u8]], read: impl Fn(&[u8])) {
    let seconds = number("FUZZ_SECONDS");
    let seed = number("FUZZ_SEED").unwrap_or_else(|| {
        let chosen = seconds.map(|_| fastrand::u64(..1 << 32));
        chosen.unwrap_or_default()
    });
    let limit = Duration::from_secs(seconds.unwrap_or(SECONDS));
    println!("{target}: FUZZ_SEED={seed}");
    let (start, mut inputs, mut longest) = (Instant::now(), 0, Duration::ZERO);
    for document in documents {
        read(document);
    }
    while start.elapsed() < limit {
        let input = damaged(&mut Rng::with_seed(seed + inputs), documents);
        let shown = Shown {
            target,
            seed: seed + inputs,
            input: &input,
        };
        let (begun, before) = (Instant::now(), worked());
        read(&input);
        let took = match (before, worked()) {
            (Some(before), Some(after)) => after.saturating_sub(before),
            _ => begun.elapsed(),
        };
        assert!(took < LONGEST, "{shown}: it took {took:?}");
        drop(shown);
        longest = longest.max(took);
        inputs += 1;
    }
    println!("{target}: {inputs} inputs, the longest took {longest:?}, FUZZ_SEED={seed}");
}

/// Returns how long this thread has had a processor, where the system tells it: a machine with other work takes longer for the same.
fn worked() -> Option<Duration> {
    let times = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let nanos = times.split_whitespace().next()?.parse().ok()?;
    Some(Duration::from_nanos(nanos))
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

/// An input that is being read; shown if that panics.
struct Shown<'i> {
    target: &'i str,
    seed: u64,
    input: &'i [u8],
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            target,
            seed,
            input,
        } = self;
        let shown = input.get(..4_000).unwrap_or(input).escape_ascii();
        write!(
            f,
            "{target}: FUZZ_SEED={seed} begins with {} bytes: {shown}",
            input.len()
        )
    }
}

impl Drop for Shown<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            println!("{self}");
        }
    }
}

/// Pieces that mean something in many formats, and numbers at their ends.
const PIECES: [&str; 48] = [
    "{",
    "}",
    "[",
    "]",
    "\"",
    "\\",
    ":",
    ",",
    "'",
    "\n",
    "\r\n",
    " ",
    "\t",
    "%",
    "%2",
    "%00",
    "%25",
    "&",
    "=",
    "=>",
    "!=",
    "?",
    "/",
    "//",
    "*",
    "-",
    "- ",
    "#",
    "&a ",
    "*a",
    "!!binary ",
    "---\n",
    "null",
    "true",
    "~",
    "NaN",
    "-1",
    "0",
    "65535",
    "65536",
    "9223372036854775808",
    "1e999",
    "\u{0}",
    "\u{feff}",
    "\u{fffd}",
    "\\ud800",
    "\u{e9}\u{1f600}",
    "-----BEGIN CERTIFICATE-----\n",
];

/// Returns a document, damaged in some places; now and then anything else.
fn damaged(rng: &mut Rng, documents: &[&[u8]]) -> Vec<u8> {
    if documents.is_empty() || rng.u8(..32) == 0 {
        return random(rng, 400);
    }
    let mut input = documents[rng.usize(..documents.len())].to_vec();
    for _ in 0..=rng.usize(..8) {
        let place = rng.usize(..=input.len());
        let end = rng.usize(place..=input.len()).min(place + rng.usize(..200));
        match rng.u8(..9) {
            0 if place < input.len() => input[place] ^= 1 << rng.u8(..8),
            1 => drop(input.drain(place..end)),
            2 => drop(input.splice(place..end, random(rng, 8))),
            3 => {
                let piece = input[place..end].to_vec();
                let to = rng.usize(..=input.len());
                input.splice(to..to, piece);
            }
            4 => {
                // Deep where the format can be deep, long where it can be long.
                let piece = PIECES[rng.usize(..PIECES.len())].repeat(1 << rng.usize(..12));
                input.splice(place..place, piece.into_bytes());
            }
            5 => {
                let other = documents[rng.usize(..documents.len())];
                let from = rng.usize(..=other.len());
                input.truncate(place);
                input.extend(&other[from..]);
            }
            6 => input.truncate(place),
            _ => {
                let piece = PIECES[rng.usize(..PIECES.len())].as_bytes();
                input.splice(place..end, piece.iter().copied());
            }
        }
    }
    input.truncate(MOST);
    input
}

fn random(rng: &mut Rng, most: usize) -> Vec<u8> {
    let length = rng.usize(..most);
    (0..length).map(|_| rng.u8(..)).collect()
}
