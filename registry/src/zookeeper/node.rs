//! Reading and writing single nodes: what the state machines ask for, done on a client.

use zookeeper_client::{
    Acl, Acls, Client, CreateMode, Error as ZkError, OneshotWatcher, Permission, Stat,
};

use super::{config::NodeAccess, path, watch::Watch};
use crate::Error;

/// What an announcement wants done next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    /// Read a node and watch it, or watch for it where it is absent.
    Read { path: String },
    /// Create a node, and its parents where they are missing.
    Create {
        path: String,
        data: Vec<u8>,
        kind: Kind,
    },
    /// Delete a node at this version and create an ephemeral one of ours in its place, in one transaction, so that no
    /// reader ever finds the place empty.
    Replace {
        path: String,
        version: i32,
        data: Vec<u8>,
    },
    /// Write a node if it still has this version.
    Write {
        path: String,
        version: i32,
        data: Vec<u8>,
    },
    /// Delete a node if it still has this version.
    Delete { path: String, version: i32 },
    /// List the ephemeral nodes of this session whose paths begin so.
    Owned { prefix: String },
    /// List the children of a node.
    List { path: String },
}

/// What kind of node to create.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Persistent,
    Ephemeral,
    /// Ephemeral, with a number that ZooKeeper appends, and readable to all.
    Member,
}

/// What came of an [`Operation`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// The node that was read; `owner` is a session, or 0 for a persistent node.
    Node {
        data: Vec<u8>,
        version: i32,
        owner: i64,
    },
    /// There is no such node.
    Absent,
    /// It was done; for a creation, at this path.
    Done { path: String },
    /// Another process was faster: read again.
    Conflict,
    /// The nodes of this session.
    Owned(Vec<String>),
    /// The names of the children.
    Children(Vec<String>),
}

/// Nodes with these rights are made by a process that has authenticated itself.
static CREATOR_AND_READERS: [Acl; 2] = [
    Acl::new_const(Permission::ALL, "auth", ""),
    Acl::new_const(Permission::READ, "world", "anyone"),
];

/// A client, and what it has learnt about its session.
#[derive(Clone, Debug)]
pub(super) struct ZkClient {
    pub(super) client: Client,
    /// Whether it has authenticated itself.
    pub(super) authenticated: bool,
    /// Who may read the nodes of a process that has.
    pub(super) access: NodeAccess,
    /// Whether the server is older than 3.6, and may be 3.4. To a request that it doesn't know it says so, and closes the connection.
    pub(super) old: bool,
}

impl ZkClient {
    /// Does what an announcement asks for; the watcher is that of a read.
    pub(super) async fn perform(
        &self,
        operation: &Operation,
    ) -> Result<(Answer, Option<Watch>), Error> {
        let done = |path: &str| Answer::Done {
            path: path.to_owned(),
        };
        let answer = match operation {
            Operation::Read { path } => {
                let (node, watcher) = self.read(path).await?;
                let answer = node.map_or(Answer::Absent, |(data, stat)| Answer::Node {
                    data,
                    version: stat.version,
                    owner: stat.ephemeral_owner,
                });
                return Ok((answer, Some(watcher)));
            }
            Operation::Create { path, data, kind } => match self.create(path, data, *kind).await {
                Ok(path) => Answer::Done { path },
                Err(ZkError::NodeExists) => Answer::Conflict,
                Err(error) => return Err(failed("create", path, error)),
            },
            Operation::Replace {
                path,
                version,
                data,
            } => match self.replace(path, *version, data).await {
                Ok(()) => done(path),
                Err(ZkError::BadVersion | ZkError::NoNode | ZkError::NodeExists) => {
                    Answer::Conflict
                }
                Err(error) => return Err(failed("replace", path, error)),
            },
            Operation::Write {
                path,
                version,
                data,
            } => match self.client.set_data(path, data, Some(*version)).await {
                Ok(_) => done(path),
                Err(ZkError::BadVersion | ZkError::NoNode) => Answer::Conflict,
                Err(error) => return Err(failed("write", path, error)),
            },
            Operation::Delete { path, version } => {
                match self.client.delete(path, Some(*version)).await {
                    Ok(()) => done(path),
                    Err(ZkError::BadVersion | ZkError::NoNode) => Answer::Conflict,
                    Err(error) => return Err(failed("delete", path, error)),
                }
            }
            Operation::Owned { prefix } => match self.owned(prefix).await {
                Ok(paths) => Answer::Owned(paths),
                Err(error) => return Err(failed("list", prefix, error)),
            },
            Operation::List { path } => {
                let children = self.children(path).await?;
                children.map_or(Answer::Absent, Answer::Children)
            }
        };
        Ok((answer, None))
    }

    /// Reads a node and watches it; where it is absent, watches for it to come.
    pub(super) async fn read(&self, path: &str) -> Result<(Option<(Vec<u8>, Stat)>, Watch), Error> {
        loop {
            match self.client.get_and_watch_data(path).await {
                Ok((data, stat, watcher)) => return Ok((Some((data, stat)), self.watch(watcher))),
                Err(ZkError::NoNode) => {}
                Err(error) => return Err(failed("read", path, error)),
            }
            if let Some(watcher) = self.await_node(path).await? {
                return Ok((None, watcher));
            }
        }
    }

    /// Lists a node's children and watches them; where it is absent, watches for it to come.
    pub(super) async fn list(&self, path: &str) -> Result<(Option<Vec<String>>, Watch), Error> {
        loop {
            match self.client.list_and_watch_children(path).await {
                Ok((children, watcher)) => return Ok((Some(children), self.watch(watcher))),
                Err(ZkError::NoNode) => {}
                Err(error) => return Err(failed("list", path, error)),
            }
            if let Some(watcher) = self.await_node(path).await? {
                return Ok((None, watcher));
            }
        }
    }

    /// Reads a node, and watches it only if it is there and `watch` says so.
    pub(super) async fn peek(
        &self,
        path: &str,
        watch: bool,
    ) -> Result<Option<(Vec<u8>, Stat, Option<Watch>)>, Error> {
        let result = if watch {
            self.client
                .get_and_watch_data(path)
                .await
                .map(|(data, stat, watcher)| (data, stat, Some(self.watch(watcher))))
        } else {
            self.client
                .get_data(path)
                .await
                .map(|(data, stat)| (data, stat, None))
        };
        match result {
            Ok(found) => Ok(Some(found)),
            Err(ZkError::NoNode) => Ok(None),
            Err(error) => Err(failed("read", path, error)),
        }
    }

    /// Counts one more at this node, and returns how many were counted before: a node has a version, which each write raises by one.
    pub(super) async fn count(&self, path: &str) -> Result<u32, Error> {
        let before = loop {
            match self.client.set_data(path, &[], None).await {
                // Created at version 0.
                Ok(stat) => break stat.version.wrapping_sub(1),
                Err(ZkError::NoNode) => match self.create(path, &[], Kind::Persistent).await {
                    Ok(_) | Err(ZkError::NodeExists) => {}
                    Err(error) => return Err(failed("create", path, error)),
                },
                Err(error) => return Err(failed("write", path, error)),
            }
        };
        Ok(before.cast_unsigned())
    }

    /// Lists a node's children without a watch.
    pub(super) async fn children(&self, path: &str) -> Result<Option<Vec<String>>, Error> {
        match self.client.list_children(path).await {
            Ok(children) => Ok(Some(children)),
            Err(ZkError::NoNode) => Ok(None),
            Err(error) => Err(failed("list", path, error)),
        }
    }

    /// Returns the watch for an absent node, or nothing when the node has just come.
    async fn await_node(&self, path: &str) -> Result<Option<Watch>, Error> {
        match self.client.check_and_watch_stat(path).await {
            Ok((found, watcher)) => {
                let watch = self.watch(watcher);
                Ok(found.is_none().then_some(watch))
            }
            Err(error) => Err(failed("read", path, error)),
        }
    }

    async fn create(&self, path: &str, data: &[u8], kind: Kind) -> Result<String, ZkError> {
        let mode = match kind {
            Kind::Persistent => CreateMode::Persistent,
            Kind::Ephemeral => CreateMode::Ephemeral,
            Kind::Member => CreateMode::EphemeralSequential,
        };
        let acls = self.acls(kind);
        let options = mode.with_acls(acls);
        let created = match self.client.create(path, data, &options).await {
            Err(ZkError::NoNode) => {
                self.client
                    .mkdir(path::parent(path), &CreateMode::Persistent.with_acls(acls))
                    .await?;
                self.client.create(path, data, &options).await?
            }
            result => result?,
        };
        Ok(if kind == Kind::Member {
            format!("{path}{}", created.1)
        } else {
            path.to_owned()
        })
    }

    fn watch(&self, watcher: OneshotWatcher) -> Watch {
        if self.old {
            Watch::kept(watcher)
        } else {
            Watch::removable(watcher)
        }
    }

    /// Returns the ephemeral nodes of this session whose paths begin so.
    async fn owned(&self, prefix: &str) -> Result<Vec<String>, ZkError> {
        if !self.old {
            return self.client.list_ephemerals(prefix).await;
        }
        let folder = path::parent(prefix);
        let session = self.client.session_id().0;
        let children = match self.client.list_children(folder).await {
            Err(ZkError::NoNode) => Vec::new(),
            children => children?,
        };
        let mut owned = Vec::new();
        for child in children {
            let path = format!("{folder}/{child}");
            if path.starts_with(prefix)
                && let Some(stat) = self.client.check_stat(&path).await?
                && stat.ephemeral_owner == session
            {
                owned.push(path);
            }
        }
        Ok(owned)
    }

    async fn replace(&self, path: &str, version: i32, data: &[u8]) -> Result<(), ZkError> {
        let options = CreateMode::Ephemeral.with_acls(self.acls(Kind::Ephemeral));
        if self.old {
            // The client writes transactions as servers since 3.5 read them. In between the place is empty for a moment.
            self.client.delete(path, Some(version)).await?;
            self.client.create(path, data, &options).await?;
            return Ok(());
        }
        let mut writer = self.client.new_multi_writer();
        writer.add_delete(path, Some(version))?;
        writer.add_create(path, data, &options)?;
        writer.commit().await?;
        Ok(())
    }

    /// Who may do what with nodes of this kind and their parents.
    pub(super) fn acls(&self, kind: Kind) -> Acls<'static> {
        match (self.authenticated, self.access, kind) {
            (false, ..) => Acls::anyone_all(),
            (true, NodeAccess::Readable, _) | (true, _, Kind::Member) => {
                Acls::new(&CREATOR_AND_READERS)
            }
            (true, NodeAccess::Private, _) => Acls::creator_all(),
        }
    }
}

/// Says what failed, in words that tell what to repair.
pub(super) fn failed(action: &'static str, path: &str, error: ZkError) -> Error {
    let path = path.to_owned();
    match error {
        ZkError::NoAuth | ZkError::InvalidAcl => Error::Denied { action, path },
        cause => Error::ZooKeeper {
            action,
            path,
            cause,
        },
    }
}
