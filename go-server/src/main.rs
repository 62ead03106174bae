//! The provider sample.

fn main() {}
