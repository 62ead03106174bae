//! The registry on a real ZooKeeper.

mod access;
mod consumers;
mod discovery;
mod many_instances;
mod metadata;
mod odd;
mod outages;
mod panics;
mod prometheus;
mod registration;
mod rules;
mod secure;
mod support;
mod tap;
