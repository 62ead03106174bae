//! Faults, made to happen to whole processes on real servers, and what each costs.
//!
//! A [`Fault`] is a function that returns a [`Report`]: one row of the table that `./faults.sh` prints. The tests in `tests/` run
//! the same functions in their short form and assert on the row. `docs/reliability.md` names the promise behind each.
//!
//! | module | what it breaks |
//! |---|---|
//! | `registry` | ZooKeeper, and the way to it |
//! | `gateway` | the Pushgateway |
//! | `collection` | Prometheus, and the scrapes |
//! | `process` | providers and consumers |
//! | `network` | the way between a consumer and a provider |
//! | `machine` | the clock, file descriptors |
//! | `overload` | more calls than can be done |
//! | `peers` | hostile clients |
//! | `costly` | more than can be made good: calls fail |
//! | [`Soak`] | nothing for long: what grows? |

mod collection;
mod costly;
mod fault;
mod gateway;
mod http2;
mod line;
mod machine;
mod namespace;
mod network;
mod overload;
mod peers;
mod process;
mod refusing;
mod registry;
mod renewal;
mod report;
mod soak;
mod stage;
mod watch;

pub use fault::{COSTLY, FAULTS, Fault, Length};
pub use overload::{Load, Overloaded, Work, load};
pub use report::Report;
pub use soak::{Growth, Soak, SoakReport};
pub use watch::{Looking, Watch};
