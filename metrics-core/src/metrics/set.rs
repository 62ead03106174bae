//! All series, bounded.

use std::collections::HashMap;
use std::sync::Arc;

use crate::key::{MethodKey, Side};
use crate::series::Series;

/// The series that exist, by side and key, and at most one more for each side that all others share.
#[derive(Debug)]
pub(super) struct SeriesSet {
    cap: usize,
    list: Vec<Arc<Series>>,
    index: HashMap<(Side, MethodKey), Arc<Series>>,
}

impl SeriesSet {
    pub(super) fn new(cap: usize) -> Self {
        Self {
            cap,
            list: Vec::new(),
            index: HashMap::new(),
        }
    }

    pub(super) fn list(&self) -> &[Arc<Series>] {
        &self.list
    }

    pub(super) fn find(&self, side: Side, key: &MethodKey) -> Option<Arc<Series>> {
        self.index.get(&(side, key.clone())).cloned()
    }

    /// Returns the series of a key, a new one while the cap allows it, and the one for all others beyond and for names without measure.
    pub(super) fn find_or_add(
        &mut self,
        side: Side,
        key: &MethodKey,
        shared: bool,
        make: impl Fn(MethodKey, bool) -> Arc<Series>,
    ) -> Arc<Series> {
        if let Some(series) = self.find(side, key) {
            return series;
        }
        if self.index.len() >= self.cap || key.is_oversized() {
            return self.other(side, make);
        }
        let series = make(key.clone(), shared);
        self.index.insert((side, key.clone()), series.clone());
        self.list.push(series.clone());
        series
    }

    /// Returns the series for all others. It is not in the index: a method of that very name would be a series of its own if it were.
    fn other(&mut self, side: Side, make: impl Fn(MethodKey, bool) -> Arc<Series>) -> Arc<Series> {
        let other = MethodKey::other();
        if let Some(series) = self
            .list
            .iter()
            .find(|series| series.side == side && series.key == other)
        {
            return series.clone();
        }
        let series = make(other, true);
        self.list.push(series.clone());
        series
    }
}
