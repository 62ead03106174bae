//! Reads which methods a service has from its compiled file descriptor set.

use prost::Message;
use prost_types::FileDescriptorSet;

/// Why a service's methods could not be read.
#[derive(Debug, thiserror::Error)]
pub enum DescriptorError {
    /// The bytes are no file descriptor set.
    #[error("the file descriptor set of {interface} cannot be decoded")]
    Malformed {
        /// The service that was asked for.
        interface: String,
        /// What is wrong with the bytes.
        #[source]
        source: prost::DecodeError,
    },
    /// The set has no such service.
    #[error("the file descriptor set has no service named {0}")]
    Missing(String),
}

/// Returns the methods of the service with this full name, in the order of its definition.
pub(crate) fn methods(descriptors: &[u8], interface: &str) -> Result<Vec<String>, DescriptorError> {
    let set =
        FileDescriptorSet::decode(descriptors).map_err(|source| DescriptorError::Malformed {
            interface: interface.to_owned(),
            source,
        })?;
    for file in &set.file {
        for service in &file.service {
            let full = match file.package() {
                "" => service.name().to_owned(),
                package => format!("{package}.{}", service.name()),
            };
            if full == interface {
                return Ok(service.method.iter().map(|m| m.name().to_owned()).collect());
            }
        }
    }
    Err(DescriptorError::Missing(interface.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_methods_of_a_service_are_read_from_its_descriptor() {
        let methods = methods(greet::FILE_DESCRIPTOR_SET, greet::INTERFACE).unwrap();
        assert_eq!(methods, ["Greet"]);
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
