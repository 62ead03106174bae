//! A provider in this process whose capacity is known: a greeting each 5 ms.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use greet::greet_service_server::{GreetService, GreetServiceServer};
use greet::{GreetRequest, GreetResponse};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep};
use tonic::{Request, Response, Status};
use tower::util::MapRequestLayer;
use triple::{CallLimit, Peer, Provider, Runtime, Serving, Shape};

/// How many calls the provider works on at a time, and for how long on each.
const WORKERS: usize = 10;
const WORK: Duration = Duration::from_millis(50);

/// How long a call computes, on the one thread that there is for calls.
const COMPUTING: Duration = Duration::from_millis(5);

/// What a greeting takes.
#[derive(Clone, Debug)]
pub enum Work {
    /// One of ten workers for 50 ms, as a call that needs a connection of a pool.
    Worker(Arc<Semaphore>),
    /// The only thread for 5 ms.
    Processor,
}

impl Work {
    /// Returns work for workers that are all free.
    #[must_use]
    pub fn worker() -> Self {
        Self::Worker(Arc::new(Semaphore::new(WORKERS)))
    }
}

#[derive(Debug)]
struct Greeter {
    work: Work,
}

#[tonic::async_trait]
impl GreetService for Greeter {
    async fn greet(
        &self,
        request: Request<GreetRequest>,
    ) -> Result<Response<GreetResponse>, Status> {
        match &self.work {
            Work::Worker(workers) => {
                let _worker = workers.acquire().await;
                sleep(WORK).await;
            }
            Work::Processor => {
                let start = Instant::now();
                while start.elapsed() < COMPUTING {
                    std::hint::spin_loop();
                }
            }
        }
        let greeting = format!("hello {}", request.into_inner().name);
        Ok(Response::new(GreetResponse { greeting }))
    }
}

/// A provider in this process, on threads of its own.
#[derive(Debug)]
pub struct Overloaded {
    serving: Serving,
    runtime: Runtime,
    attempts: Arc<AtomicUsize>,
}

impl Overloaded {
    /// Starts a provider on a free port, with one thread for calls.
    ///
    /// # Panics
    /// When there are no threads or ports left.
    pub async fn start(work: Work, limit: Option<CallLimit>) -> Self {
        let runtime = Runtime::with_workers(Shape::Adaptive, NonZeroUsize::MIN);
        let runtime = runtime.expect("there are threads");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let attempts = Arc::<AtomicUsize>::default();
        let counted = Arc::clone(&attempts);
        let mut provider = Provider::new("overloaded").layer(MapRequestLayer::new(
            move |request: http::Request<tonic::body::Body>| {
                if Peer::of_http(&request).application.is_some() {
                    counted.fetch_add(1, Ordering::Relaxed);
                }
                request
            },
        ));
        if let Some(limit) = limit {
            provider = provider.layer(limit);
        }
        let serving = provider
            .service(
                GreetServiceServer::new(Greeter { work }),
                greet::FILE_DESCRIPTOR_SET,
            )
            .expect("the descriptors are those of the service")
            .serve(listener, runtime.workers())
            .await
            .expect("the provider serves");
        Self {
            serving,
            runtime,
            attempts,
        }
    }

    /// Returns its `host:port`.
    #[must_use]
    pub fn address(&self) -> String {
        self.serving.address().to_string()
    }

    /// Returns how many calls consumers have tried on it; callers that name no application are not counted.
    pub(crate) fn attempts(&self) -> usize {
        self.attempts.load(Ordering::Relaxed)
    }

    pub(crate) fn serving(&mut self) -> &mut Serving {
        &mut self.serving
    }

    /// Leaves after this time, and ends its threads.
    pub async fn leave(self, wait: Duration) {
        self.serving.leave(wait).await;
        drop(self.runtime);
    }
}
