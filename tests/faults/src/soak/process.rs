//! What a process held over time.

use e2e::Program;
use test_servers::Usage;

use super::report::Growth;
use super::trend::Trend;

/// A process that lasts, and what it held over the measured time.
pub(super) struct Process {
    pub(super) name: &'static str,
    pub(super) id: u32,
    pub(super) memory: Trend,
    pub(super) descriptors: Trend,
    pub(super) sockets: Trend,
    pub(super) threads: Trend,
}

impl Process {
    pub(super) fn new(name: &'static str, program: &Program) -> Self {
        Self {
            name,
            id: program.id(),
            memory: Trend::default(),
            descriptors: Trend::default(),
            sockets: Trend::default(),
            threads: Trend::default(),
        }
    }

    pub(super) fn now(&self) -> Usage {
        Usage::of(self.id)
    }

    pub(super) fn look(&mut self, minutes: f64) {
        let usage = self.now();
        for (trend, value) in [
            (&mut self.memory, usage.memory_kib),
            (&mut self.descriptors, usage.descriptors),
            (&mut self.sockets, usage.sockets),
            (&mut self.threads, usage.threads),
        ] {
            trend.add(minutes, value as f64);
        }
    }

    pub(super) fn growth(&self) -> Growth {
        let ends = |trend: &Trend| (trend.first(), trend.last());
        Growth {
            process: self.name,
            memory_kib: self.memory.first(),
            slope_kib_per_minute: self.memory.slope(),
            descriptors: ends(&self.descriptors),
            sockets: ends(&self.sockets),
            threads: ends(&self.threads),
        }
    }
}
