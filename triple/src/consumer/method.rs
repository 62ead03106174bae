//! What is known of single methods, and asked for them: whether they stream, their timeout, their retries.

use std::collections::HashMap;
use std::time::Duration;

use derive_setters::Setters;
use foldhash::fast::RandomState;
use tonic::{Code, Status};

use super::retry::{self, Left};
use crate::provider::{DescriptorError, described_methods};

/// The options of one method. What is not set is taken from [`ConsumerOptions`](crate::ConsumerOptions).
#[derive(Clone, Debug, Default, PartialEq, Eq, Setters)]
#[setters(strip_option)]
#[non_exhaustive]
pub struct MethodOptions {
    /// Dubbo's `timeout`: how long an attempt may take; of a stream, how long until its head comes. `Duration::MAX` for no limit.
    /// A caller's own deadline (`grpc-timeout`) takes its place.
    pub timeout: Option<Duration>,
    /// Dubbo's `retries`: how many further attempts a call may make after its first. 0 for what must not run twice.
    pub retries: Option<usize>,
    /// The codes that are a reason for a further attempt, in place of UNAVAILABLE, RESOURCE_EXHAUSTED, ABORTED and an attempt's own
    /// DEADLINE_EXCEEDED. Business errors are never one.
    pub retry_on: Option<Vec<Code>>,
    /// Whether either side sends a stream of messages. Where it is not known, an attempt's time ends with the response's head, and the
    /// provider is told no deadline but the caller's.
    pub streaming: Option<bool>,
}

/// The methods of a service whose options are known, by name.
#[derive(Clone, Debug, Default)]
pub struct MethodTable {
    methods: HashMap<Box<str>, MethodOptions, RandomState>,
}

impl MethodTable {
    /// Reads from the service's descriptors which methods stream.
    ///
    /// # Errors
    ///
    /// When the bytes are no file descriptor set with this service.
    pub fn described(interface: &str, descriptors: &[u8]) -> Result<Self, DescriptorError> {
        let methods = described_methods(descriptors, interface)?
            .into_iter()
            .map(|method| {
                let options = MethodOptions {
                    streaming: Some(method.is_client_streaming() || method.is_server_streaming()),
                    ..MethodOptions::default()
                };
                (method.name().into(), options)
            });
        Ok(Self {
            methods: methods.collect(),
        })
    }

    /// Sets the options of a method, by its name without the interface. What the descriptors said of it stays where `options` does not say
    /// it.
    #[must_use]
    pub fn with(mut self, method: &str, options: MethodOptions) -> Self {
        let known = self.methods.entry(method.into()).or_default();
        *known = MethodOptions {
            streaming: options.streaming.or(known.streaming),
            ..options
        };
        self
    }

    /// Returns the options of the method that a request's path names; none for one that nothing is known of.
    #[inline]
    pub(crate) fn of(&self, path: &str) -> Option<&MethodOptions> {
        let (_, method) = path.rsplit_once('/')?;
        self.methods.get(method)
    }
}

impl MethodOptions {
    /// Returns whether an attempt that ended so is made again.
    pub(crate) fn is_retryable(&self, status: &Status, left: Option<Left>) -> bool {
        match &self.retry_on {
            None => retry::is_retryable(status, left),
            Some(codes) => codes.contains(&status.code()) && !retry::is_business(status),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::business_error;

    #[test]
    fn the_descriptors_tell_what_streams() {
        let table = MethodTable::described(greet::INTERFACE, greet::FILE_DESCRIPTOR_SET).unwrap();
        let greet = table.of("/greet.GreetService/Greet").unwrap();
        assert_eq!(greet.streaming, Some(false));
        assert!(table.of("/greet.GreetService/Other").is_none());
        assert!(table.of("").is_none());
        assert!(MethodTable::described("greet.Other", greet::FILE_DESCRIPTOR_SET).is_err());
    }

    #[test]
    fn options_are_set_beside_what_is_known() {
        let options = MethodOptions {
            retries: Some(0),
            ..MethodOptions::default()
        };
        let table = MethodTable::described(greet::INTERFACE, greet::FILE_DESCRIPTOR_SET)
            .unwrap()
            .with("Greet", options.clone())
            .with("New", options);
        let greet = table.of("/greet.GreetService/Greet").unwrap();
        assert_eq!((greet.streaming, greet.retries), (Some(false), Some(0)));
        let new = table.of("/greet.GreetService/New").unwrap();
        assert_eq!((new.streaming, new.retries), (None, Some(0)));
    }

    #[test]
    fn the_codes_of_a_method_take_the_place_of_the_usual_ones() {
        let options = MethodOptions {
            retry_on: Some(vec![Code::Unknown]),
            ..MethodOptions::default()
        };
        assert!(options.is_retryable(&Status::unknown("lost"), None));
        assert!(!options.is_retryable(&Status::unavailable("gone"), None));
        assert!(
            !options.is_retryable(&business_error("no"), None),
            "an answer"
        );
    }
}
