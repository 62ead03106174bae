//! The sample's service contract: greet.proto and its generated code.
