//! Basic authentication.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use credentials::Secret;
use ring::hmac;
use ring::rand::SystemRandom;
use tracing::warn;

use crate::connection::PeerAddress;
use crate::guesses::Guesses;

/// A user with a password; `Debug` shows the user's name alone.
///
/// The password is compared in a time that tells nothing about it. Its file, if it is in one, is read for each request; while it
/// cannot be read or is empty, every login is refused.
#[derive(Clone)]
pub struct Login(Arc<Inner>);

struct Inner {
    user: String,
    password: Secret,
    /// Random, of this process: two texts are equal when their tags are, and a tag tells nothing about its text.
    key: hmac::Key,
    failing: AtomicBool,
    guesses: Guesses,
}

/// Why a user and a password are no login.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoginError {
    /// The user's name cannot be sent.
    #[error("a user's name must hold no colon, and must not be empty")]
    User,
    /// The password is empty, which would accept every login.
    #[error("the password is empty")]
    NoPassword,
    /// The password cannot be read.
    #[error(transparent)]
    Password(#[from] credentials::Error),
    /// The system has no random numbers.
    #[error("the system has no random numbers")]
    Random,
}

impl Login {
    /// Makes a login.
    ///
    /// # Errors
    /// When the name is empty or holds a colon, or the password is empty or cannot be read.
    pub fn new(user: impl Into<String>, password: Secret) -> Result<Self, LoginError> {
        let user = user.into();
        if user.is_empty() || user.contains(':') {
            return Err(LoginError::User);
        }
        if password.read_now()?.is_empty() {
            return Err(LoginError::NoPassword);
        }
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new())
            .map_err(|_| LoginError::Random)?;
        Ok(Self(Arc::new(Inner {
            user,
            password,
            key,
            failing: AtomicBool::new(false),
            guesses: Guesses::default(),
        })))
    }

    pub(crate) fn protect<S: Clone + Send + Sync + 'static>(&self, router: Router<S>) -> Router<S> {
        router.layer(from_fn_with_state(self.clone(), ask))
    }

    async fn admits(&self, headers: &HeaderMap) -> Result<bool, Unavailable> {
        let Inner {
            user,
            password,
            key,
            failing,
            ..
        } = &*self.0;
        let password = match password.read().await {
            Ok(password) if !password.is_empty() => password,
            wrong => {
                if !failing.swap(true, Ordering::Relaxed) {
                    let reason = wrong
                        .err()
                        .map_or_else(|| "it is empty".into(), |error| error.to_string());
                    warn!("no login is possible: the password cannot be read: {reason}");
                }
                return Err(Unavailable);
            }
        };
        failing.store(false, Ordering::Relaxed);
        let expected = hmac::sign(key, format!("{user}:{password}").as_bytes());
        let given = given(headers).unwrap_or_default();
        Ok(hmac::verify(key, &given, expected.as_ref()).is_ok())
    }
}

/// The password cannot be read now.
struct Unavailable;

/// Returns what `Authorization: Basic` carries: `user:password` (RFC 7617).
fn given(headers: &HeaderMap) -> Option<Vec<u8>> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, encoded) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    STANDARD.decode(encoded.trim()).ok()
}

async fn ask(State(login): State<Login>, request: Request, next: Next) -> Response {
    let guesses = &login.0.guesses;
    let peer = request.extensions().get::<PeerAddress>().map(|peer| peer.0);
    let guessing = request.headers().contains_key(header::AUTHORIZATION);
    if let Some(pause) = peer
        .and_then(|peer| guesses.pause(peer))
        .filter(|_| guessing)
    {
        let seconds = pause.as_secs() + 1;
        return (
            StatusCode::TOO_MANY_REQUESTS,
            [(header::RETRY_AFTER, seconds.to_string())],
            "too many wrong passwords came from this address: it has to wait\n",
        )
            .into_response();
    }
    match login.admits(request.headers()).await {
        Ok(true) => {
            if let Some(peer) = peer {
                guesses.right(peer);
            }
            next.run(request).await
        }
        Ok(false) => {
            if let Some(peer) = peer.filter(|_| guessing) {
                guesses.wrong(peer);
            }
            let challenge = "Basic realm=\"metrics\", charset=\"UTF-8\"";
            (
                StatusCode::UNAUTHORIZED,
                [(header::WWW_AUTHENTICATE, challenge)],
                "wrong user or password\n",
            )
                .into_response()
        }
        Err(Unavailable) => (
            StatusCode::SERVICE_UNAVAILABLE,
            "no login is possible now; the log of the process says why\n",
        )
            .into_response(),
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login")
            .field("user", &self.0.user)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn login(user: &str, password: &str) -> Result<Login, LoginError> {
        Login::new(user, Secret::text(password))
    }

    async fn admitted(login: &Login, authorization: &str) -> bool {
        let value = HeaderValue::from_str(authorization).unwrap();
        let headers = HeaderMap::from_iter([(header::AUTHORIZATION, value)]);
        login.admits(&headers).await.is_ok_and(|admitted| admitted)
    }

    fn basic(text: &str) -> String {
        format!("Basic {}", STANDARD.encode(text))
    }

    #[tokio::test]
    async fn only_the_user_with_the_password_gets_in() {
        let login = login("prometheus", "pass:wörd").unwrap();
        assert!(admitted(&login, &basic("prometheus:pass:wörd")).await);
        assert!(
            admitted(
                &login,
                &basic("prometheus:pass:wörd").replace("Basic", "bASIC")
            )
            .await
        );
        for wrong in [
            basic("prometheus:pass:word"),
            basic("prometheus:pass:wörd "),
            basic("prometheus:"),
            basic("Prometheus:pass:wörd"),
            basic(":pass:wörd"),
            basic(""),
            "Basic".to_owned(),
            "Basic !!!".to_owned(),
            basic("prometheus:pass:wörd").replace("Basic", "Bearer"),
        ] {
            assert!(!admitted(&login, &wrong).await, "{wrong}");
        }
        let nothing = login.admits(&HeaderMap::new()).await;
        assert!(nothing.is_ok_and(|admitted| !admitted));
    }

    #[test]
    fn what_would_admit_every_caller_is_refused() {
        assert!(matches!(login("", "x"), Err(LoginError::User)));
        assert!(matches!(login("a:b", "x"), Err(LoginError::User)));
        assert!(matches!(login("a", ""), Err(LoginError::NoPassword)));
    }

    #[tokio::test]
    async fn a_password_file_is_read_for_each_request_and_no_client_gets_in_without_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("password");
        std::fs::write(&file, "first\n").unwrap();
        let login = Login::new("a", Secret::file(&file).unwrap()).unwrap();
        assert!(admitted(&login, &basic("a:first")).await);
        std::fs::write(&file, "second\n").unwrap();
        assert!(!admitted(&login, &basic("a:first")).await);
        assert!(admitted(&login, &basic("a:second")).await);
        std::fs::write(&file, "\n").unwrap();
        assert!(!admitted(&login, &basic("a:")).await);
        std::fs::remove_file(&file).unwrap();
        assert!(login.admits(&HeaderMap::new()).await.is_err());
    }

    #[test]
    fn debug_shows_no_password() {
        let shown = format!("{:?}", login("prometheus", "hunter2").unwrap());
        assert!(
            shown.contains("prometheus") && !shown.contains("hunter2"),
            "{shown}"
        );
    }
}
