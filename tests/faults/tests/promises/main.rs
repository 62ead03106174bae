//! What `docs/reliability.md` promises, each in a form that is short enough for a test.

mod costly;
mod faults;
mod soak;
