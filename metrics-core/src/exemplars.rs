//! Exemplars: which trace a bucket's newest call, or an error's, belongs to.
//!
//! [`sampled`] and [`Traces`] are on the hot path of calls that carry a trace; the rest is for the ticker and for readers.

use std::ops::Range;
use std::sync::Arc;

use crate::buckets::{FINE, Geometry};
use crate::clock::{Clock, Moment};
use crate::outcome::{CODES, Outcome};
use crate::slots::{Number, Slots};

/// The bytes of a `traceparent` of version 00, and of what later versions begin with: <https://www.w3.org/TR/trace-context/>.
const HEADER: usize = 55;
/// Where each word of the header begins. The last one overlaps the one before.
const OFFSETS: [usize; 7] = [0, 8, 16, 24, 32, 40, HEADER - 8];
/// The word for the nanoseconds of the call.
const NANOS: usize = OFFSETS.len();
/// The word for the moment when it ended.
const ENDED: usize = NANOS + 1;
const WORDS: usize = ENDED + 1;

/// How many calls with a trace a shard knows at a time, those that are under way included; further ones leave no exemplar.
const SLOTS: usize = 64;
/// The first list of errors: those of classes come before.
const ERRORS: usize = u8::MAX as usize + 1;
const LISTS: usize = ERRORS + CODES;

/// A bit for each hexadecimal digit whose lowest bit is set, at its code modulo 64.
const ODD_DIGITS: u64 = {
    let (digits, mut odd) = (b"13579bdf", 0);
    let mut at = 0;
    while at < digits.len() {
        odd |= 1 << (digits[at] % 64);
        at += 1;
    }
    odd
};

/// Returns the header of a call whose trace is sampled, as far as version 00 goes. What else is wrong with it shows when it is read.
#[inline]
pub(crate) fn sampled(header: &[u8]) -> Option<&[u8; HEADER]> {
    let whole: &[u8; HEADER] = match header.try_into() {
        Ok(whole) => whole,
        Err(_) => of_a_later_version(header)?,
    };
    let odd = ODD_DIGITS.wrapping_shr(u32::from(whole[HEADER - 1]));
    (odd & 1 == 1).then_some(whole)
}

#[cold]
#[inline(never)]
fn of_a_later_version(header: &[u8]) -> Option<&[u8; HEADER]> {
    let (whole, rest) = header.split_first_chunk()?;
    (rest.first() == Some(&b'-') && !whole.starts_with(b"00")).then_some(whole)
}

/// The traces of calls on one shard: those under way, and the newest ones that ended, by class of duration and by error.
#[derive(Debug)]
pub(crate) struct Traces {
    slots: Slots<SLOTS, WORDS, LISTS>,
    /// The class of each fine bucket.
    classes: Arc<[u8; FINE]>,
}

impl Traces {
    pub(crate) fn new(classes: &Arc<[u8; FINE]>) -> Self {
        Self {
            slots: Slots::new(),
            classes: classes.clone(),
        }
    }

    /// Notes the header of a call that starts; 0 when there is no room for it.
    #[inline]
    pub(crate) fn begin(&self, header: &[u8; HEADER]) -> Number {
        let slot = self.slots.take();
        if slot != 0 {
            for (word, offset) in OFFSETS.into_iter().enumerate() {
                let bytes = header[offset..].first_chunk().expect("8 bytes are left");
                self.slots.write(slot, word, u64::from_ne_bytes(*bytes));
            }
        }
        slot
    }

    /// Publishes a call that ended, in the class of its fine bucket and at its error.
    #[inline]
    pub(crate) fn end(
        &self,
        slot: Number,
        (nanos, place): (u64, usize),
        at: Moment,
        outcome: Outcome,
    ) {
        self.slots.write(slot, NANOS, nanos);
        self.slots.write(slot, ENDED, at.raw());
        let class = usize::from(self.classes[place]);
        if outcome == Outcome::SUCCESS {
            self.slots.publish(slot, class);
        } else {
            let error = ERRORS + outcome.index();
            self.slots.publish_in_both(slot, class, error);
        }
    }

    /// Moves what ended to what a series keeps: errors, and the classes of the fine buckets in this range.
    pub(crate) fn drain_into(
        &self,
        kept: &mut Arc<Exemplars>,
        used: Range<usize>,
        clock: &Clock,
        unix_now: f64,
    ) {
        for list in self.classes_of(used).chain(ERRORS..LISTS) {
            let Some(words) = self.slots.take_from(list) else {
                continue;
            };
            let Some(trace_id) = trace_id(&words) else {
                continue;
            };
            let age_nanos = clock.nanos_between(Moment::from_raw(words[ENDED]), clock.now());
            let exemplar = Exemplar {
                trace_id,
                seconds: words[NANOS] as f64 / 1e9,
                unix_seconds: unix_now - age_nanos as f64 / 1e9,
            };
            let list = match list.checked_sub(ERRORS) {
                None => List::Class(list as u8),
                Some(code) => List::Error(code),
            };
            // Readings share what is kept: it is copied when it changes while one of them is written.
            Arc::make_mut(kept).put(list, exemplar);
        }
    }

    /// Returns the lists of the classes of these fine buckets.
    fn classes_of(&self, used: Range<usize>) -> impl Iterator<Item = usize> + use<> {
        let mut classes = self.classes[used].iter().map(|class| usize::from(*class));
        let ends = classes.clone().next().zip(classes.next_back());
        ends.map(|(first, last)| first..=last).into_iter().flatten()
    }
}

/// Returns the trace's id from the words of a header, if the header is legal.
fn trace_id(words: &[u64; WORDS]) -> Option<TraceId> {
    let mut header = [0; HEADER];
    for (word, offset) in words.iter().zip(OFFSETS) {
        header[offset..offset + 8].copy_from_slice(&word.to_ne_bytes());
    }
    let mut parts = header.split(|byte| *byte == b'-');
    let mut part = |len: usize, illegal: u8| {
        let part = parts.next()?;
        let digit = |b: &u8| b.is_ascii_digit() || (b'a'..=b'f').contains(b);
        let legal = part.iter().all(digit) && part.iter().any(|b| *b != illegal);
        (part.len() == len && legal).then_some(part)
    };
    part(2, b'f')?;
    let id = part(32, b'0')?;
    part(16, b'0')?;
    part(2, b' ')?;
    id.try_into().map(TraceId).ok()
}

/// The id of a trace: 32 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TraceId([u8; 32]);

impl TraceId {
    pub(crate) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("digits are text")
    }
}

/// A call that a trace was made of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Exemplar {
    pub(crate) trace_id: TraceId,
    /// How long the call took.
    pub(crate) seconds: f64,
    /// When it ended.
    pub(crate) unix_seconds: f64,
}

impl Exemplar {
    /// Returns when the call ended, in whole milliseconds.
    pub(crate) fn unix_millis(&self) -> i64 {
        (self.unix_seconds.max(0.0) * 1e3).round() as i64
    }
}

/// What an exemplar is the newest of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum List {
    Class(u8),
    Error(usize),
}

/// The exemplars of one series: the newest of each class and of each error, since the start.
#[derive(Clone, Debug, Default)]
pub(crate) struct Exemplars(Vec<(List, Exemplar)>);

impl Exemplars {
    fn put(&mut self, list: List, exemplar: Exemplar) {
        match self.0.binary_search_by_key(&list, |(list, _)| *list) {
            Ok(at) if self.0[at].1.unix_seconds <= exemplar.unix_seconds => {
                self.0[at].1 = exemplar;
            }
            Ok(_) => {}
            Err(at) => self.0.insert(at, (list, exemplar)),
        }
    }

    /// Returns the newest exemplar of each exported bucket; nothing when there is none at all.
    pub(crate) fn by_bucket(&self, geometry: &Geometry) -> Vec<Option<&Exemplar>> {
        let mut buckets = Vec::new();
        for (list, exemplar) in &self.0 {
            let List::Class(class) = list else { continue };
            buckets.resize(geometry.exported_len(), None);
            let nanos = (exemplar.seconds * 1e9).round() as u64;
            let newest = &mut buckets[geometry.exported_of(*class, nanos)];
            if newest.is_none_or(|other: &Exemplar| other.unix_seconds <= exemplar.unix_seconds) {
                *newest = Some(exemplar);
            }
        }
        buckets
    }

    /// Returns the newest exemplar of each class, the oldest first.
    pub(crate) fn by_time(&self) -> Vec<&Exemplar> {
        let classes = self
            .0
            .iter()
            .filter(|(list, _)| matches!(list, List::Class(_)));
        let mut exemplars: Vec<_> = classes.map(|(_, exemplar)| exemplar).collect();
        exemplars.sort_by(|a, b| a.unix_seconds.total_cmp(&b.unix_seconds));
        exemplars
    }

    /// Returns the newest exemplar of an error.
    pub(crate) fn of_error(&self, outcome: Outcome) -> Option<&Exemplar> {
        let list = List::Error(outcome.index());
        let found = self.0.binary_search_by_key(&list, |(list, _)| *list);
        found.ok().map(|at| &self.0[at].1)
    }
}

#[cfg(test)]
mod tests;
