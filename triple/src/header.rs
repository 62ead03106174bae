//! The headers in which a Dubbo consumer says who it is, and which provider of an interface it wants.

use http::{HeaderMap, HeaderName, HeaderValue};

/// The header in which a Dubbo consumer says how long it waits for an attempt, as Go writes durations.
pub(crate) const TIMEOUT: HeaderName = HeaderName::from_static("timeout");

/// The header in which a consumer names the service's group; absent when there is none.
pub(crate) const GROUP: HeaderName = HeaderName::from_static("tri-service-group");

/// The header in which a consumer names the service's version; absent when there is none.
pub(crate) const VERSION: HeaderName = HeaderName::from_static("tri-service-version");

/// The header in which a consumer names its application.
pub(crate) const APPLICATION: HeaderName = HeaderName::from_static("tri-consumer-appname");

/// What a consumer that names its application sends besides as its `user-agent`. Java sends none: without it a provider would
/// take the consumer for one.
pub(crate) const USER_AGENT: &str = concat!("dubbo-rust/", env!("CARGO_PKG_VERSION"));

/// Returns the first value of a header by a look at each name. A call has a handful of headers: that costs less than to hash the name.
#[inline]
pub(crate) fn find<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h HeaderValue> {
    headers
        .iter()
        .find_map(|(found, value)| (found == name).then_some(value))
}
