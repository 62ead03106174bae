//! What a consumer looks for.

use std::fmt;

use crate::{Error, name};

/// A service that a consumer wants to call, interface, group and version, and what rules and operators are told of the consumer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Reference {
    interface: String,
    group: String,
    version: String,
    application: String,
    host: String,
    tag: String,
    registered: bool,
}

impl Reference {
    /// Makes a reference to `interface` with no group and no version.
    ///
    /// # Errors
    /// [`Error::Name`] when `interface` cannot be part of a ZooKeeper path.
    pub fn new(interface: impl Into<String>) -> Result<Self, Error> {
        Ok(Self {
            interface: name::checked("interface", interface.into())?,
            group: String::new(),
            version: String::new(),
            application: String::new(),
            host: String::new(),
            tag: String::new(),
            registered: true,
        })
    }

    /// Sets the service group; empty means none.
    #[must_use]
    pub fn group(mut self, group: impl Into<String>) -> Self {
        self.group = group.into();
        self
    }

    /// Sets the version; empty and `0.0.0` mean none.
    #[must_use]
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.version = version.into();
        self
    }

    /// Sets the application that calls; empty means that it is not told.
    #[must_use]
    pub fn application(mut self, application: impl Into<String>) -> Self {
        self.application = application.into();
        self
    }

    /// Sets the host that calls; empty means that it is not told.
    #[must_use]
    pub fn host(mut self, host: impl Into<String>) -> Self {
        self.host = host.into();
        self
    }

    /// Sets the tag of calls that carry none (`dubbo.tag`); empty means none.
    #[must_use]
    pub fn tagged(mut self, tag: impl Into<String>) -> Self {
        self.tag = tag.into();
        self
    }

    /// Sets whether the registry lists the consumer, for Dubbo Admin and other tools; it does where the host is told, unless this says
    /// otherwise.
    #[must_use]
    pub fn registered(mut self, registered: bool) -> Self {
        self.registered = registered;
        self
    }

    /// Returns the interface, such as `greet.GreetService`.
    pub fn interface(&self) -> &str {
        &self.interface
    }

    /// Returns the service group, empty for none.
    pub fn service_group(&self) -> &str {
        &self.group
    }

    /// Returns the version as it was given, empty for none.
    pub fn service_version(&self) -> &str {
        &self.version
    }

    /// Returns the application that calls, empty where it is not told.
    pub fn calling_application(&self) -> &str {
        &self.application
    }

    /// Returns the host that calls, empty where it is not told.
    pub fn calling_host(&self) -> &str {
        &self.host
    }

    /// Returns the tag of calls that carry none, empty for none.
    pub fn tag(&self) -> &str {
        &self.tag
    }

    /// Tells whether the registry may list the consumer.
    pub fn is_registered(&self) -> bool {
        self.registered
    }

    /// Returns what rules know of the consumer by this name.
    pub(crate) fn param(&self, key: &str) -> Option<&str> {
        let told = match key {
            "application" => &self.application,
            "host" => &self.host,
            "interface" | "path" => &self.interface,
            "group" => &self.group,
            "version" => plain_version(&self.version),
            "dubbo.tag" => &self.tag,
            "side" | "protocol" => "consumer",
            _ => "",
        };
        Some(told).filter(|told| !told.is_empty())
    }

    /// Returns the name of the service's rules: `interface:version:group`, with empty parts where they are not set.
    pub(crate) fn rule_key(&self) -> String {
        let version = plain_version(&self.version);
        format!("{}:{version}:{}", self.interface, self.group)
    }

    /// Tells whether a service of this name, group and version is the one meant.
    ///
    /// Versions are compared as Dubbo does: `0.0.0` is the same as none.
    pub fn matches(&self, interface: &str, group: &str, version: &str) -> bool {
        self.interface == interface
            && self.group == group
            && plain_version(&self.version) == plain_version(version)
    }
}

/// Writes Dubbo's service key: `group/interface:version`, without the parts that are not set.
impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&service_key(&self.interface, &self.group, &self.version))
    }
}

/// Returns Dubbo's service key: `group/interface:version`, without the parts that are not set.
pub(crate) fn service_key(interface: &str, group: &str, version: &str) -> String {
    let mut key = String::with_capacity(interface.len() + group.len() + version.len() + 2);
    if !group.is_empty() {
        key.push_str(group);
        key.push('/');
    }
    key.push_str(interface);
    let version = plain_version(version);
    if !version.is_empty() {
        key.push(':');
        key.push_str(version);
    }
    key
}

fn plain_version(version: &str) -> &str {
    if version == "0.0.0" { "" } else { version }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_zero_is_none() {
        let reference = Reference::new("a.B").unwrap();
        assert!(reference.matches("a.B", "", "0.0.0"));
        assert!(reference.clone().version("0.0.0").matches("a.B", "", ""));
        assert!(!reference.matches("a.B", "", "1.0.0"));
    }

    #[test]
    fn interface_and_group_must_agree() {
        let reference = Reference::new("a.B")
            .unwrap()
            .group("blue")
            .version("1.0.0");
        assert!(reference.matches("a.B", "blue", "1.0.0"));
        assert!(!reference.matches("a.C", "blue", "1.0.0"));
        assert!(!reference.matches("a.B", "", "1.0.0"));
        assert!(!reference.matches("a.B", "1.0.0", "blue"));
    }

    #[test]
    fn the_service_key_leaves_out_what_is_not_set() {
        assert_eq!(service_key("a.B", "", ""), "a.B");
        assert_eq!(service_key("a.B", "", "0.0.0"), "a.B");
        assert_eq!(service_key("a.B", "blue", "1.0.0"), "blue/a.B:1.0.0");
    }

    #[test]
    fn the_name_of_rules_keeps_the_colons_of_what_is_not_set() {
        let reference = Reference::new("a.B").unwrap();
        assert_eq!(reference.rule_key(), "a.B::");
        assert_eq!(
            reference.clone().version("0.0.0").group("blue").rule_key(),
            "a.B::blue"
        );
        assert_eq!(reference.version("1.0.0").rule_key(), "a.B:1.0.0:");
    }
}
