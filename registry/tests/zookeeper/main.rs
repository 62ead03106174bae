//! The registry on a real ZooKeeper.

mod outages;
mod registering;
mod support;
mod tap;
