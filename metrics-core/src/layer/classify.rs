//! What an error of the wrapped service means for the outcome of a call.

use crate::outcome::Outcome;

/// Tells the outcome of a call from an error of the service that a layer wraps.
///
/// Implemented for functions `Fn(&E) -> Outcome`.
pub trait Classify<E> {
    /// Returns the outcome that an error means.
    fn outcome(&self, error: &E) -> Outcome;
}

/// Takes every error as [`Outcome::UNKNOWN`].
#[derive(Clone, Copy, Debug, Default)]
pub struct ErrorsAreUnknown;

impl<E> Classify<E> for ErrorsAreUnknown {
    fn outcome(&self, _: &E) -> Outcome {
        Outcome::UNKNOWN
    }
}

impl<E, F: Fn(&E) -> Outcome> Classify<E> for F {
    fn outcome(&self, error: &E) -> Outcome {
        self(error)
    }
}
