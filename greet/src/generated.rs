//! What `build.rs` generates from `proto/greet.proto`.
#![expect(
    missing_docs,
    clippy::missing_errors_doc,
    reason = "the generator's style is not ours to lint"
)]

include!(concat!(env!("OUT_DIR"), "/greet.rs"));
