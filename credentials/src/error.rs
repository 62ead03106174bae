//! What can be wrong with what a program was given.

use std::path::PathBuf;

/// Why a password, token, certificate or key cannot be used; no variant holds one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file cannot be read, or is no text where text is expected.
    #[error("cannot read {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// A file holds no certificate or key, or broken ones.
    #[error("cannot use {}: {reason}", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A secret was given in both of its ways.
    #[error("{variable} and {option} are both set: keep one of them")]
    Twice {
        /// The environment variable.
        variable: &'static str,
        /// The option that names a file.
        option: &'static str,
    },
    /// A secret in the environment is not UTF-8.
    #[error("{variable} is not UTF-8 text")]
    Encoding {
        /// The environment variable.
        variable: &'static str,
    },
    /// The file that an option names cannot be used.
    #[error("{option}")]
    Option {
        /// The option.
        option: &'static str,
        /// What is wrong with the file.
        source: Box<Error>,
    },
    /// The system has no certificate authorities to trust.
    #[error(
        "no certificate authorities are installed on this system, or SSL_CERT_FILE and SSL_CERT_DIR, which may be empty, lead to none: \
         name a file of them"
    )]
    NoAuthorities,
    /// A certificate without its key, or the other way round.
    #[error("{} and {} belong together: set both", options[0], options[1])]
    HalfAnIdentity {
        /// The options of the certificate and of the key.
        options: [&'static str; 2],
    },
}
