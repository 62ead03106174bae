//! Which failed attempts are made again.
//!
//! What a provider answered is an answer. Only a status that says that the call was not run, or a provider that gave no
//! answer at all, is a reason to ask another one:
//!
//! | Code | Made again | Why |
//! |---|---|---|
//! | UNAVAILABLE | yes | gRPC's own word for a call that may be tried elsewhere; also what a broken connection is |
//! | RESOURCE_EXHAUSTED | yes | the provider refused the call because of a limit of its own |
//! | ABORTED | yes | the operation was undone, and the client is asked to begin it again |
//! | DEADLINE_EXCEEDED | when the attempt's own time was over | a handler that reports the timeout of something behind it has answered |
//! | INTERNAL, UNKNOWN | no | a handler failed, and may have done half of its work: Dubbo reports ordinary exceptions so, with a message or without |
//! | business errors (17), CANCELLED and all others | no | another provider would say the same, or the caller does not want it any more |
//!
//! A stream that the provider reset has reached it and is not made again either, apart from REFUSED_STREAM, which says that it
//! was not looked at.

use std::time::Duration;

use tonic::{Code, Status};

use crate::status::{BUSINESS_CODE, wire_code};

/// Returns whether another provider, or another moment, may do better.
///
/// `left` is what was left of the attempt's time when a provider's answer came; none when the attempt ended without an answer.
pub(crate) fn is_retryable(status: &Status, left: Option<Left>) -> bool {
    match status.code() {
        Code::Unavailable | Code::ResourceExhausted | Code::Aborted => !is_business(status),
        Code::DeadlineExceeded => left.is_none_or(Left::is_over),
        _ => false,
    }
}

/// Returns whether the status is an answer of the business logic, whatever gRPC code it travels under.
pub(crate) fn is_business(status: &Status) -> bool {
    wire_code(status) == BUSINESS_CODE
}

/// The pause before a call goes to a provider that has just refused it because of a limit, twice as long after each further attempt.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Returns how long to wait before the next attempt where only providers are left that have refused the call because of a limit of their
/// own: at random from half of it on, so that refused callers do not come back together.
pub(crate) fn pause(status: &Status, attempts: usize) -> Option<Duration> {
    (status.code() == Code::ResourceExhausted).then(|| {
        let exponent = u32::try_from(attempts.saturating_sub(1)).unwrap_or(u32::MAX);
        let factor = 2_u32.checked_pow(exponent).unwrap_or(u32::MAX);
        let pause = FIRST_PAUSE.saturating_mul(factor).min(LONGEST_PAUSE);
        pause.mul_f64(0.5 + fastrand::f64() / 2.0)
    })
}

/// What was left of an attempt's time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Left {
    pub(crate) left: Duration,
    pub(crate) given: Duration,
}

impl Left {
    /// Returns whether the time is as good as over: the provider's clock and ours do not ring together.
    fn is_over(self) -> bool {
        self.left <= self.given / 10
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::business_error;

    const GIVEN: Duration = Duration::from_secs(3);

    fn answered(code: i32, left: Duration) -> bool {
        let status = Status::new(Code::from(code), "x");
        is_retryable(&status, Some(Left { left, given: GIVEN }))
    }

    #[test]
    fn what_says_that_the_call_was_not_run_is_made_again() {
        for code in [8, 10, 14] {
            assert!(answered(code, GIVEN), "{code}");
            assert!(
                is_retryable(&Status::new(Code::from(code), ""), None),
                "{code}"
            );
        }
    }

    #[test]
    fn a_refusal_because_of_a_limit_is_followed_by_longer_and_longer_pauses() {
        let refused = Status::resource_exhausted("busy");
        for (attempts, most) in [(1, 20), (2, 40), (4, 160), (9, 1000), (usize::MAX, 1000)] {
            let pause = pause(&refused, attempts).unwrap().as_millis();
            assert!((most / 2..=most).contains(&pause), "{attempts}: {pause} ms");
        }
        assert_eq!(pause(&Status::unavailable("gone"), 1), None);
    }

    #[test]
    fn answers_are_not_made_again() {
        for code in [1, 2, 3, 5, 6, 7, 9, 11, 12, 13, 15, 16] {
            assert!(!answered(code, GIVEN), "{code}");
            assert!(
                !is_retryable(&Status::new(Code::from(code), ""), None),
                "{code}"
            );
        }
        assert!(!is_retryable(&business_error("random error"), None));
    }

    #[test]
    fn a_deadline_is_made_again_when_it_was_the_attempts_own() {
        assert!(answered(4, Duration::ZERO));
        assert!(answered(4, GIVEN / 100));
        assert!(
            !answered(4, GIVEN / 2),
            "a handler's own timeout is its answer"
        );
        assert!(is_retryable(&Status::deadline_exceeded("no answer"), None));
    }
}
