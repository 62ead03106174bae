//! One reading of all groups: asked for, checked, and parsed while it arrives.
//!
//! The answer is never held as a whole. Chunks go to a parser on a thread of its own, which keeps the labels and times of each group, so
//! that memory depends on how many groups there are and not on what they contain.

mod chunks;
pub mod json;
mod status;

use std::io::BufReader;
use std::time::Duration;

use http::header::{AGE, DATE};
use pushgateway::{Answer, Gateway};
use tokio::time::Instant;

use crate::clock::GatewayClock;
use crate::group::Group;

/// What the parser reads at a time.
const BUFFER_BYTES: usize = 64 * 1024;

/// An answer that is about to be read.
#[derive(Debug)]
pub struct Listing {
    answer: Answer,
    clock: GatewayClock,
}

/// Why there is no reading, or none to rely on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ListingError {
    /// The gateway did not answer, or refused.
    #[error(transparent)]
    Gateway(#[from] pushgateway::Error),
    /// What came is no listing of a Pushgateway.
    #[error("the answer of the Pushgateway at {address} is no listing of groups")]
    Garbage {
        /// The gateway, without user information.
        address: String,
        /// What is wrong.
        source: ParseError,
    },
    /// The answer has no usable `Date` header, without which no age is known.
    #[error(
        "the answer of the Pushgateway at {address} carries no date: without its clock no age is known"
    )]
    NoClock {
        /// The gateway, without user information.
        address: String,
    },
    /// A cache answered in the gateway's place.
    #[error(
        "a cache answered for the Pushgateway at {address}, with a reading that is {age} s old: it must not be cached"
    )]
    Cached {
        /// The gateway, without user information.
        address: String,
        /// The `Age` header.
        age: String,
    },
    /// The gateway's clock was set between two readings.
    #[error("the clock of the Pushgateway at {address} was set by {} s: ages before and after cannot be compared", step.as_secs())]
    ClockStepped {
        /// The gateway, without user information.
        address: String,
        /// By how much.
        step: Duration,
    },
}

/// Why a text is no listing of groups.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ParseError {
    /// It is not the JSON document that is expected, or breaks off.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    /// It says itself that it is none.
    #[error("its status is {0:?} instead of \"success\"")]
    Status(String),
}

impl Listing {
    /// Asks for all groups, by the API that Pushgateways have since 1.0.
    ///
    /// # Errors
    /// When the gateway does not answer within the deadline, refuses, or its answer has no clock or is a cached one.
    pub async fn open(gateway: &Gateway, deadline: Duration) -> Result<Self, ListingError> {
        let asked = Instant::now();
        let answer = gateway
            .get("/api/v1/metrics", "application/json", deadline)
            .await?;
        let address = gateway.address().to_string();
        if let Some(age) = answer.header(AGE).filter(|age| age.trim() != "0") {
            return Err(ListingError::Cached {
                address,
                age: age.to_owned(),
            });
        }
        let mut clock = match GatewayClock::from_header(answer.header(DATE), asked) {
            Some(clock) => clock,
            None => return Err(ListingError::NoClock { address }),
        };
        // After the reading: a gateway that is started again in between has not been up for long either way.
        clock.since = status::started(gateway, deadline, clock.now).await?;
        Ok(Self { answer, clock })
    }

    /// Returns what the gateway's clock showed.
    pub fn clock(&self) -> GatewayClock {
        self.clock
    }

    /// Returns all groups once the answer has proved complete.
    ///
    /// # Errors
    /// When the connection breaks, the deadline passes, or the answer is no listing.
    pub async fn groups(self) -> Result<Vec<Group>, ListingError> {
        let mut answer = self.answer;
        let (sender, reader) = chunks::channel();
        let parsing = tokio::task::spawn_blocking(move || {
            json::parse(BufReader::with_capacity(BUFFER_BYTES, reader))
        });
        let mut broken = None;
        loop {
            match answer.chunk().await {
                Ok(Some(chunk)) => {
                    if sender.send(chunk).await.is_err() {
                        break; // The parser has seen enough: it knows what is wrong.
                    }
                }
                Ok(None) => break,
                Err(error) => {
                    broken = Some(error);
                    break;
                }
            }
        }
        drop(sender);
        let parsed = parsing
            .await
            .expect("the parser has no way to panic, and nothing cancels it");
        match (parsed, broken) {
            (_, Some(error)) => Err(error.into()),
            (Ok(groups), None) => Ok(groups),
            (Err(source), None) => Err(ListingError::Garbage {
                address: answer.address().to_owned(),
                source,
            }),
        }
    }
}

impl ListingError {
    /// Says whether another try may help: no connection, or a server error; a reading that took too long is not repeated.
    pub(crate) fn is_transient(&self) -> bool {
        match self {
            Self::Gateway(pushgateway::Error::TimedOut { .. }) => false,
            Self::Gateway(error) => error.is_transient(),
            _ => false,
        }
    }
}
