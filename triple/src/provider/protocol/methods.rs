//! The methods of a provider's services, by the path that a request names them by.

use std::collections::HashMap;

use http::Uri;
use http::uri::PathAndQuery;
use prost_reflect::MethodDescriptor;

/// The methods, and the other spelling of each: Dubbo's Java and Go consumers may begin a method's name with either case.
#[derive(Debug, Default)]
pub(crate) struct Methods {
    methods: HashMap<String, MethodDescriptor>,
    /// From the path with the method's first letter in the other case to the method's own.
    spellings: HashMap<String, PathAndQuery>,
    /// There is a method whose own name begins with a lower-case letter.
    lower: bool,
}

impl Methods {
    /// Adds a method. A name that is a method's own is never another spelling.
    pub(crate) fn add(&mut self, method: MethodDescriptor) {
        let service = method.parent_service().full_name().to_owned();
        let path = format!("/{service}/{}", method.name());
        let mut letters = method.name().chars();
        let first = letters.next().unwrap_or_default();
        let other = if first.is_ascii_uppercase() {
            first.to_ascii_lowercase()
        } else {
            first.to_ascii_uppercase()
        };
        self.lower |= first.is_ascii_lowercase();
        let spelling = format!("/{service}/{other}{}", letters.as_str());
        if !self.methods.contains_key(&spelling)
            && let Ok(own) = PathAndQuery::try_from(&*path)
        {
            self.spellings.insert(spelling, own);
        }
        self.spellings.remove(&path);
        self.methods.insert(path, method);
    }

    /// Returns each path of a method, the other spelling included, with the method's number.
    pub(crate) fn paths(&self) -> impl Iterator<Item = (&str, usize)> {
        let numbers: HashMap<&str, usize> =
            self.methods.keys().map(String::as_str).zip(0..).collect();
        let spellings: Vec<_> = self
            .spellings
            .iter()
            .filter_map(|(spelling, own)| Some((spelling.as_str(), *numbers.get(own.path())?)))
            .collect();
        numbers.into_iter().chain(spellings)
    }

    /// Returns the method with this path.
    pub(crate) fn get(&self, path: &str) -> Option<&MethodDescriptor> {
        self.methods.get(path)
    }

    /// Replaces another spelling of a method's path by the method's own. Looks only at paths that may be one.
    #[inline]
    pub(crate) fn correct(&self, uri: &mut Uri) {
        let name = uri.path().rsplit('/').next().unwrap_or_default();
        let first = name.bytes().next().unwrap_or_default();
        if first.is_ascii_lowercase() || self.lower {
            self.replace(uri);
        }
    }

    fn replace(&self, uri: &mut Uri) {
        if let Some(own) = self.spellings.get(uri.path()) {
            let mut parts = std::mem::take(uri).into_parts();
            parts.path_and_query = Some(own.clone());
            // Scheme and authority come from a valid URI, and the path is one.
            *uri = Uri::from_parts(parts).unwrap_or_default();
        }
    }
}

#[cfg(test)]
mod tests {
    use prost_reflect::DescriptorPool;
    use prost_reflect::prost_types::{
        DescriptorProto, FileDescriptorProto, FileDescriptorSet, MethodDescriptorProto,
        ServiceDescriptorProto,
    };

    use super::*;

    fn methods(names: &[&str]) -> Methods {
        let method = |name: &&str| MethodDescriptorProto {
            name: Some((*name).to_owned()),
            input_type: Some(".x.M".to_owned()),
            output_type: Some(".x.M".to_owned()),
            ..Default::default()
        };
        let file = FileDescriptorProto {
            name: Some("x.proto".to_owned()),
            package: Some("x".to_owned()),
            message_type: vec![DescriptorProto {
                name: Some("M".to_owned()),
                ..Default::default()
            }],
            service: vec![ServiceDescriptorProto {
                name: Some("S".to_owned()),
                method: names.iter().map(method).collect(),
                ..Default::default()
            }],
            ..Default::default()
        };
        let set = FileDescriptorSet { file: vec![file] };
        let pool = DescriptorPool::from_file_descriptor_set(set).unwrap();
        let mut methods = Methods::default();
        let service = pool.get_service_by_name("x.S").unwrap();
        service.methods().for_each(|method| methods.add(method));
        methods
    }

    fn corrected(methods: &Methods, path: &str) -> String {
        let mut uri: Uri = format!("http://localhost:1{path}").parse().unwrap();
        methods.correct(&mut uri);
        assert_eq!(uri.host(), Some("localhost"));
        uri.path().to_owned()
    }

    #[test]
    fn the_first_letter_of_a_method_is_found_in_either_case() {
        let methods = methods(&["GetIt", "list"]);
        for (path, own) in [
            ("/x.S/getIt", "/x.S/GetIt"),
            ("/x.S/GetIt", "/x.S/GetIt"),
            ("/x.S/List", "/x.S/list"),
            ("/x.S/list", "/x.S/list"),
            ("/x.S/getit", "/x.S/getit"),
            ("/x.s/getIt", "/x.s/getIt"),
            ("/", "/"),
            ("/x.S/", "/x.S/"),
        ] {
            assert_eq!(corrected(&methods, path), own, "{path}");
        }
    }

    #[test]
    fn methods_that_differ_only_in_their_first_letter_stay_two() {
        for names in [["Get", "get"], ["get", "Get"]] {
            let methods = methods(&names);
            for path in ["/x.S/Get", "/x.S/get"] {
                assert_eq!(corrected(&methods, path), path);
            }
        }
    }
}
