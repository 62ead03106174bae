//! What a provider announces.

use std::{
    collections::BTreeMap,
    hash::Hasher,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use crate::{
    DEFAULT_WARMUP, DEFAULT_WEIGHT, Error, MetadataInfo, RegisterMode, ServiceMetadata, instance,
    instance::json, metadata::TRIPLE, name, provider, reference::service_key,
};

/// The revision of an application without services, which Dubbo's consumers skip.
const EMPTY_REVISION: &str = "0";

/// One service that a provider offers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServiceInfo {
    /// The interface, such as `greet.GreetService`.
    pub interface: String,
    /// The service group, empty for none.
    pub group: String,
    /// The version, empty for none.
    pub version: String,
    /// The names of its methods.
    pub methods: Vec<String>,
    /// Further parameters, such as `weight`.
    pub params: BTreeMap<String, String>,
}

/// A process that offers services over Triple on one port, as it announces itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    application: String,
    host: String,
    port: u16,
    services: Vec<ServiceInfo>,
    weight: u32,
    warmup: Duration,
    tag: String,
    register_mode: RegisterMode,
    /// Of the start, since 1970.
    timestamp_milliseconds: u128,
}

impl Registration {
    /// Describes `application` offering `services` on `host:port`, started now.
    ///
    /// # Errors
    /// [`Error::Name`] when the application, the host or an interface cannot be part of a ZooKeeper path.
    pub fn new(
        application: impl Into<String>,
        host: impl Into<String>,
        port: u16,
        services: Vec<ServiceInfo>,
    ) -> Result<Self, Error> {
        for service in &services {
            name::checked("interface", service.interface.clone())?;
        }
        let started = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Ok(Self {
            application: name::checked("application", application.into())?,
            host: name::checked("host", host.into())?,
            port,
            services,
            weight: DEFAULT_WEIGHT,
            warmup: DEFAULT_WARMUP,
            tag: String::new(),
            register_mode: RegisterMode::default(),
            timestamp_milliseconds: started.as_millis(),
        })
    }

    /// Sets the share of the calls beside other providers' weights, [`DEFAULT_WEIGHT`] without this; 0 asks consumers for no
    /// calls as long as others are there. The parameter `weight` of a service goes first.
    #[must_use]
    pub fn weight(mut self, weight: u32) -> Self {
        self.weight = weight;
        self
    }

    /// Sets how long after its start the provider is given fewer calls than its weight says, [`DEFAULT_WARMUP`] without this; none for
    /// its whole weight at once. The parameter `warmup` of a service, in milliseconds, goes first.
    #[must_use]
    pub fn warmup(mut self, warmup: Duration) -> Self {
        self.warmup = warmup;
        self
    }

    /// Sets the tag of the provider (`dubbo.tag`), which then gets only calls that carry it; empty for none. The parameter `dubbo.tag` of
    /// a service goes first.
    #[must_use]
    pub fn tag(mut self, tag: impl Into<String>) -> Self {
        self.tag = tag.into();
        self
    }

    /// Sets which of Dubbo's two registrations are made, both without this.
    #[must_use]
    pub fn register_mode(mut self, mode: RegisterMode) -> Self {
        self.register_mode = mode;
        self
    }

    /// Returns the application.
    pub fn application(&self) -> &str {
        &self.application
    }

    /// Returns the host that consumers call.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Returns the port that consumers call.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns the services.
    pub fn services(&self) -> &[ServiceInfo] {
        &self.services
    }

    /// Returns the interfaces, each once and sorted.
    pub(crate) fn interfaces(&self) -> Vec<&str> {
        let mut interfaces: Vec<_> = self
            .services
            .iter()
            .map(|service| service.interface.as_str())
            .collect();
        interfaces.sort_unstable();
        interfaces.dedup();
        interfaces
    }

    /// Returns the name of the instance's node, `host:port`.
    pub fn id(&self) -> String {
        provider::address(&self.host, self.port)
    }

    /// Returns the revision: 16 hexadecimal digits that change with everything that [`metadata`](Self::metadata) tells, or `0`
    /// without services.
    ///
    /// As in Dubbo for Java and in dubbo-go, the port is part of it, since Java takes the port of all instances of a revision
    /// from the metadata of one. The host and the time of the start are not: instances on many hosts share a revision, and
    /// consumers fetch the metadata once. (FNV-1a over the sorted services in JSON.)
    pub fn revision(&self) -> String {
        if self.services.is_empty() {
            return EMPTY_REVISION.to_owned();
        }
        let mut hash = fnv::FnvHasher::default();
        hash.write(json(&self.describe(String::new())).as_bytes());
        format!("{:016x}", hash.finish())
    }

    /// Returns what the metadata service answers.
    ///
    /// Each service has, besides its own parameters, `methods` (sorted, comma-separated), and `weight` where it is not
    /// Dubbo's default.
    pub fn metadata(&self) -> MetadataInfo {
        self.describe(self.revision())
    }

    /// Returns the data of the instance's node, as Dubbo reads it.
    pub fn node_data(&self) -> String {
        instance::write(
            &self.application,
            &self.host,
            self.port,
            &self.id(),
            &self.revision(),
            &self.timestamp(),
        )
    }

    /// Returns when it was started, in milliseconds since 1970: what Dubbo's warm-up reads as `timestamp`.
    ///
    /// It belongs to the instance. In a service's parameters it would go first and be that of another instance wherever
    /// instances share a revision.
    pub(crate) fn timestamp(&self) -> String {
        self.timestamp_milliseconds.to_string()
    }

    /// Returns which registrations are to be made.
    pub(crate) fn mode(&self) -> RegisterMode {
        self.register_mode
    }

    fn describe(&self, revision: String) -> MetadataInfo {
        let services = self.services.iter().map(|service| {
            let key = format!(
                "{}:{TRIPLE}",
                service_key(&service.interface, &service.group, &service.version)
            );
            let mut methods = service.methods.clone();
            methods.sort_unstable();
            methods.dedup();
            let mut params = service.params.clone();
            params.insert("methods".into(), methods.join(","));
            if self.weight != DEFAULT_WEIGHT {
                let weight = || self.weight.to_string();
                params.entry("weight".into()).or_insert_with(weight);
            }
            if self.warmup != DEFAULT_WARMUP {
                let warmup = || self.warmup.as_millis().to_string();
                params.entry("warmup".into()).or_insert_with(warmup);
            }
            if !self.tag.is_empty() {
                let tag = || self.tag.clone();
                params.entry("dubbo.tag".into()).or_insert_with(tag);
            }
            let metadata = ServiceMetadata {
                name: service.interface.clone(),
                group: service.group.clone(),
                version: service.version.clone(),
                protocol: TRIPLE.into(),
                port: self.port.into(),
                path: service.interface.clone(),
                params,
            };
            (key, metadata)
        });
        MetadataInfo {
            app: self.application.clone(),
            revision,
            services: services.collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(interface: &str) -> ServiceInfo {
        ServiceInfo {
            interface: interface.into(),
            methods: vec!["Greet".into(), "Bye".into()],
            ..ServiceInfo::default()
        }
    }

    fn registration(services: Vec<ServiceInfo>) -> Registration {
        Registration::new("app", "10.0.0.1", 20000, services).unwrap()
    }

    #[test]
    fn the_revision_is_the_same_for_every_host_start_and_order() {
        let base = registration(vec![service("a.A"), service("b.B")]);
        let mut methods_reordered = service("b.B");
        methods_reordered.methods = vec!["Greet".into(), "Bye".into(), "Greet".into()];
        methods_reordered.methods.reverse();
        let mut later = registration(vec![methods_reordered, service("a.A")]);
        later.timestamp_milliseconds += 100_000;
        later.host = "10.0.0.2".into();
        assert_eq!(base.revision(), later.revision());
        assert_ne!(base.node_data(), later.node_data());
        assert_eq!(
            base.revision(),
            base.clone().weight(DEFAULT_WEIGHT).revision(),
            "the default weight is not written"
        );
    }

    #[test]
    fn the_revision_changes_with_all_that_java_and_dubbo_go_include() {
        let base = registration(vec![service("a.A")]);
        let changed: [fn(&mut ServiceInfo); 8] = [
            |s| s.interface = "a.B".into(),
            |s| s.group = "blue".into(),
            |s| s.version = "1.0.0".into(),
            |s| s.version = "blue".into(),
            |s| s.methods.push("Again".into()),
            |s| s.methods.clear(),
            |s| drop(s.params.insert("weight".into(), "5".into())),
            |s| drop(s.params.insert("warmup".into(), "5".into())),
        ];
        let mut seen = vec![base.revision()];
        for change in changed {
            let mut service = service("a.A");
            change(&mut service);
            seen.push(registration(vec![service]).revision());
        }
        seen.push(registration(vec![service("a.A"), service("a.C")]).revision());
        seen.push(registration(vec![]).revision());
        seen.push(base.clone().weight(50).revision());
        seen.push(base.clone().weight(0).revision());
        for (application, port) in [("other", 20000), ("app", 20001)] {
            let other = Registration::new(application, "10.0.0.1", port, vec![service("a.A")]);
            seen.push(other.unwrap().revision());
        }
        let count = seen.len();
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), count, "each change gives a revision of its own");
    }

    #[test]
    fn without_services_the_revision_is_the_one_that_consumers_skip() {
        assert_eq!(registration(vec![]).revision(), "0");
    }

    #[test]
    fn the_revision_is_the_same_in_every_build() {
        assert_eq!(
            registration(vec![service("a.A")]).revision(),
            "bc97ca39c44c118a"
        );
    }

    #[test]
    fn metadata_tells_all_about_a_service() {
        let mut info = service("greet.GreetService");
        info.params.insert("weight".into(), "50".into());
        let registration = registration(vec![info]).weight(70);
        let metadata = registration.metadata();
        assert_eq!(
            (metadata.app.as_str(), metadata.revision.clone()),
            ("app", registration.revision())
        );
        let service = &metadata.services["greet.GreetService:tri"];
        assert_eq!(
            (service.name.as_str(), service.path.as_str()),
            ("greet.GreetService", "greet.GreetService")
        );
        assert_eq!((service.protocol.as_str(), service.port), ("tri", 20000));
        assert_eq!(service.params["methods"], "Bye,Greet");
        assert_eq!(service.params["weight"], "50", "its own goes first");
        assert!(!service.params.contains_key("timestamp"));
        assert!(registration.timestamp().parse::<u64>().unwrap() > 1_600_000_000_000);
    }

    #[test]
    fn a_warm_up_other_than_the_default_is_a_parameter_of_each_service() {
        let warmup = |warmup| {
            let metadata = registration(vec![service("a.A")]).warmup(warmup).metadata();
            metadata.services["a.A:tri"].params.get("warmup").cloned()
        };
        assert_eq!(warmup(Duration::from_secs(7)).as_deref(), Some("7000"));
        assert_eq!(warmup(Duration::ZERO).as_deref(), Some("0"));
        assert_eq!(warmup(DEFAULT_WARMUP), None);
    }

    #[test]
    fn a_weight_other_than_the_default_is_a_parameter_of_each_service() {
        let weight = |weight| {
            let metadata = registration(vec![service("a.A")]).weight(weight).metadata();
            metadata.services["a.A:tri"].params.get("weight").cloned()
        };
        assert_eq!(weight(7).as_deref(), Some("7"));
        assert_eq!(weight(0).as_deref(), Some("0"));
        assert_eq!(weight(DEFAULT_WEIGHT), None);
    }

    #[test]
    fn group_and_version_are_part_of_the_key() {
        let mut info = service("a.A");
        (info.group, info.version) = ("blue".into(), "1.0.0".into());
        let metadata = registration(vec![info]).metadata();
        assert_eq!(
            metadata.services.keys().next().unwrap(),
            "blue/a.A:1.0.0:tri"
        );
    }

    #[test]
    fn a_name_that_cannot_be_a_node_is_refused() {
        assert!(matches!(
            Registration::new("a/b", "h", 1, vec![]),
            Err(Error::Name {
                what: "application",
                ..
            })
        ));
        assert!(matches!(
            Registration::new("a", "", 1, vec![]),
            Err(Error::Name { what: "host", .. })
        ));
        assert!(matches!(
            Registration::new("a", "h", 1, vec![service("")]),
            Err(Error::Name {
                what: "interface",
                ..
            })
        ));
    }
}
