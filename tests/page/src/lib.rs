//! A headless Chromium, driven over the DevTools protocol: what the tests in `tests/` look through.
//!
//! [`Chromium`] runs Debian's `chromium-headless-shell`, or any other Chrome on `PATH`, and ends with the value that started it. A [`Tab`]
//! shows one address, and tells what stands on it, what it asked for, and what it wrote to its console.

mod chromium;
mod devtools;
mod figures;
mod tab;

pub use chromium::Chromium;
pub use figures::{Figure, Row};
pub use tab::{Scheme, Tab};
