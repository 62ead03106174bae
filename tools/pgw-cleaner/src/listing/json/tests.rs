//! Answers as gateways write them, and malformed ones.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
use pushgateway::GroupingKey;
use serde_json::{Value, json};

use super::parse;
use crate::group::Group;
use crate::listing::ParseError;

fn read(text: &[u8]) -> Result<Vec<Group>, ParseError> {
    parse(text)
}

fn read_groups(groups: &Value) -> Vec<Group> {
    read(
        json!({"status": "success", "data": groups})
            .to_string()
            .as_bytes(),
    )
    .unwrap()
}

/// A member that the gateway writes for each metric.
fn metric(labels: &Value, value: &str) -> Value {
    let samples = json!([{"labels": labels, "value": value}]);
    json!({"time_stamp": "2026-11-22T14:57:42Z", "type": "GAUGE", "help": "\"help\" {", "metrics": samples})
}

#[test]
fn labels_and_both_times_are_read() {
    let served = json!({"instance": "", "job": "app"});
    let groups = read_groups(&json!([{
        "labels": {"job": "app", "zone": "a/ü"},
        "last_push_successful": false,
        "up": metric(&served, "NaN"),
        "push_time_seconds": metric(&served, "1.7e+09"),
        "push_failure_time_seconds": metric(&served, "1.7000000025e+09"),
    }]));
    let key = GroupingKey::new("app").with("zone", "a/ü");
    let last_push = Some(Duration::from_secs(1_700_000_000));
    let last_failure = Some(Duration::from_millis(1_700_000_002_500));
    assert_eq!(
        groups,
        [Group {
            key,
            also: None,
            last_push,
            last_failure,
            last_push_succeeded: Some(false)
        }]
    );
}

#[test]
fn an_empty_gateway_has_no_groups() {
    assert_eq!(read_groups(&json!([])), []);
}

#[test]
fn a_metric_that_is_called_labels_hides_the_key_of_its_group() {
    let hidden = |served: Value| {
        let group = json!({
            "labels": metric(&served, "3"),
            "last_push_successful": metric(&served, "1"),
            "push_time_seconds": metric(&served, "1.7e+09"),
        });
        let group = read_groups(&json!([group])).remove(0);
        assert_eq!(
            (group.last_push, group.last_push_succeeded),
            (Some(Duration::from_secs(1_700_000_000)), None)
        );
        (group.key, group.also)
    };
    let key = GroupingKey::new("app").with("instance", "host:1");
    assert_eq!(
        hidden(json!({"job": "app", "instance": "host:1"})),
        (key, None)
    );
    let (without, with) = (
        GroupingKey::new("app"),
        GroupingKey::new("app").with("instance", ""),
    );
    assert_eq!(
        hidden(json!({"job": "app", "instance": ""})),
        (without, Some(with))
    );
}

#[test]
fn pushed_names_that_look_like_ours_do_not_matter() {
    let labels = json!({"job": "app", "metrics": "x", "type": "y", "status": "z", "data": "w"});
    let groups = read_groups(&json!([{
        "labels": labels,
        "metrics": metric(&labels, "1"),
        "data": metric(&labels, "1"),
        "job_pushed_at_seconds": metric(&labels, "0"),
        "push_time_seconds": metric(&labels, "1.7e+09"),
    }]));
    assert_eq!(groups[0].key.labels().count(), 5);
    assert_eq!(
        groups[0].last_push,
        Some(Duration::from_secs(1_700_000_000))
    );
}

#[test]
fn failures_that_were_pushed_as_content_are_taken_as_they_come() {
    let served = json!({"job": "app", "instance": "host:1"});
    let forged = json!({"job": "app", "instance": "host:2"});
    for (content, expected) in [
        (
            json!([{"labels": forged, "value": "1.8e+09"}, {"labels": served, "value": "5"}]),
            Some(1_800_000_000),
        ),
        (
            json!([{"labels": served, "count": "1", "sum": "2", "buckets": {"1": "2"}}]),
            None,
        ),
        (json!([{"labels": served, "value": "NaN"}]), None),
        (json!([]), None),
    ] {
        let groups = read_groups(&json!([{
            "labels": metric(&served, "1"),
            "push_failure_time_seconds": {"type": "HISTOGRAM", "metrics": content},
            "push_time_seconds": metric(&served, "1.7e+09"),
        }]));
        assert_eq!(groups[0].last_failure, expected.map(Duration::from_secs));
        assert_eq!(
            groups[0].key,
            GroupingKey::new("app").with("instance", "host:1"),
            "not the forged one"
        );
    }
}

#[test]
fn what_is_no_listing_is_refused() {
    for text in [
        "",
        "<html>502 Bad Gateway</html>",
        "[]",
        "null",
        "{}",
        r#"{"status":"success"}"#,
        r#"{"data":[]}"#,
        r#"{"status":"success","data":null}"#,
        r#"{"status":"success","data":{}}"#,
        r#"{"status":"success","data":[1]}"#,
        r#"{"status":"success","data":[{}]}"#,
        r#"{"status":"success","data":[{"labels":{"job":"app"}"#,
        r#"{"status":"success","data":[]"#,
        r#"{"status":"success","data":[]} trailing"#,
        r#"{"status":"success","data":[{"labels":{"job":"a"},"push_time_seconds":5}]}"#,
        r#"{"status":"success","data":[{"labels":{"job":"a"},"push_time_seconds":{"metrics":[{"labels":{},"value":"x"}]}}]}"#,
    ] {
        let error = read(text.as_bytes()).expect_err(text);
        assert!(matches!(error, ParseError::Json(_)), "{text}: {error:?}");
    }
    let error = read(br#"{"status":"error","data":[]}"#).unwrap_err();
    assert!(matches!(error, ParseError::Status(status) if status == "error"));
}

#[test]
fn deep_nesting_is_an_error_or_skipped_but_never_a_crash() {
    let deep = "[".repeat(200_000);
    let text = format!(r#"{{"status":"success","data":[{{"labels":{{"job":"a"}},"x":{deep}"#);
    assert!(read(text.as_bytes()).is_err());
    let text = format!(r#"{{"status":"success","data":[{{"labels":{{"job":{deep}"#);
    assert!(read(text.as_bytes()).is_err());
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[a-z@/ü]{0,6}".prop_map(Value::from),
        Just(Value::from("1.7e+09")),
    ];
    let name = prop_oneof![
        Just("labels".to_owned()),
        Just("metrics".to_owned()),
        Just("value".to_owned()),
        Just("push_time_seconds".to_owned()),
        Just("last_push_successful".to_owned()),
        "[a-z]{1,4}",
    ];
    leaf.prop_recursive(5, 64, 6, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            proptest::collection::btree_map(name.clone(), inner, 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn no_bytes_make_the_parser_panic(text in proptest::collection::vec(any::<u8>(), 0..512)) {
        let _ = read(&text);
    }

    #[test]
    fn no_document_makes_the_parser_panic(data in any_json()) {
        let _ = read(json!({"status": "success", "data": data}).to_string().as_bytes());
        let _ = read(json!({"status": "success", "data": [data]}).to_string().as_bytes());
    }

    #[test]
    fn a_document_that_breaks_off_is_never_taken_for_a_whole_one(cut in 0.0..1.0f64) {
        let served = json!({"instance": "i", "job": "app"});
        let group = json!({"labels": served, "push_time_seconds": metric(&served, "1.7e+09")});
        let text = json!({"status": "success", "data": [group, group]}).to_string();
        let cut = (text.len() as f64 * cut) as usize;
        prop_assert!(read(&text.as_bytes()[..cut]).is_err());
    }

    #[test]
    fn labels_survive_whatever_surrounds_them(
        labels in proptest::collection::btree_map("[a-z_]{1,8}", ".*", 0..8), content in any_json(),
    ) {
        let mut expected: BTreeMap<String, String> = labels;
        expected.insert("job".into(), "app".into());
        let group = json!({
            "a_metric": content,
            "labels": expected,
            "push_time_seconds": metric(&json!(expected), "1.7e+09"),
            "z_metric": content,
        });
        let groups = read_groups(&json!([group]));
        let read: BTreeMap<String, String> =
            groups[0].key.labels().map(|(label, value)| (label.to_owned(), value.to_owned())).collect();
        prop_assert_eq!(read, expected);
    }
}
