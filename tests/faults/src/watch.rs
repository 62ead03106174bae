//! What looks on while a fault happens, such as a Prometheus with the rules.

use std::cell::RefCell;
use std::fmt;
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

/// A future of the thread in which a fault happens.
pub type Looking<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;

/// Looks on while a fault happens: is told when everything runs, when the fault begins and ends, and before the processes end.
pub trait Watch: fmt::Debug {
    /// Returns how long what lasts in a fault should last instead of its own time; nothing for its own time.
    fn hold(&self) -> Option<Duration>;

    /// All processes run, with this ZooKeeper and this Pushgateway, each written `host:port`. The fault begins when this returns.
    fn everything_runs<'a>(&'a self, zookeeper: &'a str, gateway: &'a str) -> Looking<'a>;

    /// The fault begins.
    fn begins(&self);

    /// The fault is over, or one of several: the last one counts.
    fn ends(&self);

    /// The processes still run, and end when this returns.
    fn afterwards(&self) -> Looking<'_>;
}

thread_local! {
    static WATCH: RefCell<Option<Rc<dyn Watch>>> = const { RefCell::new(None) };
}

/// Lets a watch look at the fault that happens in this thread.
pub(crate) fn begin(watch: Rc<dyn Watch>) {
    WATCH.with_borrow_mut(|current| *current = Some(watch));
}

/// Returns what looks at the fault that happens in this thread.
pub(crate) fn current() -> Option<Rc<dyn Watch>> {
    WATCH.with_borrow(Clone::clone)
}
