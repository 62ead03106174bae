//! The node of one service in its interface's list of providers, or of a consumer: a name, which is a URL, without data.
//!
//! The URL tells when its process was started, so the node that a killed process leaves has another name than its successor's. It
//! is removed once ours is there: otherwise consumers would list one address twice until the session has ended.

use super::{
    super::{
        node::{Answer, Kind, Operation},
        url,
    },
    place::{Next, Place},
};

/// One URL, and what is known of its node.
#[derive(Debug)]
pub(super) struct UrlNode {
    folder: String,
    name: String,
    place: Place,
    /// Whether the nodes of processes before this one are looked for.
    has_leftovers: bool,
    /// Whether they have been, in this session.
    cleaned: bool,
    /// The names that are left to be removed.
    leftovers: Vec<String>,
}

impl UrlNode {
    pub(super) fn new(folder: String, name: String) -> Self {
        Self {
            folder,
            name,
            place: Place::Unknown,
            has_leftovers: true,
            cleaned: false,
            leftovers: Vec::new(),
        }
    }

    /// Makes a node beside which those of processes before this one stay until their sessions end.
    pub(super) fn without_leftovers(folder: String, name: String) -> Self {
        Self {
            has_leftovers: false,
            ..Self::new(folder, name)
        }
    }

    /// Begins anew on another connection.
    pub(super) fn begin(&mut self, new_session: bool) {
        self.leftovers.clear();
        if new_session {
            (self.place, self.cleaned) = (Place::Unknown, false);
        }
    }

    pub(super) fn first(&self) -> Operation {
        let path = match self.leftovers.last() {
            Some(name) => self.path(name),
            None => self.own_path(),
        };
        Operation::Read { path }
    }

    fn own_path(&self) -> String {
        self.path(&self.name)
    }

    fn path(&self, name: &str) -> String {
        format!("{}/{name}", self.folder)
    }

    pub(super) fn answered(&mut self, answer: Answer, session: i64) -> Next {
        if let Some(name) = self.leftovers.last() {
            return match answer {
                Answer::Node { version, owner, .. } if owner != session => {
                    Next::Perform(Operation::Delete {
                        path: self.path(name),
                        version,
                    })
                }
                _ => {
                    self.leftovers.pop();
                    // The watch of our own node was given up for those of the leftovers.
                    Next::Again
                }
            };
        }
        let path = self.own_path();
        match answer {
            Answer::Node { owner, .. } if owner == session => {
                self.place = self.place.held();
                if self.cleaned || !self.has_leftovers {
                    return Next::Met;
                }
                let path = self.folder.clone();
                Next::Perform(Operation::List { path })
            }
            Answer::Node { version, owner, .. } => self.place.claim(
                Some(owner),
                Operation::Replace {
                    path,
                    version,
                    data: Vec::new(),
                },
            ),
            // Another process at this address has another URL, and removes ours.
            Answer::Absent => self.place.claim(
                None,
                Operation::Create {
                    path,
                    data: Vec::new(),
                    kind: Kind::Ephemeral,
                },
            ),
            Answer::Children(names) => {
                self.cleaned = true;
                self.leftovers = url::leftovers(&self.name, names);
                match self.leftovers.is_empty() {
                    true => Next::Met,
                    false => Next::Again,
                }
            }
            _ => Next::Again,
        }
    }

    pub(super) fn taken_back(&self, answer: &Answer, own: impl Fn(i64) -> bool) -> Next {
        match answer {
            Answer::Node { version, owner, .. } if own(*owner) => {
                Next::Perform(Operation::Delete {
                    path: self.own_path(),
                    version: *version,
                })
            }
            _ => Next::Met,
        }
    }
}
