//! Where a Pushgateway is: the URL that people write, with user information taken out of it.

use std::fmt;
use std::str::FromStr;

use percent_encoding::percent_decode_str;
use url::Url;

/// The base address of a Pushgateway: `host:port`, or a URL with scheme, base path and user information.
///
/// `Display` and `Debug` show the address without the user information.
#[derive(Clone, PartialEq, Eq)]
pub struct Address {
    base: String,
    https: bool,
    user: Option<(String, String)>,
}

/// Why a text is no address of a Pushgateway; the text itself is left out, as it may hold a password.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AddressError {
    /// Nothing was given.
    #[error("it is empty")]
    Empty,
    /// It begins with a quotation mark, as in a list of variables that is no shell's.
    #[error("it begins with a quotation mark: leave that out")]
    Quoted,
    /// Commas part it into several.
    #[error("it is one URL, and no list with commas")]
    Several,
    /// It cannot be read as a URL.
    #[error("{0}")]
    Malformed(#[from] url::ParseError),
    /// `http` or `https` is there, and not what has to follow.
    #[error("after http or https comes ://")]
    Slashes,
    /// The scheme is neither `http` nor `https`.
    #[error("the scheme is neither http nor https")]
    Scheme,
    /// A query or a fragment follows the path.
    #[error("a query or fragment (`?`, `#`) does not belong into it")]
    Query,
    /// The user information is not UTF-8 after percent-decoding.
    #[error("its user information is not UTF-8")]
    UserInformation,
}

impl Address {
    /// Returns whether the gateway is reached over TLS.
    pub(crate) fn is_https(&self) -> bool {
        self.https
    }

    /// Returns the user name and password that the URL carried.
    pub(crate) fn user(&self) -> Option<(&str, &str)> {
        let (user, password) = self.user.as_ref()?;
        Some((user, password))
    }

    /// Returns the URL of a path below the base path; the path starts with `/` and is taken as it is.
    pub(crate) fn join(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(AddressError::Empty);
        }
        if text.starts_with(['"', '\'']) {
            return Err(AddressError::Quoted);
        }
        if hosts(text).contains(',') {
            return Err(AddressError::Several);
        }
        let mut url = if has_scheme(text) {
            Url::parse(text)?
        } else if ["http:/", "http/", "https:/", "https/"]
            .iter()
            .any(|start| text.starts_with(start))
        {
            return Err(AddressError::Slashes);
        } else {
            Url::parse(&format!("http://{text}"))?
        };
        let https = match url.scheme() {
            "http" => false,
            "https" => true,
            _ => return Err(AddressError::Scheme),
        };
        if url.query().is_some() || url.fragment().is_some() {
            return Err(AddressError::Query);
        }
        let user = user_information(&url)?;
        url.set_username("")
            .and_then(|()| url.set_password(None))
            .map_err(|()| url::ParseError::EmptyHost)?;
        let base = url.as_str().trim_end_matches('/').to_owned();
        Ok(Self { base, https, user })
    }
}

/// Says whether a scheme is written out; `host:9091` would otherwise read as the scheme `host`.
fn has_scheme(text: &str) -> bool {
    text.split_once("://").is_some_and(|(scheme, _)| {
        !scheme.is_empty()
            && scheme
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
    })
}

/// Returns what stands where a host and a port belong.
fn hosts(text: &str) -> &str {
    let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
    let authority = rest.split('/').next().unwrap_or_default();
    authority.rsplit('@').next().unwrap_or_default()
}

fn user_information(url: &Url) -> Result<Option<(String, String)>, AddressError> {
    if url.username().is_empty() && url.password().is_none() {
        return Ok(None);
    }
    let decode = |text| match percent_decode_str(text).decode_utf8() {
        Ok(text) => Ok(text.into_owned()),
        Err(_) => Err(AddressError::UserInformation),
    };
    Ok(Some((
        decode(url.username())?,
        decode(url.password().unwrap_or_default())?,
    )))
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.base)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Address").field(&self.base).finish()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_written_form_leads_to_the_same_path() {
        for (text, url) in [
            ("127.0.0.1:9091", "http://127.0.0.1:9091/metrics"),
            ("http://127.0.0.1:9091", "http://127.0.0.1:9091/metrics"),
            ("http://127.0.0.1:9091/", "http://127.0.0.1:9091/metrics"),
            (" gateway:9091 ", "http://gateway:9091/metrics"),
            ("gateway", "http://gateway/metrics"),
            ("http:9091", "http://http:9091/metrics"),
            ("[::1]:9091", "http://[::1]:9091/metrics"),
            (
                "HTTPS://gateway.example/base/path/",
                "https://gateway.example/base/path/metrics",
            ),
            ("gateway:9091/base", "http://gateway:9091/base/metrics"),
            (
                "user:secret@gateway:9091/base",
                "http://gateway:9091/base/metrics",
            ),
        ] {
            let address: Address = text.parse().unwrap();
            assert_eq!(address.join("/metrics"), url, "{text}");
        }
    }

    #[test]
    fn user_information_is_decoded_and_kept_out_of_every_print() {
        let address: Address = "https://us%40er:s%3Acr%2Ft@gateway:9091/base"
            .parse()
            .unwrap();
        assert_eq!(address.user(), Some(("us@er", "s:cr/t")));
        assert_eq!(address.to_string(), "https://gateway:9091/base");
        assert_eq!(
            format!("{address:?}"),
            "Address(\"https://gateway:9091/base\")"
        );
    }

    #[test]
    fn bad_addresses_are_refused_without_repeating_them() {
        for text in [
            "",
            "   ",
            "http://",
            "ftp://u:hunter2@gateway",
            "u:hunter2@gateway:port",
            "http://u:hunter2@gateway/?token=hunter2",
            "http://u:hunter2@gateway/#hunter2",
            "http://u:hunter2@[::1",
            "http://u:hunter2%ff@gateway",
            "unix:///run/u:hunter2",
            "http:/u:hunter2@gateway",
            "https//u:hunter2@gateway:9091",
        ] {
            let error = text.parse::<Address>().expect_err(text);
            assert!(!error.to_string().contains("hunter2"), "{error}");
            assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
        }
    }

    #[test]
    fn what_is_no_url_at_all_is_named() {
        for (text, expected) in [
            ("\"gateway:9091\"", "quotation mark"),
            ("'http://gateway:9091'", "quotation mark"),
            ("gateway:9091,other:9091", "no list with commas"),
            (
                "http://127.0.0.1,127.0.0.2:9091/base",
                "no list with commas",
            ),
            ("u:hunter2@gateway,other", "no list with commas"),
        ] {
            let error = text.parse::<Address>().expect_err(text).to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
        let password: Address = "http://u:a,b@gateway:9091/a,b".parse().unwrap();
        assert_eq!(password.user(), Some(("u", "a,b")));
        assert_eq!(password.to_string(), "http://gateway:9091/a,b");
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in ".*") {
            let _ = text.parse::<Address>();
        }

        #[test]
        fn no_password_reaches_a_print(password in "[A-Z]{12}", host in "[a-z]{1,8}") {
            let address: Address = format!("user:{password}@{host}:9091/base").parse().unwrap();
            let shown = format!("{address} {address:?} {}", address.join("/metrics"));
            prop_assert!(!shown.contains(&password), "{}", shown);
            prop_assert_eq!(address.user(), Some(("user", password.as_str())));
        }
    }
}
