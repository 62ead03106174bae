//! The project's documents, taken apart for tests, and what they are compared with: manifests, and the text of everything else.

mod code;
mod document;
mod manifest;
mod modules;

pub use code::{Code, sources};
pub use document::{Document, Link};
pub use manifest::{Manifest, Use, shipped};
pub use modules::Modules;
