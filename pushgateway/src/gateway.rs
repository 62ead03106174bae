//! The client: one deadline per request, and every failure typed.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE, HeaderName, LOCATION};
use http::{HeaderMap, Method};
use reqwest::{Request, RequestBuilder, Response};

use crate::access::{Access, Credentials};
use crate::address::Address;
use crate::error::{Error, with_causes};
use crate::grouping_key::GroupingKey;
use crate::mistake::{self, Refusal};
use crate::proxy::Route;
use crate::tls::RenewedClient;

/// The content type of the text exposition format, which PUT sends.
const TEXT_FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";
/// How much of a refusal's text is repeated in the error.
const EXCERPT_BYTES: usize = 300;

/// A Pushgateway to talk to; clones share their connections. A renewed authority or identity is used from the next request on.
///
/// Redirects are not followed, since a redirected PUT or DELETE becomes a GET. Proxies are those that curl would take from the
/// environment, but never for a gateway on this host.
#[derive(Clone)]
pub struct Gateway {
    client: Arc<RenewedClient>,
    address: Address,
    credentials: Credentials,
    timeout: Duration,
    route: Arc<Route>,
}

/// A successful answer whose body is still to be read, chunk by chunk.
#[derive(Debug)]
pub struct Answer {
    response: Response,
    address: String,
    deadline: Duration,
    route: Arc<Route>,
}

impl Gateway {
    /// Makes a client; no request is sent yet.
    ///
    /// # Errors
    /// When a certificate or key cannot be read or used, or the system has no authorities and an `https` address needs them.
    pub fn new(access: &Access) -> Result<Self, Error> {
        let Access {
            address,
            credentials,
            tls,
            timeout,
        } = access;
        let route = Arc::new(Route::to(address));
        let client = RenewedClient::new(tls, address.is_https(), *timeout, Arc::clone(&route))?;
        Ok(Self {
            client: Arc::new(client),
            address: address.clone(),
            credentials: credentials.clone(),
            timeout: *timeout,
            route,
        })
    }

    /// Returns where the gateway is.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Replaces everything in a group with a body in Prometheus's text format.
    ///
    /// # Errors
    /// When the gateway cannot be reached, does not answer in time, or refuses.
    pub async fn put(&self, key: &GroupingKey, body: impl Into<Bytes>) -> Result<(), Error> {
        let request = self.request(Method::PUT, &key.path()).await?;
        self.send(
            request.header(CONTENT_TYPE, TEXT_FORMAT).body(body.into()),
            self.timeout,
        )
        .await?;
        Ok(())
    }

    /// Deletes a group; a group that does not exist is no error, as the gateway does not tell the difference.
    ///
    /// # Errors
    /// When the gateway cannot be reached, does not answer in time, or refuses.
    pub async fn delete(&self, key: &GroupingKey) -> Result<(), Error> {
        let request = self.request(Method::DELETE, &key.path()).await?;
        self.send(request, self.timeout).await?;
        Ok(())
    }

    /// Reads a path below the base path, such as `/api/v1/metrics`; the deadline includes the body.
    ///
    /// # Errors
    /// When the gateway cannot be reached, does not answer in time, or refuses.
    pub async fn get(
        &self,
        path: &str,
        accept: &'static str,
        deadline: Duration,
    ) -> Result<Answer, Error> {
        let request = self.request(Method::GET, path).await?;
        let request = request
            .header(ACCEPT, accept)
            .header(CACHE_CONTROL, "no-cache");
        let response = self.send(request, deadline).await?;
        Ok(Answer {
            response,
            address: self.address.to_string(),
            deadline,
            route: Arc::clone(&self.route),
        })
    }

    async fn request(&self, method: Method, path: &str) -> Result<RequestBuilder, Error> {
        let client = self.client.current().await?;
        let request = client.request(method, self.address.join(path));
        Ok(match &self.credentials {
            Credentials::None => request,
            Credentials::Basic { user, password } => {
                request.basic_auth(user, Some(password.read().await?))
            }
            Credentials::Bearer(token) => request.bearer_auth(token.read().await?),
        })
    }

    /// Sends a request, and takes nothing but a success for an answer.
    async fn send(&self, request: RequestBuilder, deadline: Duration) -> Result<Response, Error> {
        let (client, request) = request.timeout(deadline).build_split();
        let request = request.map_err(Error::Setup)?;
        let (path, changes) = (self.below(&request), request.method() != Method::GET);
        let response = client
            .execute(request)
            .await
            .map_err(|error| broken(self.address.to_string(), deadline, error, &self.route))?;
        let (status, html) = (response.status(), is_html(&response));
        // A gateway answers a change without a text; a page comes from what stands before it, or in its place.
        if status.is_success() && !(changes && html) {
            return Ok(response);
        }
        let location = header(&response, LOCATION).map(str::to_owned);
        let body = excerpt(response).await;
        let refusal = Refusal {
            address: &self.address,
            path: &path,
            status,
            location: location.as_deref(),
            html,
            body: &body,
        };
        let hint = refusal.hint() + &self.route.hint();
        let body = if html {
            mistake::title(&body).to_owned()
        } else {
            body
        };
        Err(Error::Refused {
            address: self.address.to_string(),
            status,
            body,
            hint,
        })
    }

    /// Returns the path of a request below the base path.
    fn below(&self, request: &Request) -> String {
        let url = request.url().as_str();
        let below = url.strip_prefix(&self.address.to_string());
        below.unwrap_or_else(|| request.url().path()).to_owned()
    }
}

impl Answer {
    /// Returns the gateway's address, without user information.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Returns a header's value, if it is there and is text.
    pub fn header(&self, name: HeaderName) -> Option<&str> {
        let headers: &HeaderMap = self.response.headers();
        headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// Returns the next piece of the body, or `None` at its end.
    ///
    /// # Errors
    /// When the connection breaks or the deadline passes before the end.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Error> {
        self.response
            .chunk()
            .await
            .map_err(|error| broken(self.address.clone(), self.deadline, error, &self.route))
    }
}

fn header(response: &Response, name: HeaderName) -> Option<&str> {
    response.headers().get(name)?.to_str().ok()
}

fn is_html(response: &Response) -> bool {
    header(response, CONTENT_TYPE).is_some_and(|kind| kind.starts_with("text/html"))
}

fn broken(address: String, deadline: Duration, error: reqwest::Error, route: &Route) -> Error {
    let mut hint = route.hint();
    if address.starts_with("https") && with_causes(&error).contains("InvalidContentType") {
        hint.push_str(" (it does not speak TLS: begin its URL with http://)");
    }
    if error.is_connect() && hint.is_empty() {
        hint = mistake::port(&address);
    }
    if error.is_timeout() {
        Error::TimedOut {
            address,
            after: deadline,
            hint,
        }
    } else {
        Error::Unreachable {
            address,
            source: error.without_url(),
            hint,
        }
    }
}

/// Returns the beginning of a refusal's text on one line, without control characters.
async fn excerpt(mut response: Response) -> String {
    let mut text = Vec::new();
    while text.len() < EXCERPT_BYTES {
        match response.chunk().await {
            Ok(Some(chunk)) => text.extend_from_slice(&chunk),
            Ok(None) | Err(_) => break,
        }
    }
    text.truncate(EXCERPT_BYTES);
    let text = String::from_utf8_lossy(&text);
    text.split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .replace(char::is_control, "")
}

impl fmt::Debug for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gateway")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}
