//! Damaged nodes: whatever stands in ZooKeeper, reading it ends, and what is read can be called.

use std::{collections::BTreeMap, sync::Arc};

use test_servers::fuzz;

use super::{mapping, metadata_cache, url};
use crate::{
    Call, ProviderEntry, Reference, Router, Rules,
    instance::{self, Storage},
    rules::Source,
};

const INSTANCES: [&[u8]; 2] = [
    include_bytes!("../../tests/data/dubbo-go-3.3.2-instance.json"),
    include_bytes!("../../tests/data/dubbo-java-3.3.6-instance.json"),
];

const URL: &[u8] = include_bytes!("../../tests/data/dubbo-java-3.3.6-provider-url.txt");

fn reference() -> Reference {
    let reference = Reference::new("greet.GreetService").unwrap();
    reference.application("desk").host("10.0.1.1")
}

/// A provider that was read has an address that can be called.
fn is_callable(host: &str, port: u16) {
    assert!(port > 0);
    assert!(
        !host.is_empty() && !host.contains(['/', '?', '#', '@', ' ']),
        "{host:?}"
    );
}

#[test]
fn instances() {
    fuzz("instances", &INSTANCES, |data| {
        if let Ok(Some(instance)) = instance::parse("shop", data) {
            is_callable(&instance.host, instance.port);
            if let Storage::Local(request) | Storage::Remote(Some(request)) = instance.storage {
                is_callable(&request.host, request.port);
            }
        }
    });
}

#[test]
fn provider_urls() {
    let own = "tri%3A%2F%2F10.0.0.1%3A20000%2Fgreet.GreetService%3Fgroup%3Dblue%26version%3D1.0.0%26weight%3D50";
    let v6 =
        "tri%3A%2F%2F%5B%3A%3A1%5D%3A20000%2Fgreet.GreetService%3Finterface%3Dgreet.GreetService";
    let documents = [URL.trim_ascii(), own.as_bytes(), v6.as_bytes()];
    let reference = reference();
    fuzz("provider URLs", &documents, |data| {
        let name = String::from_utf8_lossy(data);
        if let Ok(Some(provider)) = url::parse(&reference, &name) {
            is_callable(&provider.host, provider.port);
        }
        let _ = url::address(&name);
        let _ = url::leftovers(own, vec![name.into_owned(), v6.to_owned()]);
    });
}

#[test]
fn mappings() {
    let go: &[u8] = include_bytes!("../../tests/data/dubbo-go-3.3.2-mapping.txt");
    fuzz("mappings", &[go, b"shop,desk", b"a,,b,a/b"], |data| {
        let Ok((applications, _)) = mapping::applications(data) else {
            return;
        };
        // Each is a part of a path.
        assert!(
            applications
                .iter()
                .all(|name| !name.is_empty() && !name.contains('/'))
        );
        if let Some(merged) = mapping::merged(data, "shop") {
            let (read, _) = mapping::applications(&merged).expect("what we write is read");
            let is_full = applications.len() >= mapping::MAX_APPLICATIONS / 2;
            assert!(is_full || read.iter().any(|name| name == "shop"));
        }
    });
}

#[test]
fn stored_metadata() {
    let java: &[u8] = include_bytes!("../../tests/data/dubbo-java-3.3.6-metadata.json");
    let reference = reference();
    fuzz("stored metadata", &[java], |data| {
        if let Ok(info) = metadata_cache::parse(data) {
            assert!(!info.services.is_empty());
            let _ = info.find(&reference);
        }
    });
}

const TAGS: &[u8] = b"configVersion: v3.0\nforce: true\nenabled: true\nruntime: true\nkey: shop\ntags:\n  - name: gray\n    addresses:\n      - 10.0.0.1:20000\n  - name: blue\n    match:\n      - key: zone\n        value:\n          exact: east\n";
const CONDITIONS: &[u8] = b"configVersion: v3.0\nscope: service\nforce: false\nruntime: true\nenabled: true\nkey: greet.GreetService\nconditions:\n  - method=greet* & host!=10.0.0.* => host=10.0.0.1,10.0.0.2\n  - attachments[zone]=east & arguments[0]=1~9 => zone=$zone\n";
const OVERRIDES: &[u8] = b"configVersion: v3.0\nscope: application\nenabled: true\nkey: shop\nconfigs:\n  - side: consumer\n    enabled: true\n    addresses: [10.0.0.1]\n    match:\n      address:\n        wildcard: 10.0.*.*:*\n      param:\n        - key: zone\n          value:\n            regex: e.*\n    parameters:\n      timeout: 500\n      retries: 3\n      weight: 50\n      greet.timeout: 100\n";

#[test]
fn rules() {
    let reference = reference();
    let params = [("zone", "east"), ("dubbo.tag", "gray")];
    let params = BTreeMap::from(params.map(|(key, value)| (key.to_owned(), value.to_owned())));
    let provider = |place: u8| ProviderEntry {
        host: format!("10.0.0.{place}"),
        port: 20000,
        application: "shop".into(),
        interface: "greet.GreetService".into(),
        group: String::new(),
        version: String::new(),
        weight: 100,
        listed: true,
        params: Arc::new(params.clone()),
    };
    let providers = [provider(1), provider(2)];
    let providers: Vec<_> = providers.iter().collect();
    let sources = Source::all(&reference, &["shop"]);
    fuzz("rules", &[TAGS, CONDITIONS, OVERRIDES], |data| {
        let mut rules = Rules::default();
        for source in &sources {
            let _ = rules.set(source, Some(data));
        }
        let router = Router::new(&rules, &reference, &providers);
        let attachment = |key: &str| (key == "zone").then_some("east");
        let call = Call {
            method: "greet",
            attachments: &attachment,
        };
        let chosen = router.route(&call);
        assert!(chosen.iter().all(|index| *index < providers.len()));
        for provider in &providers {
            let _ = rules.settings(&reference, provider);
        }
    });
}
