//! The provider sample: a greeting that takes a moment and sometimes fails, as mock business logic.

mod args;
mod greeter;

pub use args::{Admission, AdvertisedPort, Args, Config, MaxCalls};
pub use greeter::Greeter;
