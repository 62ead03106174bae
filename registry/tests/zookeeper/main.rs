//! The registry on a real ZooKeeper.

mod access;
mod crowd;
mod discovering;
mod outages;
mod registering;
mod support;
mod tap;
