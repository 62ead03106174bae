//! gRPC statuses with Dubbo's extra code for business errors.

use bytes::Bytes;
use prost::Message;
use tonic::{Code, Status};

mod details;
mod written;

use details::Details;
pub(crate) use written::{Caller, complete};

/// Dubbo's code for an error that the business logic answered with; gRPC itself ends at 16.
///
/// dubbo-go calls it `CodeBizError`. tonic has no such [`Code`], so a handler's status is [`Code::Unknown`] with the number in its
/// details; a [`Provider`](crate::Provider) writes it into `grpc-status` as well. Dubbo's Java consumer, which does not know it,
/// gets UNKNOWN.
pub const BUSINESS_CODE: i32 = 17;

/// Returns the status that Dubbo consumers take for a business error: counted as such, and not retried.
pub fn business_error(message: impl Into<String>) -> Status {
    let mut message = message.into();
    // The provider cuts what goes out at the same length; done here, the text is not encoded in full first.
    message.truncate(written::cut(&message).len());
    let details = Details::new(BUSINESS_CODE, message.clone());
    Status::with_details(Code::Unknown, message, Bytes::from(details.encode_to_vec()))
}

/// Returns the number that the status had on the wire: its own, or the one in its details where that is beyond gRPC's 16.
#[must_use]
pub fn wire_code(status: &Status) -> i32 {
    details_code(status.details())
        .filter(|code| *code > Code::Unauthenticated as i32)
        .unwrap_or(status.code() as i32)
}

/// Returns the code in the details of a status; none where there are no such details, or with the code of a success.
pub(crate) fn details_code(details: &[u8]) -> Option<i32> {
    let details = Details::decode(details).ok()?;
    (details.code != 0).then_some(details.code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_business_error_is_17_on_the_wire_and_unknown_to_grpc() {
        let status = business_error("random error");
        assert_eq!(wire_code(&status), BUSINESS_CODE);
        assert_eq!(status.code(), Code::Unknown);
        assert_eq!(status.message(), "random error");
    }

    #[test]
    fn a_status_without_details_keeps_its_own_code() {
        assert_eq!(wire_code(&Status::unavailable("gone")), 14);
    }

    #[test]
    fn details_that_are_not_a_status_are_ignored() {
        let status = Status::with_details(Code::Internal, "x", Bytes::from_static(b"\xff\xff"));
        assert_eq!(wire_code(&status), 13);
    }
}
