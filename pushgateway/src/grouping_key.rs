//! The labels that name one group of a Pushgateway, and the path that carries them.

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// The labels that name one group: `job` and any further ones, with any values.
///
/// The path spells every value as `name@base64/value`
/// (<https://github.com/prometheus/pushgateway#url>), so that slashes, spaces, empty values and non-ASCII text all
/// arrive unchanged whatever stands between.
///
/// The gateway refuses an empty job.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupingKey {
    job: String,
    labels: BTreeMap<String, String>,
}

impl GroupingKey {
    /// Makes the key of a job, with no further label.
    pub fn new(job: impl Into<String>) -> Self {
        Self {
            job: job.into(),
            labels: BTreeMap::new(),
        }
    }

    /// Adds a label, or replaces its value; the label `job` replaces the job.
    #[must_use]
    pub fn with(mut self, label: impl Into<String>, value: impl Into<String>) -> Self {
        let (label, value) = (label.into(), value.into());
        if label == "job" {
            self.job = value;
        } else {
            self.labels.insert(label, value);
        }
        self
    }

    /// Returns the job.
    pub fn job(&self) -> &str {
        &self.job
    }

    /// Returns all labels with their values: `job` first, the others by name.
    pub fn labels(&self) -> impl Iterator<Item = (&str, &str)> {
        let others = self
            .labels
            .iter()
            .map(|(label, value)| (label.as_str(), value.as_str()));
        std::iter::once(("job", self.job.as_str())).chain(others)
    }

    /// Returns the path of the group below the gateway's base path, such as `/metrics/job@base64/YXBw`.
    pub fn path(&self) -> String {
        let mut path = String::from("/metrics");
        for (label, value) in self.labels() {
            path.push('/');
            path.push_str(&escaped_name(label));
            path.push_str("@base64/");
            if value.is_empty() {
                // An empty path segment would be cleaned away; the gateway takes padding alone as "empty".
                path.push('=');
            } else {
                URL_SAFE_NO_PAD.encode_string(value, &mut path);
            }
        }
        path
    }
}

/// Spells a label name for the path: names of the classic alphabet as they are, others with Prometheus's `U__` escape,
/// which gateways from 1.10 on understand (`model.ValueEncodingEscaping` of prometheus/common).
fn escaped_name(name: &str) -> String {
    let classic = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if name.chars().all(classic)
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && !name.is_empty()
    {
        return name.to_owned();
    }
    let mut escaped = String::from("U__");
    for (at, c) in name.chars().enumerate() {
        match c {
            '_' => escaped.push_str("__"),
            c if c == ':' || c.is_ascii_alphabetic() || (at > 0 && c.is_ascii_digit()) => {
                escaped.push(c)
            }
            c => escaped.push_str(&format!("_{:x}_", u32::from(c))),
        }
    }
    escaped
}

impl FromIterator<(String, String)> for GroupingKey {
    /// Collects labels into a key; without a `job` among them the job stays empty.
    fn from_iter<I: IntoIterator<Item = (String, String)>>(labels: I) -> Self {
        labels
            .into_iter()
            .fold(Self::new(""), |key, (label, value)| key.with(label, value))
    }
}

/// Shows the key as `{job="app",instance="host:1"}`, with control characters escaped.
impl fmt::Display for GroupingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (label, value)) in self.labels().enumerate() {
            write!(f, "{}{label}={value:?}", if at == 0 { '{' } else { ',' })?;
        }
        f.write_str("}")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Reads a path back by the rules of the gateway's README.
    fn read_back(path: &str) -> GroupingKey {
        let segments: Vec<&str> = path.strip_prefix("/metrics/").unwrap().split('/').collect();
        assert!(
            segments.iter().all(|segment| !segment.is_empty()),
            "{path} has an empty segment"
        );
        segments
            .chunks(2)
            .map(|pair| {
                let label = pair[0].strip_suffix("@base64").unwrap().to_owned();
                let value = URL_SAFE_NO_PAD
                    .decode(pair[1].trim_end_matches('='))
                    .unwrap();
                (label, String::from_utf8(value).unwrap())
            })
            .collect()
    }

    #[test]
    fn the_path_names_the_job_first_and_the_others_in_order() {
        let key = GroupingKey::new("app")
            .with("zone", "b")
            .with("instance", "h:1")
            .with("zone", "a");
        assert_eq!(
            key.path(),
            "/metrics/job@base64/YXBw/instance@base64/aDox/zone@base64/YQ"
        );
        assert_eq!(key.to_string(), r#"{job="app",instance="h:1",zone="a"}"#);
    }

    #[test]
    fn an_empty_value_is_spelled_as_padding() {
        assert_eq!(
            GroupingKey::new("a").with("instance", "").path(),
            "/metrics/job@base64/YQ/instance@base64/="
        );
    }

    #[test]
    fn names_outside_the_classic_alphabet_are_escaped() {
        for (name, spelled) in [
            ("a_b", "a_b"),
            ("a.b_c", "U__a_2e_b__c"),
            ("ü", "U___fc_"),
            ("1a", "U___31_a"),
            ("a/b", "U__a_2f_b"),
        ] {
            assert_eq!(escaped_name(name), spelled, "{name}");
        }
    }

    #[test]
    fn control_characters_do_not_reach_a_terminal() {
        let shown = GroupingKey::new("a\u{1b}[31m\n").to_string();
        assert!(shown.chars().all(|c| !c.is_control()), "{shown:?}");
    }

    proptest! {
        #[test]
        fn any_key_is_read_back_from_its_path(
            job in ".*",
            labels in proptest::collection::btree_map("[a-zA-Z_][a-zA-Z0-9_]{0,12}", ".*", 0..12),
        ) {
            let key = labels.iter().fold(GroupingKey::new(job), |key, (label, value)| key.with(label, value));
            prop_assert_eq!(read_back(&key.path()), key);
        }

        #[test]
        fn a_path_needs_no_escaping_in_a_url(job in ".*", name in ".+", value in ".*") {
            let path = GroupingKey::new(job).with(name, value).path();
            prop_assert!(
                path.chars().all(|c| c.is_ascii_alphanumeric() || "/@=_-:".contains(c)), "{}", path
            );
        }

        #[test]
        fn different_keys_have_different_paths(
            one in proptest::collection::btree_map(".{1,4}", ".{0,4}", 0..4),
            other in proptest::collection::btree_map(".{1,4}", ".{0,4}", 0..4),
        ) {
            let key = |labels: &BTreeMap<String, String>| {
                labels.iter().fold(GroupingKey::new("j"), |key, (label, value)| key.with(label, value))
            };
            prop_assert_eq!(key(&one) == key(&other), key(&one).path() == key(&other).path());
        }
    }
}
