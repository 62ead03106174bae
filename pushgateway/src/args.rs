//! The command-line options that lead to a gateway, the same for every program that uses one.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::error::ErrorKind;
use credentials::{Secret, SecretSource, without_line_ends};

use crate::access::{Access, Credentials};
use crate::address::{Address, AddressError};

/// Where a Pushgateway listens unless it is told otherwise.
const DEFAULT_ADDRESS: &str = "127.0.0.1:9091";

/// Where the password comes from; no option carries it, since options are visible to other users.
const PASSWORD: SecretSource = SecretSource {
    variable: "PUSHGATEWAY_PASS",
    option: "--pushgateway-pass-file",
};

/// Where the Pushgateway is and how to get in.
#[derive(Clone, Debug, clap::Args)]
pub struct GatewayArgs {
    /// Pushgateway: host:port, or a URL with scheme and base path
    ///
    /// User information in the URL is used for basic authentication and never printed.
    #[arg(
        long,
        env = "PUSHGATEWAY_URL",
        hide_env_values = true,
        default_value = DEFAULT_ADDRESS,
        value_name = "URL",
        value_parser = AddressParser,
        help_heading = "Pushgateway"
    )]
    pub pushgateway_url: Address,

    /// User for basic authentication; the password comes from PUSHGATEWAY_PASS or --pushgateway-pass-file
    #[arg(
        long,
        env = "PUSHGATEWAY_USER",
        hide_env_values = true,
        value_name = "NAME",
        help_heading = "Pushgateway"
    )]
    pub pushgateway_user: Option<String>,

    /// File that holds the password; read again for each request
    #[arg(
        long,
        env = "PUSHGATEWAY_PASS_FILE",
        hide_env_values = true,
        value_name = "FILE",
        value_parser = OsStringValueParser::new().map(PathBuf::from),
        help_heading = "Pushgateway"
    )]
    pub pushgateway_pass_file: Option<PathBuf>,

    /// PEM file of the certificate authorities to trust in place of the system's
    #[arg(
        long,
        env = "PUSHGATEWAY_CA_FILE",
        hide_env_values = true,
        value_name = "FILE",
        value_parser = OsStringValueParser::new().map(PathBuf::from),
        help_heading = "Pushgateway"
    )]
    pub pushgateway_ca_file: Option<PathBuf>,
}

/// Why the options do not lead to a gateway.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArgsError {
    /// Two passwords were given, or one that cannot be read.
    #[error(transparent)]
    Credentials(#[from] credentials::Error),
    /// A password was given without a user name.
    #[error("a password is set, but no user: add --pushgateway-user")]
    NoUser,
}

impl GatewayArgs {
    /// Returns the access that the options and `PUSHGATEWAY_PASS` describe; empty values count as not given.
    ///
    /// # Errors
    /// When the password is given twice, without a user, or cannot be read.
    pub fn access(&self) -> Result<Access, ArgsError> {
        self.access_in(|name| std::env::var_os(name))
    }

    /// Does what [`access`](Self::access) does, in an environment that the caller provides.
    fn access_in(
        &self,
        environment: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Access, ArgsError> {
        let Self {
            pushgateway_url,
            pushgateway_user,
            pushgateway_pass_file,
            pushgateway_ca_file,
        } = self;
        let mut access = Access::new(pushgateway_url.clone());
        access.tls.ca_file = pushgateway_ca_file
            .clone()
            .filter(|path| !path.as_os_str().is_empty());

        let user = pushgateway_user.as_deref().map(without_line_ends);
        let user = user.filter(|user| !user.is_empty());
        let password = PASSWORD.find_in(environment, pushgateway_pass_file.as_deref())?;
        let from_url = pushgateway_url.user();
        let Some(user) = user.or(from_url.map(|(user, _)| user)) else {
            return if password.is_some() {
                Err(ArgsError::NoUser)
            } else {
                Ok(access)
            };
        };
        let password = password.or(from_url.map(|(_, password)| Secret::text(password)));
        let password = password.unwrap_or_else(|| Secret::text(""));
        access.credentials = Credentials::Basic {
            user: user.to_owned(),
            password,
        };
        Ok(access)
    }
}

/// Reads an [`Address`]; unlike clap's own messages, its error does not repeat the value, which may hold a password.
#[derive(Clone)]
struct AddressParser;

impl TypedValueParser for AddressParser {
    type Value = Address;

    fn parse_ref(
        &self,
        command: &clap::Command,
        argument: Option<&clap::Arg>,
        value: &OsStr,
    ) -> Result<Address, clap::Error> {
        let address = value
            .to_str()
            .ok_or(AddressError::UserInformation)
            .and_then(str::parse);
        address.map_err(|error| {
            let option =
                argument.map_or_else(|| "the Pushgateway's URL".to_owned(), ToString::to_string);
            let message = format!("invalid value for '{option}': {error}\n");
            clap::Error::raw(ErrorKind::ValueValidation, message).with_cmd(command)
        })
    }
}

#[cfg(test)]
mod tests;
