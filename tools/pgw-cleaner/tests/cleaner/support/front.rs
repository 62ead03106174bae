//! A proxy that understands HTTP and does as it is told with each request.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{Method, Response, StatusCode, header};
use axum::response::IntoResponse;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use parking_lot::Mutex;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// What becomes of a request.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Action {
    /// It is passed on.
    Pass,
    /// It is answered with this status, and not passed on.
    Answer(u16),
    /// It is passed on, and its answer is dated later than it is.
    PassAhead(Duration),
    /// It is passed on, but the answer is replaced by this status.
    LoseAnswer(u16),
}

/// A proxy in front of a gateway, for as long as this value lives.
#[derive(Debug)]
pub(crate) struct Front {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<Method>>>,
    server: JoinHandle<()>,
}

type Decision = Pin<Box<dyn Future<Output = Action> + Send>>;

impl Front {
    /// Starts a proxy that asks `decide` about each request, as [`start`](Self::start) does, and does at once what it says.
    pub(crate) async fn deciding(
        target: String,
        decide: impl Fn(Method, usize) -> Action + Send + Sync + 'static,
    ) -> Self {
        Self::start(target, move |method, before| {
            Box::pin(std::future::ready(decide(method, before)))
        })
        .await
    }

    /// Starts a proxy that asks `decide` about each request: its method, and how many of that method came before it.
    pub(crate) async fn start(
        target: String,
        decide: impl Fn(Method, usize) -> Decision + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("port 0 can be bound");
        let address = listener
            .local_addr()
            .expect("a bound listener has an address");
        let seen: Arc<Mutex<Vec<Method>>> = Arc::default();
        let (methods, decide) = (Arc::clone(&seen), Arc::new(decide));
        let client = Client::builder(TokioExecutor::new()).build_http::<Body>();
        let handler = move |request: Request| {
            let method = request.method().clone();
            // What is asked about the gateway itself is passed on, and does not count.
            if request.uri().path().ends_with("/api/v1/status") {
                let (target, client) = (target.clone(), client.clone());
                return Box::pin(
                    async move { forward(Action::Pass, request, &target, &client).await },
                ) as Pin<Box<dyn Future<Output = Response<Body>> + Send>>;
            }
            let before = {
                let mut methods = methods.lock();
                let before = methods.iter().filter(|earlier| **earlier == method).count();
                methods.push(method.clone());
                before
            };
            let (target, client, decision) =
                (target.clone(), client.clone(), decide(method, before));
            Box::pin(async move { forward(decision.await, request, &target, &client).await })
        };
        let router = Router::new().fallback(handler);
        let server = tokio::spawn(async move {
            axum::serve(listener, router)
                .await
                .expect("a bound listener accepts");
        });
        Self {
            address,
            seen,
            server,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn address(&self) -> String {
        self.address.to_string()
    }

    /// Returns how many requests of a method came.
    pub(crate) fn count(&self, method: &Method) -> usize {
        self.seen
            .lock()
            .iter()
            .filter(|seen| *seen == method)
            .count()
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn forward(
    action: Action,
    request: Request,
    target: &str,
    client: &Client<hyper_util::client::legacy::connect::HttpConnector, Body>,
) -> Response<Body> {
    if let Action::Answer(status) = action {
        return status_of(status).into_response();
    }
    let (mut parts, body) = request.into_parts();
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    parts.uri = format!("{target}{path}")
        .parse()
        .expect("a URL with another host is a URL");
    match (
        client.request(Request::from_parts(parts, body)).await,
        action,
    ) {
        (Err(_), _) => StatusCode::BAD_GATEWAY.into_response(),
        (Ok(_), Action::LoseAnswer(status)) => status_of(status).into_response(),
        (Ok(answer), Action::PassAhead(by)) => dated_later(answer, by).map(Body::new),
        (Ok(answer), _) => answer.map(Body::new),
    }
}

fn status_of(status: u16) -> StatusCode {
    StatusCode::from_u16(status).expect("the test gives a status")
}

fn dated_later<B>(mut answer: Response<B>, by: Duration) -> Response<B> {
    let date = httpdate::fmt_http_date(SystemTime::now() + by);
    answer
        .headers_mut()
        .insert(header::DATE, date.parse().expect("a date is a header"));
    answer
}
