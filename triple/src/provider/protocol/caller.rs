//! Who calls, as far as answers depend on it.

use http::HeaderMap;
use http::header::USER_AGENT;

use crate::status::Caller;

/// The header in which Dubbo's consumers name their application.
const APPLICATION: &str = "tri-consumer-appname";

/// Tells Dubbo's Java consumer from others: it names its application, and no user agent. Go's and ours name both.
#[inline]
pub(super) fn of(headers: &HeaderMap) -> Caller {
    // One pass: calls carry a handful of headers, and looking at each costs less than two hashes.
    let (mut application, mut agent) = (false, false);
    for name in headers.keys() {
        application |= name.as_str() == APPLICATION;
        agent |= *name == USER_AGENT;
    }
    if application && !agent {
        Caller::Java
    } else {
        Caller::Any
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn caller(names: &[&'static str]) -> Caller {
        let header = |name: &&'static str| {
            (
                http::HeaderName::from_static(name),
                HeaderValue::from_static("x"),
            )
        };
        of(&names.iter().map(header).collect())
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
}
