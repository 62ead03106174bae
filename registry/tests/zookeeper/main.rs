//! The registry on a real ZooKeeper.

mod access;
mod crowd;
mod discovering;
mod outages;
mod prometheus;
mod registering;
mod support;
mod tap;
