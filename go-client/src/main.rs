//! The consumer sample.

fn main() {}
