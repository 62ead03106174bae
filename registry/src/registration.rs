//! What a provider announces.

use std::{
    collections::BTreeMap,
    hash::Hasher,
    time::{SystemTime, UNIX_EPOCH},
};

use crate::{
    Error, MetadataInfo, ServiceMetadata, instance,
    instance::{TRIPLE, json},
    name, provider,
    reference::service_key,
};

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
    timestamp_seconds: u64,
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
            timestamp_seconds: started.as_secs(),
        })
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

    /// Returns the revision: 16 hexadecimal digits that change when the application or a service changes, and only then.
    ///
    /// The same services have the same revision on every host and port, in every order and after every start, so that
    /// consumers fetch the metadata of a cluster once. (FNV-1a over the sorted services in JSON.)
    pub fn revision(&self) -> String {
        let mut metadata = self.describe(String::new());
        for service in metadata.services.values_mut() {
            service.port = 0;
            service.params.remove("timestamp");
        }
        let mut hash = fnv::FnvHasher::default();
        hash.write(json(&metadata).as_bytes());
        format!("{:016x}", hash.finish())
    }

    /// Returns what the metadata service answers.
    ///
    /// Each service has, besides its own parameters, `timestamp` (start, Unix seconds) and `methods` (sorted, comma-separated).
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
        )
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
            params.insert("timestamp".into(), self.timestamp_seconds.to_string());
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
    fn the_revision_depends_on_the_services_and_on_nothing_else() {
        let base = registration(vec![service("a.A"), service("b.B")]);
        let mut methods_reordered = service("b.B");
        methods_reordered.methods.reverse();
        let mut later = registration(vec![methods_reordered, service("a.A")]);
        later.timestamp_seconds += 100;
        later.host = "10.0.0.2".into();
        later.port = 20001;
        assert_eq!(base.revision(), later.revision());
    }

    #[test]
    fn the_revision_changes_with_every_part_of_a_service() {
        let base = registration(vec![service("a.A")]).revision();
        let changed: [fn(&mut ServiceInfo); 5] = [
            |s| s.interface = "a.B".into(),
            |s| s.group = "blue".into(),
            |s| s.version = "1.0.0".into(),
            |s| s.methods.push("Again".into()),
            |s| drop(s.params.insert("weight".into(), "5".into())),
        ];
        let mut seen = vec![base];
        for change in changed {
            let mut service = service("a.A");
            change(&mut service);
            seen.push(registration(vec![service]).revision());
        }
        seen.push(registration(vec![service("a.A"), service("a.C")]).revision());
        seen.push(registration(vec![]).revision());
        seen.push(
            Registration::new("other", "10.0.0.1", 20000, vec![service("a.A")])
                .unwrap()
                .revision(),
        );
        let count = seen.len();
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), count, "each change gives a revision of its own");
    }

    #[test]
    fn the_revision_is_the_same_in_every_build() {
        assert_eq!(
            registration(vec![service("a.A")]).revision(),
            "17c20bbe5537da58"
        );
    }

    #[test]
    fn metadata_tells_all_about_a_service() {
        let mut info = service("greet.GreetService");
        info.params.insert("weight".into(), "50".into());
        let registration = registration(vec![info]);
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
        assert_eq!(service.params["weight"], "50");
        assert!(service.params["timestamp"].parse::<u64>().unwrap() > 1_600_000_000);
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
