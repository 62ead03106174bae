//! The allocator of our processes.
//!
//! A call allocates some dozen times in hyper and tonic; `docs/benchmarks.md` says what mimalloc saves there.

use mimalloc::MiMalloc;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;
