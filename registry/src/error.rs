//! What can go wrong between this process and the registry.

use std::time::Duration;

/// Why the registry could not do what it was asked for.
///
/// No variant carries credentials: those of the configuration are never part of a message.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A name cannot be part of a ZooKeeper path.
    #[error("the {what} {value:?} cannot be registered: {reason}")]
    Name {
        /// What the name is for.
        what: &'static str,
        /// The name.
        value: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The registry was closed, or the announcement withdrawn, before it was done.
    #[error("the registry was closed")]
    Closed,
    /// The registry did not confirm within the deadline.
    #[error("the registry did not confirm within {0:?}")]
    Deadline(Duration),
    /// The address of ZooKeeper can't be read.
    #[error(
        "{address:?} is not the address of a ZooKeeper, which is host:port[,host:port…][/chroot]: {reason}"
    )]
    Address {
        /// The address.
        address: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The credentials for ZooKeeper can't be read. They are not shown.
    #[error(
        "credentials for ZooKeeper are written scheme:credentials, such as digest:user:password"
    )]
    Auth,
    /// A registry on ZooKeeper was asked for outside of a tokio runtime.
    #[error("the registry works in the background and has to be connected within a tokio runtime")]
    Runtime,
    /// ZooKeeper does not accept the credentials.
    #[error(
        "ZooKeeper refuses the credentials of scheme {scheme:?}: check them, and the server's authentication providers and \
         enforce.auth.schemes; of SASL it is DIGEST-MD5 that is spoken (sasl:user:password)"
    )]
    Credentials {
        /// The scheme.
        scheme: String,
    },
    /// ZooKeeper gives sessions only to clients that authenticate themselves.
    #[error(
        "ZooKeeper at {hosts} wants its clients authenticated: give this process credentials (zk-auth) of a scheme in its \
         enforce.auth.schemes, or for SASL sasl:user:password"
    )]
    CredentialsWanted {
        /// The hosts.
        hosts: String,
    },
    /// ZooKeeper's access control list does not allow it.
    #[error(
        "ZooKeeper denies to {action} {path}: give this process credentials that its access control list allows (zk-auth), or \
         change the list (setAcl)"
    )]
    Denied {
        /// What was tried: read, list, create, write or delete.
        action: &'static str,
        /// The node.
        path: String,
    },
    /// No ZooKeeper answers within TLS.
    #[error("no ZooKeeper answers over TLS at {hosts}: {reason}")]
    Tls {
        /// The hosts that were tried.
        hosts: String,
        /// What was wrong last.
        reason: String,
    },
    /// No ZooKeeper answers.
    #[error("no ZooKeeper answers at {hosts}: {reason}")]
    Unreachable {
        /// The hosts that were tried.
        hosts: String,
        /// What is wrong with each of them, such as a name that cannot be resolved.
        reason: String,
        /// What the client says.
        cause: zookeeper_client::Error,
    },
    /// ZooKeeper, or the connection to it, failed in the middle of something.
    #[error("ZooKeeper failed to {action} {path}: {cause}")]
    ZooKeeper {
        /// What was tried: read, list, create, write or delete.
        action: &'static str,
        /// The node.
        path: String,
        /// What the client says.
        cause: zookeeper_client::Error,
    },
}
