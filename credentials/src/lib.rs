//! Passwords, tokens, certificates and keys, as programs are given them, in the environment and in files; and TLS that is made of them.
//!
//! No option carries a secret, since other users see a command line; [`SecretSource`] names the variable and the option of a file
//! that do. Files are read whenever they are needed, so that a rotated secret is used at once. Nothing here shows a secret:
//! `Debug` leaves it out, and errors name the file, the variable or the option.

mod error;
mod identity;
mod secret;
mod source;
mod tls;

pub use error::Error;
pub use identity::{Identity, certificates};
pub use secret::{Secret, without_line_ends};
pub use source::SecretSource;
pub use tls::{Authorities, ClientTls, ServerTls};
