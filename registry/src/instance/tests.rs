//! Instances that dubbo-go and others write, whole and broken.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{read::MAX_NODE_BYTES, *};
use crate::{Malformed, MetadataRequest};

/// What dubbo-go 3.3.2 wrote for its sample provider.
const DUBBO_GO: &str = include_str!("../../tests/data/dubbo-go-3.3.2-instance.json");

/// What Dubbo for Java 3.3.6 wrote for a provider of the same service.
const JAVA: &str = include_str!("../../tests/data/dubbo-java-3.3.6-instance.json");

/// Writes an instance of `application`.
fn written(application: &str) -> String {
    write(
        application,
        "10.0.0.1",
        20000,
        "10.0.0.1:20000",
        "abc",
        "1795626670460",
    )
}

fn node(metadata: Value) -> Vec<u8> {
    json!({"name": "app", "id": "10.0.0.1:20000", "address": "10.0.0.1", "port": 20000,
           "payload": {"@class": CLASS, "id": "10.0.0.1:20000", "name": "app", "metadata": metadata}})
    .to_string()
    .into_bytes()
}

#[test]
fn the_node_is_written_as_dubbo_go_reads_it() {
    let expected = concat!(
        r#"{"name":"APP","id":"10.0.0.1:20000","address":"10.0.0.1","port":20000,"payload":"#,
        r#"{"@class":"org.apache.dubbo.registry.zookeeper.ZookeeperInstance","id":"10.0.0.1:20000","name":"APP","metadata":{"#,
        r#""dubbo.endpoints":"[{\"port\":20000,\"protocol\":\"tri\"}]","#,
        r#""dubbo.metadata-service.url-params":"{\"port\":\"20000\",\"protocol\":\"tri\",\"version\":\"2.0.0\",\"group\":\"APP\"}","#,
        r#""dubbo.metadata.revision":"abc","dubbo.metadata.storage-type":"local","meta-v":"2.0.0","timestamp":"1795626670460"}}}"#,
    );
    assert_eq!(written("APP"), expected);
}

#[test]
fn brackets_stand_around_ipv6_addresses_only() {
    for host in ["shop-1", "10.0.0.1", "::1", "[::1]", "fe80::1%eth0"] {
        assert!(is_host(host), "{host}");
    }
    for host in [
        "", "[]", "[shop-1]", "[::1", "::1]", "a[b]", "[[::1]]", "a b", "a/b",
    ] {
        assert!(!is_host(host), "{host}");
    }
}

#[test]
fn an_ipv6_address_is_written_in_brackets_and_read_without() {
    let text = write("app", "::1", 20000, "[::1]:20000", "abc", "1");
    assert!(text.contains(r#""address":"[::1]","#), "{text}");
    for text in [
        &text,
        &text.replace(r#""address":"[::1]""#, r#""address":"::1""#),
    ] {
        let instance = parse("app", text.as_bytes()).unwrap().unwrap();
        assert_eq!(instance.host, "::1");
        let Storage::Local(request) = instance.storage else {
            panic!("{text} should say where its metadata are");
        };
        assert_eq!(request.address(), "[::1]:20000");
    }
}

#[test]
fn what_we_write_is_read_back() {
    let text = written("app");
    let request = MetadataRequest {
        host: "10.0.0.1".into(),
        port: 20000,
        application: "app".into(),
        version: "2.0.0".into(),
        revision: "abc".into(),
    };
    let expected = Instance {
        host: "10.0.0.1".into(),
        port: 20000,
        revision: "abc".into(),
        storage: Storage::Local(request),
        params: BTreeMap::from([("timestamp".into(), "1795626670460".into())]),
    };
    assert_eq!(parse("app", text.as_bytes()), Ok(Some(expected)));
}

#[test]
fn what_dubbo_go_writes_is_taken_without_asking_its_hessian_metadata_service() {
    let instance = parse("dubbo.io", DUBBO_GO.as_bytes()).unwrap().unwrap();
    assert_eq!(
        (instance.host.as_str(), instance.port),
        ("127.0.0.1", 20000)
    );
    assert!(
        instance.revision.starts_with("c75c41b9"),
        "{}",
        instance.revision
    );
    assert_eq!(instance.storage, Storage::Nowhere);
}

#[test]
fn what_java_writes_is_read_and_asked_over_triple() {
    let instance = parse("java-server", JAVA.as_bytes()).unwrap().unwrap();
    assert_eq!(
        (instance.host.as_str(), instance.port),
        ("10.77.0.1", 20010)
    );
    assert_eq!(instance.revision, "6fed56e5228d28d6e8c0f478c97ea08f");
    let Storage::Local(request) = instance.storage else {
        panic!("it tells its metadata: {:?}", instance.storage);
    };
    assert_eq!(request.address(), "10.77.0.1:20010");
    let timestamp = ("timestamp".to_owned(), "1795626670460".to_owned());
    assert_eq!(instance.params, BTreeMap::from([timestamp]));
}

#[test]
fn an_instance_of_revision_zero_offers_nothing() {
    assert_eq!(
        parse("app", &node(json!({"dubbo.metadata.revision": "0"}))),
        Ok(None)
    );
}

#[test]
fn an_instance_without_endpoints_is_called_on_its_own_port() {
    let instance = parse("app", &node(json!({"dubbo.metadata.revision": "1"})))
        .unwrap()
        .unwrap();
    assert_eq!(instance.port, 20000);
}

#[test]
fn the_triple_endpoint_is_chosen_among_several() {
    let endpoints = r#"[{"port":20880,"protocol":"dubbo"},{"port":50051,"protocol":"tri"}]"#;
    let instance = parse("app", &node(json!({"dubbo.endpoints": endpoints})))
        .unwrap()
        .unwrap();
    assert_eq!(instance.port, 50051);
}

#[test]
fn remote_metadata_is_read_from_zookeeper_first_and_from_the_instance_second() {
    let data = node(json!({
        "dubbo.metadata.revision": "r1", "dubbo.metadata.storage-type": "remote", "meta-v": "2.0.0",
        "dubbo.metadata-service.url-params": r#"{"port":"20000","protocol":"tri"}"#,
    }));
    match parse("app", &data).unwrap().unwrap().storage {
        Storage::Remote(Some(request)) => assert_eq!(request.version, "2.0.0"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn unreadable_metadata_parameters_do_not_hide_an_instance() {
    for params in [
        "",
        "{",
        "[]",
        r#"{"port":"x","protocol":"tri"}"#,
        r#"{"protocol":"tri"}"#,
    ] {
        let data = node(json!({
            "dubbo.metadata.revision": "r1", "meta-v": "2.0.0", "dubbo.metadata-service.url-params": params,
        }));
        assert_eq!(
            parse("app", &data).unwrap().unwrap().storage,
            Storage::Nowhere,
            "{params}"
        );
    }
}

#[test]
fn each_kind_of_damage_has_its_own_reason() {
    let with_address = |address: Value, port: Value| {
        json!({"address": address, "port": port, "payload": {"metadata": {}}})
            .to_string()
            .into_bytes()
    };
    let endpoints = |text: &str| node(json!({ "dubbo.endpoints": text }));
    assert_eq!(parse("app", b""), Err(Malformed::Empty));
    assert!(matches!(
        parse("app", &vec![b' '; MAX_NODE_BYTES + 1]),
        Err(Malformed::TooLarge { .. })
    ));
    for data in [
        &b"not json"[..],
        b"null",
        b"[]",
        b"\xff\xfe",
        br#"{"@class":"x"}"#,
        br#"{"address":"10.0.0.1","port":1,"payload":{"@class":"x"}}"#,
        br#"{"address":"10.0.0.1","port":1,"payload":{"metadata":[]}}"#,
        br#"{"address":"10.0.0.1","port":1,"payload":{"metadata":{"dubbo.endpoints":[1]}}}"#,
        br#"{"address":7,"port":1,"payload":{"metadata":{}}}"#,
    ] {
        assert!(
            matches!(parse("app", data), Err(Malformed::Json(_))),
            "{}",
            String::from_utf8_lossy(data)
        );
    }
    for address in ["", "a b", "a/b", "ho\nst", "user@host"] {
        assert!(
            matches!(
                parse("app", &with_address(json!(address), json!(1))),
                Err(Malformed::Host(_))
            ),
            "{address}"
        );
    }
    for port in [json!(0), json!(-1), json!(65536), json!("x"), json!(null)] {
        assert!(
            matches!(
                parse("app", &with_address(json!("h"), port.clone())),
                Err(Malformed::Port(_))
            ),
            "{port}"
        );
    }
    assert!(matches!(
        parse("app", &endpoints("tri:20000")),
        Err(Malformed::Endpoints(_))
    ));
    assert_eq!(
        parse("app", &endpoints(r#"[{"port":99999,"protocol":"tri"}]"#)),
        Err(Malformed::Port("99999".into()))
    );
    assert_eq!(
        parse("app", &endpoints(r#"[{"port":20880,"protocol":"dubbo"}]"#)),
        Err(Malformed::Protocol(vec!["dubbo".into()]))
    );
    assert_eq!(
        parse("app", &endpoints("[]")),
        Err(Malformed::Protocol(vec![]))
    );
}

#[test]
fn deeply_nested_json_is_refused() {
    let data = format!(
        r#"{{"address":{}{}}}"#,
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    assert!(matches!(
        parse("app", data.as_bytes()),
        Err(Malformed::Json(_))
    ));
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(data in proptest::collection::vec(any::<u8>(), 0..512)) {
        let _ = parse("app", &data);
    }

    #[test]
    fn a_damaged_document_never_panics(
        position in 0..DUBBO_GO.len(), length in 0..40_usize, patch in proptest::collection::vec(any::<u8>(), 0..40)
    ) {
        let mut data = DUBBO_GO.as_bytes().to_vec();
        let end = (position + length).min(data.len());
        data.splice(position..end, patch);
        if let Ok(Some(instance)) = parse("app", &data) {
            prop_assert!(instance.port > 0);
            prop_assert!(is_host(&instance.host));
        }
    }

    #[test]
    fn every_registration_is_read_back(
        application in "[a-zA-Z0-9._\"\\\\ -]{1,20}", host in "[a-z0-9.]{1,15}", port in 1..=u16::MAX, revision in "[1-9a-f]{2,40}"
    ) {
        let text = write(&application, &host, port, &format!("{host}:{port}"), &revision, "1");
        let instance = parse(&application, text.as_bytes()).unwrap().unwrap();
        prop_assert_eq!((instance.host, instance.port, instance.revision), (host, port, revision));
    }
}
