//! The texts of scrapes, one of which is read by several scrapers at a time.
//!
//! A text of 1,000 methods takes megabytes, for as long as its reader takes. So scrapers that ask at the same moment get the same text, and
//! those that ask while many texts are still being read get one that is there already, if it is not [old](Limits::oldest).

use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::time::Instant;

use crate::config::Families;
use crate::exposition::Format;

/// What a scrape asks for. Scrapes that ask for the same get the same bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Kind {
    pub(super) format: Format,
    pub(super) families: Families,
    pub(super) gzip: bool,
}

/// How much texts may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// The bytes of all texts that are being read, beyond which scrapers share.
    pub(super) held: usize,
    /// How old a text may be that is shared because of that.
    pub(super) oldest: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            held: 32 << 20,
            oldest: Duration::from_secs(5),
        }
    }
}

/// The texts that are being read, or were last.
#[derive(Debug, Default)]
pub(super) struct Texts {
    limits: Limits,
    /// How many texts were begun.
    begun: AtomicU64,
    held: Arc<AtomicUsize>,
    kinds: Mutex<HashMap<Kind, Arc<tokio::sync::Mutex<Last>>>>,
}

/// The text of a kind that was begun last. Only its readers keep it.
#[derive(Debug, Default)]
struct Last {
    text: Weak<Text>,
    number: u64,
    at: Option<Instant>,
}

#[derive(Debug)]
struct Text {
    bytes: Vec<u8>,
    held: Arc<AtomicUsize>,
}

/// A reader's part in a text.
struct Reader(Arc<Text>);

impl Drop for Text {
    fn drop(&mut self) {
        self.held.fetch_sub(self.bytes.len(), Relaxed);
    }
}

impl AsRef<[u8]> for Reader {
    fn as_ref(&self) -> &[u8] {
        &self.0.bytes
    }
}

impl Texts {
    /// Returns a text of this kind that was begun after this was called, unless too many are being read.
    ///
    /// # Errors
    ///
    /// When `write` fails.
    pub(super) async fn of(
        &self,
        kind: Kind,
        write: impl AsyncFnOnce() -> io::Result<Vec<u8>>,
    ) -> io::Result<Bytes> {
        let asked = self.begun.load(Relaxed);
        let last = Arc::clone(self.kinds.lock().entry(kind).or_default());
        // Those that wait here while a text is written share the next one.
        let mut last = last.lock().await;
        if let Some(text) = last.text.upgrade()
            && (last.number > asked || self.is_full() && last.is_fresh(self.limits.oldest))
        {
            return Ok(Bytes::from_owner(Reader(text)));
        }
        last.number = self.begun.fetch_add(1, Relaxed) + 1;
        last.at = Some(Instant::now());
        last.text = Weak::new();
        let mut bytes = write().await?;
        bytes.shrink_to_fit();
        self.held.fetch_add(bytes.len(), Relaxed);
        let text = Arc::new(Text {
            bytes,
            held: Arc::clone(&self.held),
        });
        last.text = Arc::downgrade(&text);
        Ok(Bytes::from_owner(Reader(text)))
    }

    fn is_full(&self) -> bool {
        self.held.load(Relaxed) > self.limits.held
    }
}

impl Last {
    fn is_fresh(&self, oldest: Duration) -> bool {
        self.at.is_some_and(|at| at.elapsed() <= oldest)
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::{advance, sleep};

    use super::*;

    const TEXT: Kind = Kind {
        format: Format::Text,
        families: Families::All,
        gzip: false,
    };
    const OTHER: Kind = Kind {
        format: Format::OpenMetrics,
        ..TEXT
    };

    /// Texts of ten bytes, of which 25 bytes may be read before scrapers share.
    fn texts() -> Texts {
        Texts {
            limits: Limits {
                held: 25,
                ..Limits::default()
            },
            ..Texts::default()
        }
    }

    /// Asks for a text that takes a second to write and begins with its number.
    async fn ask(texts: &Texts, kind: Kind) -> Bytes {
        let text = texts.of(kind, async || {
            let number = texts.begun.load(Relaxed);
            sleep(Duration::from_secs(1)).await;
            Ok(format!("{number:010}").into_bytes())
        });
        text.await.unwrap()
    }

    fn held(texts: &Texts) -> usize {
        texts.held.load(Relaxed)
    }

    #[tokio::test(start_paused = true)]
    async fn those_that_ask_while_a_text_is_written_share_the_next() {
        let texts = texts();
        let late = async {
            sleep(Duration::from_millis(500)).await;
            let asking = [(); 3].map(|()| ask(&texts, TEXT));
            let [one, two, three] = asking;
            tokio::join!(one, two, three)
        };
        let (first, (one, two, three)) = tokio::join!(ask(&texts, TEXT), late);
        assert_eq!(first, "0000000001");
        assert_eq!([&one, &two, &three], ["0000000002"; 3]);
        assert_eq!(held(&texts), 20);
        drop((first, one, two));
        assert_eq!(held(&texts), 10, "one is still being read");
        drop(three);
        assert_eq!(held(&texts), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn each_text_is_new_while_few_are_read() {
        let texts = texts();
        let first = ask(&texts, TEXT).await;
        let second = ask(&texts, TEXT).await;
        assert_ne!(first, second);
        assert_ne!(ask(&texts, OTHER).await, second, "another kind is its own");
    }

    #[tokio::test(start_paused = true)]
    async fn slow_readers_share_until_the_text_is_old() {
        let texts = texts();
        let mut reading = Vec::new();
        for _ in 0..128 {
            reading.push(ask(&texts, TEXT).await);
        }
        assert_eq!(held(&texts), 30, "as much as may be read, and one more");
        advance(Limits::default().oldest).await;
        let new = ask(&texts, TEXT).await;
        assert_eq!(new, "0000000004");
        // Others that come then share the new one.
        assert_eq!(ask(&texts, TEXT).await, new);
        reading.clear();
        assert_eq!(ask(&texts, TEXT).await, "0000000005", "few are read again");
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_given_up_or_fails_keeps_no_other_from_its_text() {
        let texts = texts();
        let given_up = tokio::time::timeout(Duration::from_millis(1), ask(&texts, TEXT)).await;
        given_up.unwrap_err();
        let failed = texts.of(TEXT, async || Err(io::ErrorKind::OutOfMemory.into()));
        failed.await.unwrap_err();
        assert_eq!(ask(&texts, TEXT).await, "0000000003");
        assert_eq!(held(&texts), 10 - 10, "it was read");
    }
}
