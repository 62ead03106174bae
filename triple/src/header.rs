//! The headers in which a Dubbo consumer says which provider of an interface it wants.

use http::HeaderName;

/// The header in which a Dubbo consumer says how long it waits for an attempt, as Go writes durations.
pub(crate) const TIMEOUT: HeaderName = HeaderName::from_static("timeout");

/// The header in which a consumer names the service's group; absent when there is none.
pub(crate) const GROUP: HeaderName = HeaderName::from_static("tri-service-group");

/// The header in which a consumer names the service's version; absent when there is none.
pub(crate) const VERSION: HeaderName = HeaderName::from_static("tri-service-version");
