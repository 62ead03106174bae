//! The URL of a consumer, which Dubbo Admin and Dubbo's own tools list.

use std::{
    collections::BTreeMap,
    process,
    sync::atomic::{AtomicU64, Ordering},
    time::{SystemTime, UNIX_EPOCH},
};

use form_urlencoded::byte_serialize;

use super::{PROTOCOL_VERSION, TRIPLE, query};
use crate::Reference;

/// What Dubbo Admin takes the version of Dubbo from: without it, it refuses to write rules for the application.
const RELEASE: &str = concat!("dubbo-rust-", env!("CARGO_PKG_VERSION"));

/// Writes the name of a consumer's node, a URL as dubbo-go writes it, escaped; another one each time. `None` for a consumer that is not to
/// be registered, or does not tell its host.
pub(in crate::zookeeper) fn name(reference: &Reference) -> Option<String> {
    let host = match reference.calling_host() {
        host if host.is_empty() || !reference.is_registered() => return None,
        host if host.contains(':') && !host.starts_with('[') => format!("[{host}]"),
        host => host.to_owned(),
    };
    let (process, timestamp) = (process::id().to_string(), timestamp().to_string());
    let interface = reference.interface();
    let params = BTreeMap::from([
        ("application", reference.calling_application()),
        // Dubbo takes a URL without it for a provider's.
        ("category", "consumers"),
        ("check", "false"),
        ("dubbo", PROTOCOL_VERSION),
        ("group", reference.service_group()),
        ("interface", interface),
        ("pid", &process),
        ("protocol", TRIPLE),
        ("release", RELEASE),
        ("side", "consumer"),
        ("timestamp", &timestamp),
        ("version", reference.service_version()),
    ]);
    let url = format!("consumer://{host}/{interface}?{}", query(&params));
    Some(byte_serialize(url.as_bytes()).collect())
}

/// Returns the time in milliseconds since 1970, or a later one: each consumer of a process has its own.
fn timestamp() -> u64 {
    static LAST: AtomicU64 = AtomicU64::new(0);
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |elapsed| {
            u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)
        });
    let next = |last: u64| now.max(last.saturating_add(1));
    match LAST.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| {
        Some(next(last))
    }) {
        Ok(last) | Err(last) => next(last),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zookeeper::url::decoded;

    fn reference() -> Reference {
        Reference::new("a.B").unwrap().host("10.0.0.1")
    }

    #[test]
    fn the_name_tells_who_calls_what() {
        let reference = reference().application("desk & chair").group("blue");
        let url = decoded(&name(&reference).unwrap()).unwrap();
        let (location, query) = url.split_once('?').unwrap();
        assert_eq!(location, "consumer://10.0.0.1/a.B");
        let params: BTreeMap<_, _> = form_urlencoded::parse(query.as_bytes()).collect();
        for (key, value) in [
            ("application", "desk & chair"),
            ("category", "consumers"),
            ("group", "blue"),
            ("interface", "a.B"),
            ("protocol", "tri"),
            ("side", "consumer"),
        ] {
            assert_eq!(params[key], value, "{key}");
        }
        assert!(params["release"].starts_with("dubbo-rust-"));
        assert!(!params.contains_key("version"), "{url}");
    }

    #[test]
    fn consumers_of_one_process_have_names_of_their_own() {
        assert_ne!(name(&reference()), name(&reference()));
    }

    #[test]
    fn an_ipv6_address_is_written_in_brackets() {
        let name = name(&reference().host("fd00::2")).unwrap();
        assert!(name.starts_with("consumer%3A%2F%2F%5Bfd00%3A%3A2%5D%2Fa.B%3F"));
    }

    #[test]
    fn a_consumer_has_no_name_where_it_is_not_to_have_one() {
        assert_eq!(name(&reference().registered(false)), None);
        assert_eq!(name(&reference().host("")), None);
    }
}
