//! The sample's service contract: greet.proto and its generated code.
//!
//! The client is [`greet_service_client::GreetServiceClient`], the trait to implement is
//! [`greet_service_server::GreetService`].

mod generated;

pub use generated::*;

/// The interface's name, as the registry and the metrics' labels write it.
pub const INTERFACE: &str = greet_service_server::SERVICE_NAME;

/// The methods of the interface, as the path of a call writes them.
pub const METHODS: [&str; 1] = ["Greet"];

/// The encoded `FileDescriptorSet` of `greet.proto`, for server reflection.
pub const FILE_DESCRIPTOR_SET: &[u8] =
    include_bytes!(concat!(env!("OUT_DIR"), "/greet_descriptor.bin"));

#[cfg(test)]
mod tests {
    use super::*;
    use prost::Message;

    #[test]
    fn the_interface_has_the_name_that_the_original_registers() {
        assert_eq!(INTERFACE, "greet.GreetService");
    }

    #[test]
    fn messages_have_the_originals_field_numbers() {
        let request = GreetRequest {
            name: "a".to_owned(),
        };
        assert_eq!(request.encode_to_vec(), [0x0a, 1, b'a']);
        let response = GreetResponse::decode([0x0a_u8, 1, b'b'].as_slice());
        assert_eq!(response.map(|r| r.greeting), Ok("b".to_owned()));
    }

    #[test]
    fn the_descriptor_names_the_service_and_its_methods() {
        let text = String::from_utf8_lossy(FILE_DESCRIPTOR_SET);
        assert!(text.contains("GreetService"), "{text}");
        for method in METHODS {
            assert!(text.contains(method), "{method}");
        }
    }
}
