//! The client: one deadline per request, and every failure typed.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE, HeaderName};
use http::{HeaderMap, Method};
use reqwest::{RequestBuilder, Response};

use crate::access::{Access, Credentials};
use crate::address::Address;
use crate::error::Error;
use crate::grouping_key::GroupingKey;
use crate::tls::RenewedClient;

/// The content type of the text exposition format, which PUT sends.
const TEXT_FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";
/// How much of a refusal's text is repeated in the error.
const EXCERPT_BYTES: usize = 300;

/// A Pushgateway to talk to; clones share their connections. A renewed authority or identity is used from the next request on.
///
/// Redirects are not followed, since a redirected PUT or DELETE becomes a GET, and proxies from the environment are not
/// used, since a gateway stands inside one's own network.
#[derive(Clone)]
pub struct Gateway {
    client: Arc<RenewedClient>,
    address: Address,
    credentials: Credentials,
    timeout: Duration,
}

/// A successful answer whose body is still to be read, chunk by chunk.
#[derive(Debug)]
pub struct Answer {
    response: Response,
    address: String,
    deadline: Duration,
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
        let client = RenewedClient::new(tls, address.is_https(), *timeout)?;
        Ok(Self {
            client: Arc::new(client),
            address: address.clone(),
            credentials: credentials.clone(),
            timeout: *timeout,
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

    async fn send(&self, request: RequestBuilder, deadline: Duration) -> Result<Response, Error> {
        let address = self.address.to_string();
        let response = request
            .timeout(deadline)
            .send()
            .await
            .map_err(|error| broken(address.clone(), deadline, error))?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        Err(Error::Refused {
            address,
            status,
            body: excerpt(response).await,
        })
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
            .map_err(|error| broken(self.address.clone(), self.deadline, error))
    }
}

fn broken(address: String, deadline: Duration, error: reqwest::Error) -> Error {
    if error.is_timeout() {
        Error::TimedOut {
            address,
            after: deadline,
        }
    } else {
        Error::Unreachable {
            address,
            source: error.without_url(),
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
