//! The node that maps an interface to the applications which offer it: names with commas between them, written by all of
//! them (dubbo-go `metadata/report/zookeeper/report.go`).

use crate::{
    Malformed,
    instance::{check_size, clipped},
    name,
};

/// The most applications of one interface: nodes of each are watched.
pub(super) const MAX_APPLICATIONS: usize = 1_000;

/// Adds `application` to the data of a mapping; `None` when it is there already.
///
/// What others wrote is kept byte for byte, even where it makes no sense here.
pub(super) fn merged(data: &[u8], application: &str) -> Option<Vec<u8>> {
    if data
        .split(|byte| *byte == b',')
        .any(|entry| entry.trim_ascii() == application.as_bytes())
    {
        return None;
    }
    let mut merged = data.trim_ascii_end().to_vec();
    if !merged.is_empty() && !merged.ends_with(b",") {
        merged.push(b',');
    }
    merged.extend_from_slice(application.as_bytes());
    Some(merged)
}

/// Reads the applications, each once, and what is wrong with the others.
///
/// # Errors
/// When the whole node cannot be read.
pub(super) fn applications(data: &[u8]) -> Result<(Vec<String>, Vec<Malformed>), Malformed> {
    check_size(data)?;
    let text = std::str::from_utf8(data).map_err(|_| Malformed::Text)?;
    let (mut good, mut bad) = (Vec::<String>::new(), Vec::new());
    for (place, entry) in text
        .split(',')
        .map(str::trim)
        .filter(|entry| !entry.is_empty())
        .enumerate()
    {
        let beyond = (place >= MAX_APPLICATIONS).then_some("there are too many before it");
        match beyond.or_else(|| name::reason(entry)) {
            None if good.iter().any(|known| known == entry) => {}
            None => good.push(entry.to_owned()),
            Some(reason) => bad.push(Malformed::Application {
                name: clipped(entry),
                reason,
            }),
        }
        if beyond.is_some() {
            break;
        }
    }
    Ok((good, bad))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What dubbo-go 3.3.2 and another application wrote together.
    const CAPTURED: &[u8] = include_bytes!("../../tests/data/dubbo-go-3.3.2-mapping.txt");

    fn merge(data: &str, application: &str) -> Option<String> {
        merged(data.as_bytes(), application).map(|data| String::from_utf8(data).unwrap())
    }

    #[test]
    fn of_too_many_applications_the_first_are_read() {
        let names: Vec<_> = (0..100_000).map(|number| format!("a{number}")).collect();
        let text = &names.join(",")[..200_000];
        let (good, bad) = applications(text.as_bytes()).unwrap();
        assert_eq!(good, names[..MAX_APPLICATIONS]);
        assert_eq!(bad.len(), 1, "one is enough to say so: {bad:?}");
    }

    #[test]
    fn an_application_is_added_once_and_at_the_end() {
        assert_eq!(merge("", "a").as_deref(), Some("a"));
        assert_eq!(merge("a", "b").as_deref(), Some("a,b"));
        assert_eq!(merge("a,", "b").as_deref(), Some("a,b"));
        assert_eq!(merge("a,b,c", "b"), None);
        assert_eq!(
            merge("abc", "b").as_deref(),
            Some("abc,b"),
            "part of a name is another name"
        );
        assert_eq!(merge("a , b", "b"), None);
    }

    #[test]
    fn what_dubbo_go_wrote_is_read() {
        let (good, bad) = applications(CAPTURED).unwrap();
        assert_eq!(good, ["dubbo.io", "rust-app"]);
        assert!(bad.is_empty());
    }

    #[test]
    fn bad_entries_are_named_and_the_others_used() {
        let (good, bad) = applications(b"a,,x/y, b ,..,a").unwrap();
        assert_eq!(good, ["a", "b"]);
        assert_eq!(bad.len(), 2);
    }

    #[test]
    fn a_node_that_is_no_text_is_refused() {
        assert_eq!(applications(b""), Err(Malformed::Empty));
        assert_eq!(applications(b"\xff\xfe"), Err(Malformed::Text));
        assert!(matches!(
            applications(&vec![b'a'; 300 * 1024]),
            Err(Malformed::TooLarge { .. })
        ));
    }

    proptest! {
        #[test]
        fn merging_loses_no_application(data in proptest::collection::vec(any::<u8>(), 0..200), application in "[a-z.-]{1,12}") {
            let after = merged(&data, &application).unwrap_or_else(|| data.clone());
            prop_assert!(after.starts_with(data.trim_ascii_end()), "what was there stays");
            prop_assert_eq!(merged(&after, &application), None, "a second time changes nothing");
        }

        #[test]
        fn arbitrary_bytes_never_panic(data in proptest::collection::vec(any::<u8>(), 0..400)) {
            if let Ok((good, _)) = applications(&data) {
                for name in good {
                    prop_assert_eq!(name::reason(&name), None);
                }
            }
        }
    }
}
