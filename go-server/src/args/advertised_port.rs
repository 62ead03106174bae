//! The port that is registered where it is not the one that listens.

use std::ffi::OsStr;
use std::num::NonZeroU16;

use clap::builder::TypedValueParser;
use clap::parser::ValueSource;
use clap::{Arg, Command, Error};
use tracing::warn;

/// What `--advertise-port` or its variable says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AdvertisedPort {
    /// This port.
    Port(NonZeroU16),
    /// The variable holds no port. dubbo-go, whose variable it is, then registers the port that listens.
    Ignored(String),
}

impl AdvertisedPort {
    /// Returns the port, and warns of a variable that is ignored.
    #[must_use]
    pub fn or_warn(self) -> Option<NonZeroU16> {
        match self {
            Self::Port(port) => Some(port),
            Self::Ignored(text) => {
                warn!(
                    "DUBBO_PORT_TO_REGISTRY is {text:?} and no port from 1 to 65535: the port that listens is registered, as \
                     dubbo-go does"
                );
                None
            }
        }
    }
}

/// Refuses a wrong value that was typed, and keeps one of the environment to be warned of.
#[derive(Clone, Copy, Debug)]
pub(super) struct AdvertisedPortParser;

impl TypedValueParser for AdvertisedPortParser {
    type Value = AdvertisedPort;

    fn parse_ref(
        &self,
        command: &Command,
        argument: Option<&Arg>,
        value: &OsStr,
    ) -> Result<AdvertisedPort, Error> {
        self.parse_ref_(command, argument, value, ValueSource::CommandLine)
    }

    fn parse_ref_(
        &self,
        command: &Command,
        argument: Option<&Arg>,
        value: &OsStr,
        source: ValueSource,
    ) -> Result<AdvertisedPort, Error> {
        match port.parse_ref(command, argument, value) {
            Ok(port) => Ok(AdvertisedPort::Port(port)),
            Err(_) if source == ValueSource::EnvVariable => Ok(AdvertisedPort::Ignored(
                value.to_string_lossy().into_owned(),
            )),
            Err(error) => Err(error),
        }
    }
}

fn port(text: &str) -> Result<NonZeroU16, &'static str> {
    let port = text.parse();
    port.map_err(|_| "must be a port, a number from 1 to 65535")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(value: &str, source: ValueSource) -> Result<AdvertisedPort, Error> {
        let command = Command::new("server");
        AdvertisedPortParser.parse_ref_(&command, None, OsStr::new(value), source)
    }

    #[test]
    fn a_port_is_taken_wherever_it_comes_from() {
        for source in [ValueSource::CommandLine, ValueSource::EnvVariable] {
            for (text, port) in [("1", 1), ("30880", 30880), ("65535", 65535)] {
                let port = NonZeroU16::new(port).unwrap();
                assert_eq!(parsed(text, source).unwrap(), AdvertisedPort::Port(port));
            }
        }
    }

    #[test]
    fn a_wrong_port_is_refused_when_typed_and_ignored_in_the_environment_as_dubbo_go_does() {
        for text in ["0", "65536", "-1", "http", "80.0", " 80", "20000\n"] {
            assert!(parsed(text, ValueSource::CommandLine).is_err(), "{text}");
            let ignored = parsed(text, ValueSource::EnvVariable).unwrap();
            assert_eq!(ignored, AdvertisedPort::Ignored(text.to_owned()));
            assert_eq!(ignored.or_warn(), None);
        }
    }
}
