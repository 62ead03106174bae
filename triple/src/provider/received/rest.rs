//! The rest of a request whose content is not wanted any more: it is read and thrown away, within bounds.
//!
//! A peer that still sends when its connection is closed under it may lose the answer: its own system throws away what has arrived as soon
//! as bytes that it sends are refused (RFC 9112, section 9.6).

use std::error::Error;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::BodyExt;
use tokio::runtime::Handle;
use tokio::time::timeout;

/// How much of a request that is refused is read, and for how long, before the answer.
const REFUSED: Bounds = Bounds {
    bytes: 64 * 1024,
    time: Duration::from_secs(1),
};

/// How much of a request over HTTP/1.1 is read, and for how long, beside its answer: twice the largest message, for peers that do not look
/// at the answer before they have sent everything.
const ANSWERED: Bounds = Bounds {
    bytes: 8 * 1024 * 1024,
    time: Duration::from_secs(5),
};

#[derive(Clone, Copy, Debug)]
struct Bounds {
    bytes: usize,
    time: Duration,
}

/// Reads the rest of a request that is refused, before its answer.
///
/// Peers that still send see the answer rather than a stream or connection that ends under them, and what is malformed in the rest is
/// answered as such.
pub(in crate::provider) async fn discard<B>(body: B)
where
    B: HttpBody<Data = Bytes> + Unpin,
{
    read(body, REFUSED).await;
}

async fn read<B>(mut body: B, bounds: Bounds)
where
    B: HttpBody<Data = Bytes> + Unpin,
{
    let read = async {
        let mut bytes = 0;
        while bytes <= bounds.bytes
            && let Some(Ok(frame)) = body.frame().await
        {
            bytes += frame.data_ref().map_or(0, Bytes::len);
        }
    };
    // A peer that is slower than this gets its answer, or the end of its connection, before it is done.
    let _ = timeout(bounds.time, read).await;
}

/// The body of a request: what its handler leaves of it is read beside the answer, over HTTP/1.1.
///
/// A handler that has its message, or none that it wants, answers before the end of the request has arrived. hyper would then close the
/// connection after the answer, and a peer may lose the answer and cannot use the connection again. Over HTTP/2 the stream is reset with
/// NO_ERROR after the answer, which tells the peer the same at no cost (RFC 9113, section 8.1).
#[derive(Debug)]
pub(in crate::provider) struct Rest<B>
where
    B: HttpBody<Data = Bytes> + Send + Unpin + 'static,
{
    /// None once it has ended.
    body: Option<B>,
    http_1: bool,
}

impl<B> Rest<B>
where
    B: HttpBody<Data = Bytes> + Send + Unpin + 'static,
{
    pub(in crate::provider) fn new(body: B, http_1: bool) -> Self {
        let body = Some(body);
        Self { body, http_1 }
    }
}

impl<B> HttpBody for Rest<B>
where
    B: HttpBody<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let Some(body) = &mut self.body else {
            return Poll::Ready(None);
        };
        let polled = Pin::new(body).poll_frame(cx);
        if let Poll::Ready(None | Some(Err(_))) = polled {
            self.body = None;
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        let hint = self.body.as_ref().map(HttpBody::size_hint);
        hint.unwrap_or_else(|| SizeHint::with_exact(0))
    }
}

impl<B> Drop for Rest<B>
where
    B: HttpBody<Data = Bytes> + Send + Unpin + 'static,
{
    fn drop(&mut self) {
        // Without a runtime the connection is gone as well.
        if self.http_1
            && let Some(body) = self.body.take()
            && !body.is_end_stream()
            && let Ok(runtime) = Handle::try_current()
        {
            runtime.spawn(read(body, ANSWERED));
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt;
    use tonic::Status;

    use super::*;

    /// A body of so many pieces of 16 KiB, which then ends or never does.
    fn pieces(left: usize, ends: bool) -> impl HttpBody<Data = Bytes, Error = Status> + Unpin {
        let pieces = futures_util::stream::iter((0..left).map(|_| {
            let piece = Bytes::from_static(&[0; 16 * 1024]);
            Ok::<_, Status>(Frame::data(piece))
        }));
        let rest = futures_util::stream::pending().take(if ends { 0 } else { 1 });
        http_body_util::StreamBody::new(pieces.chain(rest))
    }

    #[tokio::test(start_paused = true)]
    async fn the_rest_of_a_refused_request_is_read_within_bounds() {
        let start = tokio::time::Instant::now();
        discard(pieces(3, true)).await;
        discard(pieces(1000, false)).await;
        assert_eq!(start.elapsed(), Duration::ZERO, "its end or its size");
        discard(pieces(3, false)).await;
        assert_eq!(start.elapsed(), REFUSED.time);
    }
}
