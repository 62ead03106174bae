//! What kind of request it is, as far as its head tells, and answers for those that are none.

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode, Version};
use http_body_util::Full;
use prost_reflect::MethodDescriptor;
use tonic::body::Body;

use super::Methods;
use super::unary::Codec;
use super::web::Form;

/// What HTTP calls the list of content types that would work (W3C, Linked Data Platform 1.0).
const ACCEPT_POST: HeaderName = HeaderName::from_static("accept-post");

/// What works on this port.
const ACCEPTED: &str = "application/grpc, application/grpc+proto, application/grpc-web+proto, \
                        application/grpc-web-text+proto, application/proto, application/json";

/// What kind of request it is.
pub(super) enum Kind {
    Grpc,
    Web(Form),
    Unary(Codec, MethodDescriptor),
    Refused(StatusCode),
}

/// Tells the kind of a request.
#[inline]
pub(super) fn of<B>(request: &Request<B>, content_type: &[u8], methods: &Methods) -> Kind {
    let post = request.method() == Method::POST;
    let http2 = request.version() == Version::HTTP_2;
    // What nearly all callers write needs no more reading.
    if post && http2 && content_type == b"application/grpc" {
        return Kind::Grpc;
    }
    let essence = content_type.split(|byte| *byte == b';').next();
    let essence = essence.unwrap_or_default().trim_ascii();
    match essence {
        b"application/grpc" | b"application/grpc+proto" if post => {
            if http2 {
                Kind::Grpc
            } else {
                Kind::Refused(StatusCode::HTTP_VERSION_NOT_SUPPORTED)
            }
        }
        b"application/grpc-web" | b"application/grpc-web+proto" if post => Kind::Web(Form::Binary),
        b"application/grpc-web-text" | b"application/grpc-web-text+proto" if post => {
            Kind::Web(Form::Text)
        }
        _ => other(request, essence, methods),
    }
}

fn other<B>(request: &Request<B>, essence: &[u8], methods: &Methods) -> Kind {
    let grpc = essence
        .get(..16)
        .is_some_and(|start| start.eq_ignore_ascii_case(b"application/grpc"));
    let method = methods.get(request.uri().path());
    let codec = [
        (&b"application/json"[..], Codec::Json),
        (b"application/proto", Codec::Proto),
    ];
    let codec = codec
        .iter()
        .find(|(name, _)| essence.eq_ignore_ascii_case(name));
    match (method, codec) {
        (None, _) if !grpc => Kind::Refused(StatusCode::NOT_FOUND),
        _ if request.method() != Method::POST => Kind::Refused(StatusCode::METHOD_NOT_ALLOWED),
        (Some(method), Some((_, codec)))
            if !method.is_client_streaming() && !method.is_server_streaming() =>
        {
            Kind::Unary(*codec, method.clone())
        }
        _ => Kind::Refused(StatusCode::UNSUPPORTED_MEDIA_TYPE),
    }
}

/// Answers what is none of the kinds, in the plain text of any web server.
pub(super) fn refused(status: StatusCode) -> Response<Body> {
    let text = match status {
        StatusCode::METHOD_NOT_ALLOWED => "call methods with POST\n".to_owned(),
        StatusCode::UNSUPPORTED_MEDIA_TYPE => {
            format!("methods are called with one of {ACCEPTED}; the last two are for unary methods\n")
        }
        StatusCode::HTTP_VERSION_NOT_SUPPORTED => {
            "gRPC needs HTTP/2; over HTTP/1.1 there are gRPC-Web, application/proto and application/json\n".to_owned()
        }
        _ => "404 page not found\n".to_owned(),
    };
    let mut response = Response::new(Body::new(Full::<Bytes>::from(text)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    headers.insert(CONTENT_TYPE, plain);
    if status == StatusCode::METHOD_NOT_ALLOWED {
        headers.insert(ALLOW, HeaderValue::from_static("POST"));
    }
    if status == StatusCode::UNSUPPORTED_MEDIA_TYPE {
        headers.insert(ACCEPT_POST, HeaderValue::from_static(ACCEPTED));
    }
    response
}
