//! Where on the endpoint the figures are.

use std::str::FromStr;

/// The path of the text when nothing else is said.
pub const METRICS_PATH: &str = "/prometheus";

/// A path that figures are served at, such as `/metrics`: names of letters, digits, `-`, `_`, `.` and `~`, each after a slash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetricsPath(Box<str>);

/// A path that figures cannot be served at.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no path for metrics: write names of letters, digits, - _ . ~, each after a slash, such as /metrics"
)]
pub struct PathError(String);

impl MetricsPath {
    /// Returns the path.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for MetricsPath {
    fn default() -> Self {
        Self(METRICS_PATH.into())
    }
}

impl FromStr for MetricsPath {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        let legal = |name: &str| {
            let known = |b: u8| b.is_ascii_alphanumeric() || b"-_.~".contains(&b);
            !matches!(name, "" | "." | "..") && name.bytes().all(known)
        };
        match text.strip_prefix('/') {
            Some(names) if names.split('/').all(legal) => Ok(Self(text.into())),
            _ => Err(PathError(text.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_names_behind_slashes() {
        for legal in ["/metrics", "/a/b-c_d.e~1", METRICS_PATH] {
            assert_eq!(legal.parse::<MetricsPath>().unwrap().as_str(), legal);
        }
        for illegal in [
            "",
            "/",
            "metrics",
            "/metrics/",
            "//metrics",
            "/a//b",
            "/../a",
            "/.",
            "/{a}",
            "/a?b",
            "/a#b",
            "/a b",
            "/%61",
            "/ä",
            "/*a",
        ] {
            let error = illegal.parse::<MetricsPath>().unwrap_err();
            assert_eq!(error, PathError(illegal.to_owned()));
        }
    }
}
