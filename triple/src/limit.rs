//! How many calls a provider runs at a time: a layer that refuses the others at once.
//!
//! A provider that takes more than it can do answers everything late, and nothing within its callers' deadlines. One that refuses what is
//! too much answers the rest as fast as ever, and its callers turn to other providers.

mod adaptive;

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body as HttpBody, Frame, SizeHint};
use parking_lot::Mutex;
use pin_project_lite::pin_project;
use tokio::time::Instant;
use tonic::Status;
use tonic::body::Body;
use tower_layer::Layer;
use tower_service::Service;

use self::adaptive::Adaptive;
use crate::provider::{COMPANIONS, interface};

/// Refuses calls with RESOURCE_EXHAUSTED while as many are running as may. A layer for [`Provider::layer`](crate::Provider::layer), which
/// belongs outside of others, so that what is refused costs nothing.
///
/// Health, metadata and reflection are not counted and not refused, so that a provider at its limit is not taken for one that is gone.
#[derive(Clone, Debug)]
pub struct CallLimit {
    state: Arc<State>,
}

#[derive(Debug)]
struct State {
    most: AtomicUsize,
    running: AtomicUsize,
    measured: Option<Measured>,
}

/// What an adaptive limit knows of the calls so far.
#[derive(Debug)]
struct Measured {
    start: Instant,
    adaptive: Mutex<Adaptive>,
}

impl CallLimit {
    /// Lets this many calls run at a time, on all connections together. A call runs from its head to the last byte of its answer.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self::of(most, None)
    }

    /// Lets as many calls run at a time as the provider can work on without making them wait for each other, which it finds out by how long
    /// they take. A call runs from its head to the head of its answer, so that a stream takes no place while it waits for its next message.
    ///
    /// For methods whose times are alike. Calls that wait for their caller's messages before they answer count as work, as they would with a
    /// number.
    #[must_use]
    pub fn adaptive() -> Self {
        let adaptive = Adaptive::default();
        let most = adaptive.limit();
        let measured = Measured {
            start: Instant::now(),
            adaptive: Mutex::new(adaptive),
        };
        Self::of(most, Some(measured))
    }

    fn of(most: usize, measured: Option<Measured>) -> Self {
        let state = State {
            most: AtomicUsize::new(most),
            running: AtomicUsize::new(0),
            measured,
        };
        Self {
            state: Arc::new(state),
        }
    }

    /// Returns how many calls are running.
    #[must_use]
    pub fn running(&self) -> usize {
        self.state.running.load(Ordering::Relaxed)
    }

    /// Returns how many calls may run at the moment.
    #[must_use]
    pub fn most(&self) -> usize {
        self.state.most.load(Ordering::Relaxed)
    }

    /// Lets a call in, or returns how many run already.
    fn enter(&self) -> Result<Running, usize> {
        let (state, most) = (&self.state, self.most());
        let before = state.running.fetch_add(1, Ordering::Relaxed);
        let mut running = Running {
            state: Arc::clone(state),
            begun: None,
        };
        if let Some(measured) = &state.measured {
            if before >= most {
                measured.adaptive.lock().refused();
            } else if before + 1 >= most {
                measured.adaptive.lock().full();
            }
            if before < most {
                running.begun = Some(Instant::now());
            }
        }
        if before < most {
            Ok(running)
        } else {
            Err(most)
        }
    }
}

/// A call that is counted until this is dropped.
#[derive(Debug)]
struct Running {
    state: Arc<State>,
    /// When it began, where that is measured.
    begun: Option<Instant>,
}

impl Running {
    /// Returns what is kept until the answer is read; nothing where only the time to its head counts.
    fn answered(self) -> Option<Self> {
        self.state.measured.is_none().then_some(self)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let state = &self.state;
        state.running.fetch_sub(1, Ordering::Relaxed);
        if let (Some(measured), Some(begun)) = (&state.measured, self.begun) {
            measured.ended(begun, &state.most);
        }
    }
}

impl Measured {
    fn ended(&self, begun: Instant, most: &AtomicUsize) {
        let now = Instant::now();
        let took: Duration = now.saturating_duration_since(begun);
        let mut adaptive = self.adaptive.lock();
        adaptive.ended(now.saturating_duration_since(self.start), took);
        most.store(adaptive.limit(), Ordering::Relaxed);
    }
}

impl<S> Layer<S> for CallLimit {
    type Service = CallLimitService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        CallLimitService {
            inner,
            limit: self.clone(),
        }
    }
}

/// A service behind a [`CallLimit`].
#[derive(Clone, Debug)]
pub struct CallLimitService<S> {
    inner: S,
    limit: CallLimit,
}

impl<S> Service<Request<Body>> for CallLimitService<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = CallLimitFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let interface = interface(request.uri().path());
        let companion = interface.is_some_and(|name| COMPANIONS.contains(&name));
        let running = if companion {
            None
        } else {
            match self.limit.enter() {
                Ok(running) => Some(running),
                Err(most) => return CallLimitFuture::refused(most),
            }
        };
        CallLimitFuture {
            call: Some(self.inner.call(request)),
            most: 0,
            running,
        }
    }
}

pin_project! {
    /// The answer of a call within the limit, or RESOURCE_EXHAUSTED.
    #[derive(Debug)]
    pub struct CallLimitFuture<F> {
        #[pin]
        call: Option<F>,
        most: usize,
        running: Option<Running>,
    }
}

impl<F> CallLimitFuture<F> {
    fn refused(most: usize) -> Self {
        Self {
            call: None,
            most,
            running: None,
        }
    }
}

impl<F> Future for CallLimitFuture<F>
where
    F: Future<Output = Result<Response<Body>, Infallible>>,
{
    type Output = Result<Response<Body>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let Some(call) = this.call.as_pin_mut() else {
            let status = Status::resource_exhausted(format!(
                "this provider runs {} calls already, as many as it may",
                this.most
            ));
            return Poll::Ready(Ok(status.into_http()));
        };
        let Ok(response) = ready!(call.poll(cx));
        let running = this.running.take().and_then(Running::answered);
        Poll::Ready(Ok(match running {
            Some(running) if !response.body().is_end_stream() => response.map(|body| {
                Body::new(Held {
                    body,
                    _running: running,
                })
            }),
            _ => response,
        }))
    }
}

/// An answer whose call is counted until it is read or given up.
struct Held {
    body: Body,
    _running: Running,
}

impl HttpBody for Held {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::Semaphore;
    use tokio::task::JoinSet;
    use tokio::time::{interval, sleep};

    use super::*;

    /// How many calls the service below works on at a time, and for how long on each: it can answer two in a millisecond.
    const WORKERS: usize = 40;
    const WORK: Duration = Duration::from_millis(20);

    /// A service with a bottleneck: a call waits until a worker is free.
    #[derive(Clone)]
    struct Bottleneck(Arc<Semaphore>);

    impl Service<Request<Body>> for Bottleneck {
        type Response = Response<Body>;
        type Error = Infallible;
        type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, _: Request<Body>) -> Self::Future {
            let workers = Arc::clone(&self.0);
            Box::pin(async move {
                let _worker = workers.acquire().await;
                sleep(WORK).await;
                Ok(Response::new(Body::empty()))
            })
        }
    }

    /// What came of some seconds of calls.
    struct Load {
        answered: usize,
        p99: Duration,
    }

    /// Makes so many calls in each millisecond, and counts what is answered from the fifth second on.
    async fn load<S>(service: &S, each: usize, seconds: u64) -> Load
    where
        S: Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Clone,
        S::Future: Send + 'static,
    {
        let (mut calls, mut tick) = (JoinSet::new(), interval(Duration::from_millis(1)));
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(seconds) {
            tick.tick().await;
            let counts = start.elapsed() > Duration::from_secs(5);
            for _ in 0..each {
                let mut service = service.clone();
                let request = Request::builder().uri("/a.B/C").body(Body::empty());
                let (begun, call) = (Instant::now(), service.call(request.unwrap()));
                calls.spawn(async move {
                    let Ok(response) = call.await;
                    let refused = response.headers().contains_key("grpc-status");
                    (counts && !refused).then(|| begun.elapsed())
                });
            }
        }
        let mut took: Vec<_> = calls.join_all().await.into_iter().flatten().collect();
        took.sort_unstable();
        Load {
            answered: took.len(),
            p99: took[took.len() * 99 / 100],
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_adaptive_limit_keeps_answers_and_their_time_at_four_times_the_capacity() {
        let service = || Bottleneck(Arc::new(Semaphore::new(WORKERS)));
        let capacity = load(&service(), 2, 10).await;
        let limit = CallLimit::adaptive();
        let overloaded = load(&limit.layer(service()), 8, 10).await;
        let (answered, p99) = (overloaded.answered, overloaded.p99);
        assert!(
            answered >= capacity.answered * 9 / 10,
            "{answered} of {} at capacity",
            capacity.answered
        );
        assert!(p99 <= capacity.p99 * 2, "{p99:?}, {:?}", capacity.p99);
        assert!(limit.most() < WORKERS * 2, "{}", limit.most());
        assert_eq!(limit.running(), 0);
        // Without a limit each call waits for all before it.
        let open = load(&service(), 8, 7).await;
        assert!(open.p99 > capacity.p99 * 100, "{:?}", open.p99);
    }

    #[tokio::test(start_paused = true)]
    async fn an_adaptive_limit_refuses_nothing_that_can_be_done() {
        let limit = CallLimit::adaptive();
        let service = limit.layer(Bottleneck(Arc::new(Semaphore::new(WORKERS))));
        let Load { answered, p99 } = load(&service, 1, 10).await;
        assert!(answered >= 4_990, "{answered}");
        assert!(p99 <= WORK * 2, "{p99:?}");
    }
}
