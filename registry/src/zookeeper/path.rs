//! Where Dubbo keeps what, below the chroot.

use form_urlencoded::byte_serialize;

/// The beginning of the name of each member that Prometheus discovers, before the number that ZooKeeper gives it.
pub(super) const MEMBER_PREFIX: &str = "/prometheus/dubbo/member_";

/// The applications that offer an interface: persistent, a comma-separated list.
pub(super) fn mapping(interface: &str) -> String {
    format!("/dubbo/mapping/{interface}")
}

/// The instances of an application: one ephemeral child each.
pub(super) fn instances(application: &str) -> String {
    format!("/services/{application}")
}

/// One instance, `id` being its `host:port`.
pub(super) fn instance(application: &str, id: &str) -> String {
    format!("/services/{application}/{id}")
}

/// Where applications that keep the metadata of a revision in ZooKeeper may have put it: Dubbo for Java and dubbo-go since 3.3
/// at the first place, dubbo-go before that at the second.
pub(super) fn metadata(application: &str, revision: &str) -> [String; 2] {
    [
        format!("/dubbo/metadata/{application}/{revision}"),
        format!("/dubbo/{application}/{revision}"),
    ]
}

/// The providers of an interface in the older, interface-level registration: the names of the children are URLs.
pub(super) fn providers(interface: &str) -> String {
    category(interface, "providers")
}

/// The consumers of an interface in the interface-level registration. Its data is not used: its version counts consumers.
pub(super) fn consumers(interface: &str) -> String {
    category(interface, "consumers")
}

/// What else consumers and Dubbo Admin keep of an interface. They make these nodes, too, but may not be allowed to.
pub(super) fn companions(interface: &str) -> [String; 3] {
    ["configurators", "routers", "consumers"].map(|name| category(interface, name))
}

/// A rule that operators publish, by its name in Dubbo's configuration.
pub(super) fn rule(name: &str) -> String {
    format!("/dubbo/config/dubbo/{name}")
}

/// Overrides of an interface in the older form: the names of the children are URLs.
pub(super) fn configurators(interface: &str) -> String {
    category(interface, "configurators")
}

fn category(interface: &str, name: &str) -> String {
    let interface: String = byte_serialize(interface.as_bytes()).collect();
    format!("/dubbo/{interface}/{name}")
}

/// Returns the node that holds `path`.
pub(super) fn parent(path: &str) -> &str {
    path.rfind('/').map_or("", |at| &path[..at])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_those_of_dubbo() {
        assert_eq!(
            mapping("greet.GreetService"),
            "/dubbo/mapping/greet.GreetService"
        );
        assert_eq!(
            instance("app", "10.0.0.1:20000"),
            "/services/app/10.0.0.1:20000"
        );
        assert_eq!(providers("a.B$C"), "/dubbo/a.B%24C/providers");
        assert_eq!(parent("/services/app/10.0.0.1:20000"), "/services/app");
    }
}
