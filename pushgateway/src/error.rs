//! What can go wrong between us and a Pushgateway.

use std::time::Duration;

use http::StatusCode;

/// Why a request to a Pushgateway did not do what it was meant to; no variant holds a secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A password, token, certificate or key cannot be used.
    #[error(transparent)]
    Credentials(#[from] credentials::Error),
    /// The system has no certificate authorities to trust.
    #[error(
        "no certificate authorities are installed on this system, or SSL_CERT_FILE and SSL_CERT_DIR, which may be empty, lead to none: \
         name a file of them (--pushgateway-ca-file)"
    )]
    NoAuthorities,
    /// The HTTP client cannot be made of the settings.
    #[error("the HTTP client cannot be set up")]
    Setup(#[source] reqwest::Error),
    /// No connection came about, or it broke before the answer.
    #[error("cannot reach the Pushgateway at {address}{hint}")]
    Unreachable {
        /// The gateway, without user information.
        address: String,
        /// What happened.
        source: reqwest::Error,
        /// What to look at besides, such as a proxy, in parentheses, or nothing.
        hint: String,
    },
    /// No answer within the deadline.
    #[error("the Pushgateway at {address} did not answer within {after:?}{hint}")]
    TimedOut {
        /// The gateway, without user information.
        address: String,
        /// The deadline.
        after: Duration,
        /// What to look at besides, such as a proxy, in parentheses, or nothing.
        hint: String,
    },
    /// The gateway, or what stands before it, answered something other than success.
    #[error("the Pushgateway at {address} answered {status}{}{body}{hint}", if body.is_empty() { "" } else { ": " })]
    Refused {
        /// The gateway, without user information.
        address: String,
        /// The status.
        status: StatusCode,
        /// The beginning of the answer's text, on one line; of a web page, its title.
        body: String,
        /// The likely mistake, after a semicolon, and a proxy in parentheses, or nothing.
        hint: String,
    },
}

impl Error {
    /// Returns the status that the gateway refused with, if it answered at all.
    pub fn status(&self) -> Option<StatusCode> {
        match self {
            Self::Refused { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// Says whether the request may have reached the gateway, or may do so yet, although no answer came.
    pub fn may_have_arrived(&self) -> bool {
        match self {
            Self::TimedOut { .. } => true,
            Self::Unreachable { source, .. } => !source.is_connect(),
            _ => false,
        }
    }

    /// Says whether the same request may succeed later: no connection, no answer in time, or a server error.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::TimedOut { .. } => true,
            Self::Refused { status, .. } => {
                status.is_server_error() || *status == StatusCode::TOO_MANY_REQUESTS
            }
            _ => false,
        }
    }
}

/// Returns an error with what caused it, on one line.
pub fn with_causes(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
