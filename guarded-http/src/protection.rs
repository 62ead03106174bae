//! What stands before a port beyond its limits.

use axum::Router;
use credentials::ServerTls;

use crate::login::Login;

/// What stands before a port beyond its limits: nothing, unless it is set.
#[derive(Clone, Debug, Default)]
pub struct Protection {
    /// What is sent cannot be read or changed on its way.
    pub tls: Option<ServerTls>,
    /// Only who knows a password gets an answer.
    pub login: Option<Login>,
}

impl Protection {
    /// Asks for the login, if there is one, before anything of these routes is answered, unknown paths included.
    pub fn protect<S: Clone + Send + Sync + 'static>(&self, router: Router<S>) -> Router<S> {
        match &self.login {
            Some(login) => login.protect(router),
            None => router,
        }
    }
}
