//! gRPC statuses as dubbo-go's JSON errors.

use http::StatusCode;
use tonic::{Code, Status};

use crate::status::wire_code;

/// Returns the body of an error: `{"code":…,"message":…}`.
pub(super) fn body(status: &Status) -> String {
    serde_json::json!({ "code": name(wire_code(status)), "message": status.message() }).to_string()
}

/// Returns a code's name: gRPC's in lower case, `code_17` for one that gRPC does not know.
fn name(code: i32) -> String {
    let name = match code {
        1 => "canceled",
        2 => "unknown",
        3 => "invalid_argument",
        4 => "deadline_exceeded",
        5 => "not_found",
        6 => "already_exists",
        7 => "permission_denied",
        8 => "resource_exhausted",
        9 => "failed_precondition",
        10 => "aborted",
        11 => "out_of_range",
        12 => "unimplemented",
        13 => "internal",
        14 => "unavailable",
        15 => "data_loss",
        16 => "unauthenticated",
        other => return format!("code_{other}"),
    };
    name.to_owned()
}

/// Returns the HTTP status that dubbo-go answers this code with; a business error is 500.
pub(super) fn http_status(code: Code) -> StatusCode {
    match code {
        Code::Ok => StatusCode::OK,
        Code::Cancelled | Code::DeadlineExceeded => StatusCode::REQUEST_TIMEOUT,
        Code::InvalidArgument | Code::OutOfRange => StatusCode::BAD_REQUEST,
        Code::NotFound | Code::Unimplemented => StatusCode::NOT_FOUND,
        Code::AlreadyExists | Code::Aborted => StatusCode::CONFLICT,
        Code::PermissionDenied => StatusCode::FORBIDDEN,
        Code::ResourceExhausted => StatusCode::TOO_MANY_REQUESTS,
        Code::FailedPrecondition => StatusCode::PRECONDITION_FAILED,
        Code::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Code::Unauthenticated => StatusCode::UNAUTHORIZED,
        Code::Unknown | Code::Internal | Code::DataLoss => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::business_error;

    #[test]
    fn a_business_error_is_code_17_with_http_500() {
        let status = business_error("random error");
        assert_eq!(
            body(&status),
            r#"{"code":"code_17","message":"random error"}"#
        );
        assert_eq!(http_status(status.code()), 500);
    }

    #[test]
    fn other_errors_have_grpcs_name() {
        let status = Status::unavailable("later");
        assert_eq!(body(&status), r#"{"code":"unavailable","message":"later"}"#);
        assert_eq!(http_status(status.code()), 503);
    }
}
