//! Text as old gateways write it, and malformed text.

use std::time::Duration;

use proptest::prelude::*;
use pushgateway::GroupingKey;

use super::*;

fn read(text: &[u8]) -> Result<Vec<Group>, ParseError> {
    let mut groups = Vec::new();
    parse(text, |group| groups.push(group))?;
    Ok(groups)
}

#[test]
fn both_times_of_a_group_come_together() {
    let text = br#"# HELP push_failure_time_seconds Last Unix time
# TYPE push_failure_time_seconds gauge
push_failure_time_seconds{instance="",job="app"} 0
push_failure_time_seconds{instance="forged",job="app"} 9e9
push_failure_time_seconds{instance="h:1",job="a \"b\" \\ c\nd",zone="}{,="} 1.7000000025e+09
# TYPE push_time_seconds gauge
push_time_seconds{instance="",job="app"} 1.7e+09
push_time_seconds{instance="h:1",job="a \"b\" \\ c\nd",zone="}{,="} 1.7e+09
pushgateway_build_info{branch="main"} 1
up 1
"#;
    let groups = read(text).unwrap();
    assert_eq!(
        groups.len(),
        2,
        "only the gateway's own times make a group: {groups:?}"
    );
    let key = GroupingKey::new("app");
    assert_eq!(groups[0].also, Some(key.clone().with("instance", "")));
    assert_eq!(
        (&groups[0].key, groups[0].last_push),
        (&key, Some(Duration::from_secs(1_700_000_000)))
    );
    let key = GroupingKey::new("a \"b\" \\ c\nd")
        .with("instance", "h:1")
        .with("zone", "}{,=");
    assert_eq!((&groups[1].key, &groups[1].also), (&key, &None));
    assert_eq!(
        (groups[1].last_push, groups[1].last_failure),
        (
            Some(Duration::from_secs(1_700_000_000)),
            Some(Duration::from_millis(1_700_000_002_500))
        )
    );
}

#[test]
fn a_gateway_without_groups_is_known_by_its_own_metrics() {
    assert_eq!(
        read(b"pushgateway_build_info{version=\"0.9\"} 1\n").unwrap(),
        []
    );
}

#[test]
fn what_is_no_gateway_is_refused() {
    for text in ["", "up 1\n", "# only a comment\n"] {
        assert!(
            matches!(read(text.as_bytes()), Err(ParseError::NotAPushgateway)),
            "{text}"
        );
    }
    for text in [
        "<html>\n",
        "push_time_seconds\n",
        "push_time_seconds 5\n",
        "push_time_seconds{job=\"a\" 5\n",
        "push_time_seconds{job=\"a\n",
        "push_time_seconds{job=\"a\\x\"} 5\n",
        "push_time_seconds{job=\"a\"}\n",
        "push_time_seconds{job=\"a\"} five\n",
        "push_time_seconds{job=\"a\"} 5",
    ] {
        assert!(
            matches!(read(text.as_bytes()), Err(ParseError::Line(1))),
            "{text}"
        );
    }
    assert!(read(b"push_time_seconds{job=\"\xff\"} 5\n").is_err());
}

proptest! {
    #[test]
    fn no_bytes_make_the_parser_panic(text in proptest::collection::vec(any::<u8>(), 0..512)) {
        let _ = read(&text);
    }

    #[test]
    fn no_labels_make_the_parser_panic(text in "[{}=\",\\\\ a5\\n]{0,24}") {
        let _ = read(format!("push_time_seconds{text}\n").as_bytes());
    }

    #[test]
    fn any_value_is_read_back(value in ".*") {
        let escaped = value.replace('\\', r"\\").replace('\n', r"\n").replace('"', "\\\"");
        let text = format!("push_time_seconds{{instance=\"i\",job=\"{escaped}\"}} 5\n");
        let groups = read(text.as_bytes()).unwrap();
        prop_assert_eq!(groups[0].key.job(), value);
    }
}
