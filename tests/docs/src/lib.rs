//! The project's documents, taken apart for tests, and the text of everything else to compare them with.

mod code;
mod document;

pub use code::Code;
pub use document::{Document, Link};
