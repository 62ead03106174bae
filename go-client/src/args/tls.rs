//! Options for Triple over TLS.

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::Args;
use clap::builder::{OsStringValueParser, TypedValueParser as _};
use credentials::Identity;
use triple::ConsumerTls;

const IDENTITY: [&str; 2] = ["--tls-cert", "--tls-key"];

/// What was typed about TLS.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "TLS")]
pub(super) struct TlsArgs {
    /// PEM file of the authority that providers' certificates must come from: the client speaks TLS then, and calls no provider
    /// without it.
    #[arg(long, env, value_name = "FILE", value_parser = OsStringValueParser::new().map(PathBuf::from))]
    tls_ca: Option<PathBuf>,

    /// PEM file of the certificate that the client shows to providers that ask for one.
    #[arg(long, env, value_name = "FILE", value_parser = OsStringValueParser::new().map(PathBuf::from))]
    tls_cert: Option<PathBuf>,

    /// PEM file of that certificate's private key.
    #[arg(long, env, value_name = "FILE", value_parser = OsStringValueParser::new().map(PathBuf::from))]
    tls_key: Option<PathBuf>,

    /// The name that every provider's certificate must carry [default: the address that the registry lists]
    #[arg(long, env, value_name = "NAME")]
    tls_server_name: Option<String>,
}

impl TlsArgs {
    pub(super) fn tls(self) -> anyhow::Result<Option<ConsumerTls>> {
        let Self {
            tls_ca,
            tls_cert,
            tls_key,
            tls_server_name,
        } = self;
        let authority = tls_ca.filter(|path| !path.as_os_str().is_empty());
        let name = tls_server_name.filter(|name| !name.is_empty());
        let identity = Identity::given(tls_cert, tls_key, IDENTITY)?;
        let Some(authority) = authority else {
            if identity.is_some() || name.is_some() {
                bail!("--tls-cert, --tls-key and --tls-server-name take TLS: set --tls-ca");
            }
            return Ok(None);
        };
        let tls =
            ConsumerTls::new(authority, identity).context("--tls-ca, --tls-cert and --tls-key")?;
        let tls = match name {
            Some(name) => tls.server_name(&name).context("--tls-server-name")?,
            None => tls,
        };
        Ok(Some(tls))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_that_is_told_of_tls_never_starts_without() {
        assert!(TlsArgs::default().tls().unwrap().is_none());
        let path = |text: &str| Some(PathBuf::from(text));
        for (authority, cert, key, name, expected) in [
            ("", "cert.pem", "key.pem", "", "set --tls-ca"),
            ("", "", "", "greeter", "set --tls-ca"),
            ("ca.pem", "cert.pem", "", "", "belong together"),
            ("/no", "", "", "", "cannot read /no"),
        ] {
            let args = TlsArgs {
                tls_ca: path(authority),
                tls_cert: path(cert),
                tls_key: path(key),
                tls_server_name: Some(name.to_owned()),
            };
            let error = format!("{:#}", args.tls().unwrap_err());
            assert!(error.contains(expected), "{error}");
        }
    }
}
