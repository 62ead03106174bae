//! A server in memory.

use std::collections::BTreeMap;

use super::MAPPING;
use crate::zookeeper::node::{Answer, Kind, Operation};

/// What ZooKeeper keeps: data, version and owner of each node.
#[derive(Clone, Debug, Default)]
pub(super) struct Server {
    pub(super) nodes: BTreeMap<String, (Vec<u8>, i32, i64)>,
    pub(super) members: u32,
    pub(super) session: i64,
}

impl Server {
    pub(super) fn perform(&mut self, operation: &Operation) -> Answer {
        let done = |path: &String| Answer::Done { path: path.clone() };
        match operation {
            Operation::Read { path } => match self.nodes.get(path) {
                Some((data, version, owner)) => Answer::Node {
                    data: data.clone(),
                    version: *version,
                    owner: *owner,
                },
                None => Answer::Absent,
            },
            Operation::Create { path, data, kind } => {
                let mut path = path.clone();
                let owner = if *kind == Kind::Persistent {
                    0
                } else {
                    self.session
                };
                if *kind == Kind::Member {
                    self.members += 1;
                    path = format!("{path}{:010}", self.members);
                }
                if self.nodes.contains_key(&path) {
                    return Answer::Conflict;
                }
                self.nodes.insert(path.clone(), (data.clone(), 0, owner));
                Answer::Done { path }
            }
            Operation::Replace {
                path,
                version,
                data,
            } => match self.nodes.get(path) {
                Some((_, known, _)) if known == version => {
                    self.nodes
                        .insert(path.clone(), (data.clone(), 0, self.session));
                    done(path)
                }
                _ => Answer::Conflict,
            },
            Operation::Write {
                path,
                version,
                data,
            } => match self.nodes.get_mut(path) {
                Some((known, at, _)) if at == version => {
                    (*known, *at) = (data.clone(), *at + 1);
                    done(path)
                }
                _ => Answer::Conflict,
            },
            Operation::Delete { path, version } => match self.nodes.get(path) {
                Some((_, known, _)) if known == version => {
                    self.nodes.remove(path);
                    done(path)
                }
                _ => Answer::Conflict,
            },
            Operation::Owned { prefix } => {
                let own = self
                    .nodes
                    .iter()
                    .filter(|(path, node)| path.starts_with(prefix) && node.2 == self.session);
                Answer::Owned(own.map(|(path, _)| path.clone()).collect())
            }
            Operation::List { path } => {
                let folder = format!("{path}/");
                let children = self.nodes.keys();
                let names = children.filter_map(|path| path.strip_prefix(&folder));
                Answer::Children(names.map(str::to_owned).collect())
            }
        }
    }

    pub(super) fn expire(&mut self, session: i64) {
        self.nodes.retain(|_, node| node.2 != session);
    }

    pub(super) fn set(&mut self, path: &str, data: &str, owner: i64) {
        self.nodes
            .insert(path.to_owned(), (data.as_bytes().to_vec(), 0, owner));
    }

    pub(super) fn below(&self, prefix: &str) -> Vec<(&str, i64)> {
        let nodes = self
            .nodes
            .iter()
            .filter(|(path, _)| path.starts_with(prefix));
        nodes.map(|(path, node)| (path.as_str(), node.2)).collect()
    }

    pub(super) fn mapping(&self) -> &str {
        self.nodes
            .get(MAPPING)
            .map_or("", |node| std::str::from_utf8(&node.0).unwrap())
    }
}
