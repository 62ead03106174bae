//! The methods of a service, from the descriptors of the files that define it.
//!
//! <https://github.com/protocolbuffers/protobuf/blob/main/src/google/protobuf/descriptor.proto>

use prost::Message;

#[derive(Clone, PartialEq, Message)]
struct FileDescriptorSet {
    #[prost(message, repeated, tag = "1")]
    file: Vec<FileDescriptor>,
}

#[derive(Clone, PartialEq, Message)]
struct FileDescriptor {
    #[prost(string, tag = "2")]
    package: String,
    #[prost(message, repeated, tag = "6")]
    service: Vec<ServiceDescriptor>,
}

#[derive(Clone, PartialEq, Message)]
struct ServiceDescriptor {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(message, repeated, tag = "2")]
    method: Vec<MethodDescriptor>,
}

#[derive(Clone, PartialEq, Message)]
struct MethodDescriptor {
    #[prost(string, tag = "1")]
    name: String,
}

/// Why a service is not known from its descriptors.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ServiceError {
    /// The bytes are no set of file descriptors.
    #[error("the descriptor set cannot be read")]
    Malformed(#[source] prost::DecodeError),
    /// No file of the set has the service.
    #[error("there is no service `{name}` in the descriptor set, which has: {}", known.join(", "))]
    Unknown {
        /// The name that was asked for.
        name: String,
        /// The full names of the services that there are.
        known: Vec<String>,
    },
}

/// Returns the names of a service's methods.
pub(super) fn methods(interface: &str, descriptor_set: &[u8]) -> Result<Vec<String>, ServiceError> {
    let set = FileDescriptorSet::decode(descriptor_set).map_err(ServiceError::Malformed)?;
    let mut known = Vec::new();
    for file in set.file {
        for service in file.service {
            let name = match &*file.package {
                "" => service.name,
                package => format!("{package}.{}", service.name),
            };
            if name == interface {
                return Ok(service
                    .method
                    .into_iter()
                    .map(|method| method.name)
                    .collect());
            }
            known.push(name);
        }
    }
    Err(ServiceError::Unknown {
        name: interface.to_owned(),
        known,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::KnownService;

    #[test]
    fn a_service_has_the_methods_of_its_descriptor() {
        let service =
            KnownService::described(greet::INTERFACE, greet::FILE_DESCRIPTOR_SET).unwrap();
        let methods: Vec<_> = service.methods.iter().map(|method| &**method).collect();
        assert_eq!(methods, greet::METHODS);
    }

    #[test]
    fn a_name_that_is_not_there_is_an_error_that_tells_those_that_are() {
        let error =
            KnownService::described("greet.GreetServise", greet::FILE_DESCRIPTOR_SET).unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains("`greet.GreetServise`") && text.ends_with("has: greet.GreetService"),
            "{text}"
        );
        let error = KnownService::described("x.Y", b"\xff\xff").unwrap_err();
        assert!(matches!(error, ServiceError::Malformed(_)), "{error}");
    }
}
