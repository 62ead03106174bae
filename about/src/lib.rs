//! What a program tells about itself: its version with the commit, its manual page, its shell completions.
//!
//! A program parses its command line by [`matches()`] or [`parse`], and has `--version` and the hidden option `--generate`:
//!
//! ```text
//! server --generate man  | man -l -
//! server --generate bash > /etc/bash_completion.d/server
//! ```

mod environment;
mod generate;
mod parse;

pub use parse::{matches, option, parse};

/// The version with the commit that was built, `0.2.0 (0123456789ab)`; without it where there is no git.
pub const VERSION: &str = env!("VERSION");
