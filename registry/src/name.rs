//! The names that become parts of ZooKeeper paths.

use crate::Error;

/// Returns `value` when it can be one part of a ZooKeeper path and one entry of a comma-separated list.
pub(crate) fn checked(what: &'static str, value: String) -> Result<String, Error> {
    match reason(&value) {
        None => Ok(value),
        Some(reason) => Err(Error::Name {
            what,
            value,
            reason,
        }),
    }
}

/// Says why `value` cannot be a name, or nothing when it can.
///
/// ZooKeeper forbids `/`, `.`, `..` and control characters in a node's name; Dubbo separates the applications of a
/// mapping by commas.
pub(crate) fn reason(value: &str) -> Option<&'static str> {
    if value.is_empty() {
        Some("it is empty")
    } else if value == "." || value == ".." {
        Some("ZooKeeper reserves it")
    } else if value.contains('/') {
        Some("it contains a slash")
    } else if value.contains(',') {
        Some("it contains a comma")
    } else if value
        .chars()
        .any(|c| c.is_control() || ('\u{fff0}'..='\u{ffff}').contains(&c))
    {
        Some("it contains a character that ZooKeeper forbids")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_names_pass() {
        for name in [
            "greet.GreetService",
            "dubbo.io",
            "my-app",
            "приложение",
            "a b",
            "...",
            "x$Y",
        ] {
            assert_eq!(reason(name), None, "{name} is a legal name");
        }
    }

    #[test]
    fn names_that_zookeeper_or_dubbo_cannot_hold_are_refused() {
        for name in ["", ".", "..", "a/b", "/", "a,b", "a\0b", "a\nb", "\u{fff1}"] {
            assert!(reason(name).is_some(), "{name:?} must be refused");
        }
    }

    #[test]
    fn the_error_names_the_value_and_the_reason() {
        let text = checked("application", "a/b".into())
            .unwrap_err()
            .to_string();
        assert!(
            text.contains("application") && text.contains("a/b") && text.contains("slash"),
            "{text}"
        );
    }
}
