//! The command-line options of a guarded metrics endpoint, the same for every program that has one.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::builder::{OsStringValueParser, TypedValueParser as _};
use credentials::{Identity, SecretSource, ServerTls, without_line_ends};

use crate::login::{Login, LoginError};
use crate::protection::Protection;
use crate::server::PROTOCOLS;

/// Where the password comes from; no option carries it, since options are visible to other users.
const PASSWORD: SecretSource = SecretSource {
    variable: "METRICS_PASS",
    option: "--metrics-pass-file",
};

/// The options of what the endpoint shows.
const TLS_OPTIONS: [&str; 2] = ["--metrics-tls-cert", "--metrics-tls-key"];

/// What stands before the metrics endpoint.
#[derive(Clone, Debug, clap::Args)]
pub struct ProtectionArgs {
    /// PEM file of the certificate that the metrics endpoint shows: it speaks https then, and reads the file again for
    /// each connection
    #[arg(
        long,
        env = "METRICS_TLS_CERT",
        hide_env_values = true,
        value_name = "FILE",
        value_parser = OsStringValueParser::new().map(PathBuf::from),
        help_heading = "Metrics"
    )]
    pub metrics_tls_cert: Option<PathBuf>,

    /// PEM file of that certificate's private key
    #[arg(
        long,
        env = "METRICS_TLS_KEY",
        hide_env_values = true,
        value_name = "FILE",
        value_parser = OsStringValueParser::new().map(PathBuf::from),
        help_heading = "Metrics"
    )]
    pub metrics_tls_key: Option<PathBuf>,

    /// PEM file of the authority that scrapers' certificates must come from [default: scrapers need no certificate]
    #[arg(
        long,
        env = "METRICS_TLS_CLIENT_CA",
        hide_env_values = true,
        value_name = "FILE",
        value_parser = OsStringValueParser::new().map(PathBuf::from),
        help_heading = "Metrics"
    )]
    pub metrics_tls_client_ca: Option<PathBuf>,

    /// User whom the metrics endpoint asks for; the password comes from METRICS_PASS or --metrics-pass-file
    #[arg(
        long,
        env = "METRICS_USER",
        hide_env_values = true,
        value_name = "NAME",
        help_heading = "Metrics"
    )]
    pub metrics_user: Option<String>,

    /// File that holds the password; read again for each request
    #[arg(
        long,
        env = "METRICS_PASS_FILE",
        hide_env_values = true,
        value_name = "FILE",
        value_parser = OsStringValueParser::new().map(PathBuf::from),
        help_heading = "Metrics"
    )]
    pub metrics_pass_file: Option<PathBuf>,
}

/// Why the options describe no protection.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProtectionError {
    /// The certificate or its key cannot be used.
    #[error("{} and {}", TLS_OPTIONS[0], TLS_OPTIONS[1])]
    Tls(#[source] credentials::Error),
    /// One option is missing, or a password cannot be read.
    #[error(transparent)]
    Credentials(#[from] credentials::Error),
    /// The user or the password cannot be used.
    #[error("--metrics-user")]
    Login(#[from] LoginError),
    /// A password was given without a user name.
    #[error("a password for the metrics endpoint is set, but no user: add --metrics-user")]
    NoUser,
    /// Scrapers were to show certificates, but there is no TLS.
    #[error("--metrics-tls-client-ca takes TLS: set {} and {}", TLS_OPTIONS[0], TLS_OPTIONS[1])]
    NoTls,
    /// A user was given, but no password.
    #[error("--metrics-user is set, but no password: set {} or {}", PASSWORD.variable, PASSWORD.option)]
    NoPassword,
}

impl ProtectionArgs {
    /// Returns the protection that the options and `METRICS_PASS` describe; empty values count as not given.
    ///
    /// # Errors
    /// When one option lacks another, or a file cannot be used.
    pub fn protection(self) -> Result<Protection, ProtectionError> {
        self.protection_in(|name| std::env::var_os(name))
    }

    /// Does what [`protection`](Self::protection) does, in an environment that the caller provides.
    fn protection_in(
        self,
        environment: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Protection, ProtectionError> {
        let Self {
            metrics_tls_cert,
            metrics_tls_key,
            metrics_tls_client_ca,
            metrics_user,
            metrics_pass_file,
        } = self;
        let authority = metrics_tls_client_ca.filter(|path| !path.as_os_str().is_empty());
        let identity = Identity::given(metrics_tls_cert, metrics_tls_key, TLS_OPTIONS)?;
        if identity.is_none() && authority.is_some() {
            return Err(ProtectionError::NoTls);
        }
        let tls = identity
            .map(|identity| ServerTls::new(identity, authority, PROTOCOLS))
            .transpose()
            .map_err(ProtectionError::Tls)?;
        let user = metrics_user.as_deref().map(without_line_ends);
        let user = user.filter(|user| !user.is_empty());
        let password = PASSWORD.find_in(environment, metrics_pass_file.as_deref())?;
        let login = match (user, password) {
            (Some(user), Some(password)) => Some(Login::new(user, password)?),
            (Some(_), None) => return Err(ProtectionError::NoPassword),
            (None, Some(_)) => return Err(ProtectionError::NoUser),
            (None, None) => None,
        };
        Ok(Protection { tls, login })
    }
}

#[cfg(test)]
mod tests;
