//! The body of a request, whose rest is read where the answer has not waited for it.
//!
//! A call that is answered by its head (refused, not found, denied) leaves its body unread. Over HTTP/2 its stream would be reset then, and what
//! still comes for a stream that h2 has forgotten counts as an error of the connection, which it ends after a thousand of them, with all calls on
//! it. So the rest is read and thrown away, within limits.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::runtime::Handle;
use tokio::time::timeout;

/// How much is read of what no call waits for, and for how long: a whole message, which arrives with its head or right after it.
const MOST_BYTES: usize = 4 << 20;
const LONGEST: Duration = Duration::from_secs(1);

/// A request's body.
#[derive(Debug)]
pub(in crate::provider) struct IncomingBody {
    /// None while it is dropped.
    incoming: Option<Incoming>,
    /// Whether it is a stream of HTTP/2; a connection of HTTP/1.1 reads or ends what is left itself.
    is_stream: bool,
}

impl IncomingBody {
    pub(super) fn new(incoming: Incoming, is_stream: bool) -> Self {
        let incoming = Some(incoming);
        Self {
            incoming,
            is_stream,
        }
    }
}

impl HttpBody for IncomingBody {
    type Data = Bytes;
    type Error = hyper::Error;

    #[inline]
    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match &mut self.incoming {
            Some(body) => Pin::new(body).poll_frame(cx),
            None => Poll::Ready(None),
        }
    }

    #[inline]
    fn is_end_stream(&self) -> bool {
        self.incoming.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming
            .as_ref()
            .map_or(SizeHint::with_exact(0), HttpBody::size_hint)
    }
}

impl Drop for IncomingBody {
    #[inline]
    fn drop(&mut self) {
        if self.is_stream && !self.is_end_stream() {
            self.read_rest();
        }
    }
}

impl IncomingBody {
    #[cold]
    fn read_rest(&mut self) {
        if let (Some(body), Ok(runtime)) = (self.incoming.take(), Handle::try_current()) {
            runtime.spawn(timeout(LONGEST, read_rest(body)));
        }
    }
}

async fn read_rest(mut body: Incoming) {
    let mut read = 0;
    while read < MOST_BYTES
        && let Some(Ok(frame)) = body.frame().await
    {
        read += frame.data_ref().map_or(0, Bytes::len);
    }
}
