//! A few places to keep values in while calls are under way, and lists that hold the newest of them.
//!
//! Hot path of calls that carry a trace. This file is also compiled with loom's atomics, by `tests/ordering.rs`.
//!
//! A slot has an owner at every moment: the thread that took it, then the lists that it was published in, then the reader that took it out of
//! them. The last owner gives it back. So nothing is written while another thread reads it, and no thread waits for another.

use super::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering::*};

/// The number of a slot; 0 is none.
pub(crate) type Number = u8;

/// Set in the entry of a list when another list holds the slot too.
const SHARED: u8 = 0x80;

/// `N` slots of `WORDS` words each, and `LISTS` lists. `N` is a power of two up to 64, and the first slot is never given out.
#[derive(Debug)]
pub(crate) struct Slots<const N: usize, const WORDS: usize, const LISTS: usize> {
    /// The slot that was given back last, or 0: calls one after the other need no more.
    spare: AtomicU8,
    /// A bit for each slot that has an owner, the spare one included.
    busy: AtomicU64,
    slots: [Slot<WORDS>; N],
    /// The newest slot that was published in each list, or 0.
    lists: [AtomicU8; LISTS],
}

/// As large as a power of two, so that one is found by a shift.
#[derive(Debug)]
#[repr(align(128))]
struct Slot<const WORDS: usize> {
    words: [AtomicU64; WORDS],
    /// The lists that hold the slot, while it is in two.
    holders: AtomicU32,
}

impl<const N: usize, const WORDS: usize, const LISTS: usize> Slots<N, WORDS, LISTS> {
    pub(crate) fn new() -> Self {
        assert!(N.is_power_of_two() && N <= 64, "slots are masked");
        // Slot 0, and what there is no slot for, are never free.
        let busy = 1 | u64::MAX.checked_shl(N as u32).unwrap_or(0);
        Self {
            spare: AtomicU8::new(0),
            busy: AtomicU64::new(busy),
            slots: std::array::from_fn(|_| Slot {
                words: std::array::from_fn(|_| AtomicU64::new(0)),
                holders: AtomicU32::new(0),
            }),
            lists: std::array::from_fn(|_| AtomicU8::new(0)),
        }
    }

    /// Takes a slot; 0 when none is free, or when another thread was faster.
    #[inline]
    pub(crate) fn take(&self) -> Number {
        match self.spare.swap(0, Acquire) {
            0 => self.take_free(),
            slot => slot,
        }
    }

    #[inline(never)]
    fn take_free(&self) -> Number {
        let slot = (!self.busy.load(Relaxed)).trailing_zeros();
        if slot >= 64 {
            return 0;
        }
        let bit = 1 << slot;
        if self.busy.fetch_or(bit, Acquire) & bit != 0 {
            return 0;
        }
        slot as Number
    }

    #[inline]
    fn give_back(&self, slot: Number) {
        let other = self.spare.swap(slot, AcqRel);
        if other != 0 {
            self.free(other);
        }
    }

    #[inline(never)]
    fn free(&self, slot: Number) {
        self.busy.fetch_and(!(1 << slot), Release);
    }

    /// Writes a word of a slot that the caller took.
    #[inline]
    pub(crate) fn write(&self, slot: Number, word: usize, value: u64) {
        self.slot(slot).words[word].store(value, Relaxed);
    }

    /// Publishes a slot as the newest one of a list. What the list held before is given back.
    #[inline]
    pub(crate) fn publish(&self, slot: Number, list: usize) {
        self.replace(list, slot);
    }

    /// Publishes a slot as the newest one of two lists.
    #[inline(never)]
    pub(crate) fn publish_in_both(&self, slot: Number, list: usize, other: usize) {
        self.slot(slot).holders.store(2, Relaxed);
        self.replace(list, slot | SHARED);
        self.replace(other, slot | SHARED);
    }

    /// Takes what a list holds out of it.
    pub(crate) fn take_from(&self, list: usize) -> Option<[u64; WORDS]> {
        // Most lists are empty, and to look takes a tenth of a swap.
        if self.lists[list].load(Relaxed) == 0 {
            return None;
        }
        let entry = self.lists[list].swap(0, AcqRel);
        (entry != 0).then(|| {
            let words = &self.slot(entry & !SHARED).words;
            let read = std::array::from_fn(|word| words[word].load(Relaxed));
            self.release(entry);
            read
        })
    }

    #[inline]
    fn replace(&self, list: usize, entry: u8) {
        let before = self.lists[list].swap(entry, AcqRel);
        if before != 0 {
            self.release(before);
        }
    }

    /// Ends the hold of one list on a slot, and gives it back after the last one.
    #[inline]
    fn release(&self, entry: u8) {
        if entry < SHARED {
            self.give_back(entry);
        } else {
            self.release_shared(entry & !SHARED);
        }
    }

    #[inline(never)]
    fn release_shared(&self, slot: Number) {
        if self.slot(slot).holders.fetch_sub(1, AcqRel) == 1 {
            self.give_back(slot);
        }
    }

    #[inline]
    fn slot(&self, slot: Number) -> &Slot<WORDS> {
        &self.slots[usize::from(slot) & (N - 1)]
    }
}
