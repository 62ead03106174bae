//! What the head of a request says about how it is read and answered.
//!
//! Hot path: one pass over the headers, of which calls carry a handful; a look-up for each would hash as many names.

use http::header::{CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, HeaderValue};

use super::super::compression::{ACCEPT_ENCODING, ENCODING, Encoding};
use crate::header::APPLICATION;
use crate::status::Caller;

/// The headers that decide, each with its first value.
#[derive(Debug, Default)]
pub(super) struct Head<'h> {
    /// How the request's body is written.
    pub(super) content_type: &'h [u8],
    /// How its messages are packed.
    pub(super) encoding: Option<&'h HeaderValue>,
    /// How the answer's messages may be packed.
    pub(super) accepted: Option<&'h HeaderValue>,
    application: bool,
    agent: bool,
}

impl<'h> Head<'h> {
    /// Reads the headers.
    #[inline]
    pub(super) fn of(headers: &'h HeaderMap) -> Self {
        let mut head = Self::default();
        let mut content_type = None;
        for (name, value) in headers {
            if *name == CONTENT_TYPE {
                content_type.get_or_insert(value);
            } else if *name == USER_AGENT {
                head.agent = true;
            } else if *name == ENCODING {
                head.encoding.get_or_insert(value);
            } else if *name == ACCEPT_ENCODING {
                head.accepted.get_or_insert(value);
            } else if *name == APPLICATION {
                head.application = true;
            }
        }
        head.content_type = content_type.map_or(&[], HeaderValue::as_bytes);
        head
    }

    /// Returns how the request's messages are packed; none where they are not, or in a way that is not known.
    #[inline]
    pub(super) fn packed(&self) -> Option<Encoding> {
        self.encoding
            .and_then(|name| Encoding::named(name.as_bytes()))
    }

    /// Tells Dubbo's Java consumer from others: it names its application, and no user agent. Go's and ours name both.
    pub(super) fn caller(&self) -> Caller {
        if self.application && !self.agent {
            Caller::Java
        } else {
            Caller::Any
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderName;

    use super::*;

    fn headers(names: &[&'static str]) -> HeaderMap {
        let header =
            |name: &&'static str| (HeaderName::from_static(name), HeaderValue::from_static("x"));
        names.iter().map(header).collect()
    }

    fn caller(names: &[&'static str]) -> Caller {
        Head::of(&headers(names)).caller()
    }

    #[test]
    fn java_names_its_application_and_no_user_agent() {
        // The captured headers of Dubbo Java 3.3.6 and dubbo-go 3.3.2.
        let java = [
            "content-type",
            "te",
            "grpc-timeout",
            "tri-consumer-appname",
            "grpc-accept-encoding",
            "timeout",
        ];
        assert_eq!(caller(&java), Caller::Java);
        let go = [
            "retries",
            "interface",
            "content-type",
            "grpc-timeout",
            "user-agent",
            "accept-encoding",
            "te",
        ];
        assert_eq!(caller(&go), Caller::Any);
        assert_eq!(caller(&["tri-consumer-appname", "user-agent"]), Caller::Any);
        assert_eq!(caller(&["te", "content-type"]), Caller::Any);
    }

    #[test]
    fn the_first_value_of_a_header_counts() {
        let mut headers = headers(&["te"]);
        for name in [&CONTENT_TYPE, &ENCODING, &ACCEPT_ENCODING] {
            headers.append(name, HeaderValue::from_static("first"));
            headers.append(name, HeaderValue::from_static("second"));
        }
        let head = Head::of(&headers);
        assert_eq!(head.content_type, b"first");
        assert_eq!(head.encoding.unwrap(), "first");
        assert_eq!(head.accepted.unwrap(), "first");
    }
}
