//! Options for Triple over TLS.

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::Args;
use clap::builder::{OsStringValueParser, TypedValueParser as _};
use credentials::Identity;
use triple::{PROVIDER_PROTOCOLS, ServerTls};

const IDENTITY: [&str; 2] = ["--tls-cert", "--tls-key"];

/// What was typed about TLS.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "TLS")]
pub(super) struct TlsArgs {
    /// PEM file of the certificate that the server shows: its port speaks TLS only then, and reads the file again for each
    /// connection.
    #[arg(long, env, value_name = "FILE", value_parser = OsStringValueParser::new().map(PathBuf::from))]
    tls_cert: Option<PathBuf>,

    /// PEM file of that certificate's private key.
    #[arg(long, env, value_name = "FILE", value_parser = OsStringValueParser::new().map(PathBuf::from))]
    tls_key: Option<PathBuf>,

    /// PEM file of the authority that callers' certificates must come from [default: callers need no certificate]
    #[arg(long, env, value_name = "FILE", value_parser = OsStringValueParser::new().map(PathBuf::from))]
    tls_client_ca: Option<PathBuf>,
}

impl TlsArgs {
    /// Returns whether callers are asked for certificates.
    pub(super) fn asks_callers(&self) -> bool {
        let authority = self.tls_client_ca.as_ref();
        authority.is_some_and(|path| !path.as_os_str().is_empty())
    }

    pub(super) fn tls(self) -> anyhow::Result<Option<ServerTls>> {
        let Self {
            tls_cert,
            tls_key,
            tls_client_ca,
        } = self;
        let client_authority = tls_client_ca.filter(|path| !path.as_os_str().is_empty());
        let Some(identity) = Identity::given(tls_cert, tls_key, IDENTITY)? else {
            if client_authority.is_some() {
                bail!(
                    "--tls-client-ca asks for certificates of callers, which takes TLS: set --tls-cert and --tls-key"
                );
            }
            return Ok(None);
        };
        ServerTls::new(identity, client_authority, PROVIDER_PROTOCOLS)
            .map(Some)
            .context("--tls-cert, --tls-key and --tls-client-ca")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> Option<PathBuf> {
        Some(PathBuf::from(text))
    }

    #[test]
    fn options_that_lack_another_are_refused() {
        assert!(TlsArgs::default().tls().unwrap().is_none());
        for (cert, key, authority, expected) in [
            (
                "cert.pem",
                "",
                "",
                "--tls-cert and --tls-key belong together",
            ),
            (
                "",
                "key.pem",
                "",
                "--tls-cert and --tls-key belong together",
            ),
            ("", "", "ca.pem", "set --tls-cert and --tls-key"),
            ("/no", "/no", "", "cannot read /no"),
        ] {
            let args = TlsArgs {
                tls_cert: path(cert),
                tls_key: path(key),
                tls_client_ca: path(authority),
            };
            let error = format!("{:#}", args.tls().unwrap_err());
            assert!(error.contains(expected), "{error}");
        }
    }
}
