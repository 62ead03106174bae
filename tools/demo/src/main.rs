//! The whole sample in one process: provider, consumer and a registry in memory.

fn main() {}
