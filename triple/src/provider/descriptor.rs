//! What is known of services from their compiled file descriptor sets: methods, and the types of their messages.

use prost_reflect::{DescriptorPool, MethodDescriptor};

/// Why a service's descriptors cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DescriptorError {
    /// The bytes are no file descriptor set, or it lacks a file that another one imports.
    #[error("the file descriptor set of {interface} cannot be read")]
    Malformed {
        /// The service that was asked for.
        interface: String,
        /// What is wrong with the bytes.
        #[source]
        source: prost_reflect::DescriptorError,
    },
    /// The set has no such service.
    #[error("the file descriptor set has no service named {0}")]
    Missing(String),
    /// The service's name cannot be registered.
    #[error(transparent)]
    Name(#[from] dubbo_registry::Error),
}

/// Returns the methods of the service with this full name, in the order of its definition.
pub(crate) fn methods(
    descriptors: &[u8],
    interface: &str,
) -> Result<Vec<MethodDescriptor>, DescriptorError> {
    let pool =
        DescriptorPool::decode(descriptors).map_err(|source| DescriptorError::Malformed {
            interface: interface.to_owned(),
            source,
        })?;
    let service = pool
        .get_service_by_name(interface)
        .ok_or_else(|| DescriptorError::Missing(interface.to_owned()))?;
    Ok(service.methods().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_methods_of_a_service_are_read_from_its_descriptor() {
        let methods = methods(greet::FILE_DESCRIPTOR_SET, greet::INTERFACE).unwrap();
        let names: Vec<_> = methods.iter().map(MethodDescriptor::name).collect();
        assert_eq!(names, ["Greet"]);
    }

    #[test]
    fn a_service_that_is_not_there_is_named() {
        let error = methods(greet::FILE_DESCRIPTOR_SET, "greet.Other").unwrap_err();
        assert!(error.to_string().contains("greet.Other"), "{error}");
    }

    #[test]
    fn bytes_that_are_no_descriptor_set_are_refused() {
        let error = methods(b"\xff\xff\xff", greet::INTERFACE).unwrap_err();
        assert!(
            matches!(error, DescriptorError::Malformed { .. }),
            "{error}"
        );
    }
}
