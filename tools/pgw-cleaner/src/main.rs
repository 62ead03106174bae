//! Removes Pushgateway groups that nobody pushes to any more.

fn main() {}
