//! One entry of an announcement, and what each answer means for it.

use super::{
    super::{
        mapping,
        node::{Answer, Kind, Operation},
        path, url,
    },
    place::{Next, Place},
    url::UrlNode,
};
use crate::{Reference, Registration, ScrapeTarget};

/// One thing that has to be in place.
#[derive(Debug)]
pub(super) enum DesiredEntry {
    /// The application is in the mapping of an interface.
    Mapping { path: String, application: String },
    /// The instance is at its path, with our data and in our session.
    Instance {
        path: String,
        data: Vec<u8>,
        place: Place,
    },
    /// A provider or a consumer is in the list of its interface, in our session.
    Url(UrlNode),
    /// There is a node that belongs to no session.
    Folder { path: String },
    /// There is one member with our data in our session.
    Member { data: Vec<u8>, member: Member },
}

/// What is known of our member, whose name ZooKeeper chose.
#[derive(Debug)]
pub(super) enum Member {
    /// Nothing: a creation whose answer was lost may have left one that only ZooKeeper knows of.
    Unknown,
    /// These belong to our session and may be it.
    Candidates(Vec<String>),
    /// This is it.
    At(String),
}

impl DesiredEntry {
    pub(super) fn mapping(interface: &str, application: &str) -> Self {
        Self::Mapping {
            path: path::mapping(interface),
            application: application.to_owned(),
        }
    }

    pub(super) fn instance(registration: &Registration) -> Self {
        Self::Instance {
            path: path::instance(registration.application(), &registration.id()),
            data: registration.node_data().into_bytes(),
            place: Place::Unknown,
        }
    }

    /// Makes the entries of all services, for interface-level consumers.
    pub(super) fn urls(registration: &Registration) -> Vec<Self> {
        let node = |(interface, name): (String, String)| {
            Self::Url(UrlNode::new(path::providers(&interface), name))
        };
        url::names(registration).into_iter().map(node).collect()
    }

    /// Makes the entry of a consumer that is to be registered.
    pub(super) fn consumer(reference: &Reference) -> Option<Self> {
        let name = url::consumer_name(reference)?;
        let folder = path::consumers(reference.interface());
        Some(Self::Url(UrlNode::without_leftovers(folder, name)))
    }

    pub(super) fn folder(path: String) -> Self {
        Self::Folder { path }
    }

    pub(super) fn member(target: &ScrapeTarget) -> Self {
        Self::Member {
            data: target.node_data().into_bytes(),
            member: Member::Unknown,
        }
    }

    /// Tells whether it has to be taken back. Mappings and folders stay: they belong to all instances.
    pub(super) fn is_withdrawable(&self) -> bool {
        !matches!(self, Self::Mapping { .. } | Self::Folder { .. })
    }

    /// Begins anew on another connection.
    pub(super) fn begin(&mut self, new_session: bool) {
        match self {
            Self::Instance { place, .. } if new_session => *place = Place::Unknown,
            Self::Url(node) => node.begin(new_session),
            Self::Member {
                member: member @ Member::Candidates(_),
                ..
            } => *member = Member::Unknown,
            _ => {}
        }
    }

    /// How to begin.
    pub(super) fn first(&self) -> Operation {
        match self {
            Self::Mapping { path, .. } | Self::Instance { path, .. } | Self::Folder { path } => {
                Operation::Read { path: path.clone() }
            }
            Self::Url(node) => node.first(),
            Self::Member {
                member: Member::At(path),
                ..
            } => Operation::Read { path: path.clone() },
            Self::Member {
                member: Member::Unknown,
                ..
            } => Operation::Owned {
                prefix: path::MEMBER_PREFIX.to_owned(),
            },
            Self::Member {
                member: Member::Candidates(paths),
                data,
            } => match paths.last() {
                Some(path) => Operation::Read { path: path.clone() },
                None => Operation::Create {
                    path: path::MEMBER_PREFIX.to_owned(),
                    data: data.clone(),
                    kind: Kind::Member,
                },
            },
        }
    }

    /// Takes an answer while the entry is to be met.
    pub(super) fn answered(
        &mut self,
        answer: Answer,
        session: i64,
        own: impl Fn(i64) -> bool,
    ) -> Next {
        match self {
            Self::Mapping { path, application } => match answer {
                Answer::Node { data, version, .. } => match mapping::merged(&data, application) {
                    Some(data) => Next::Perform(Operation::Write {
                        path: path.clone(),
                        version,
                        data,
                    }),
                    None => Next::Met,
                },
                Answer::Absent => Next::Perform(Operation::Create {
                    path: path.clone(),
                    data: application.clone().into_bytes(),
                    kind: Kind::Persistent,
                }),
                _ => Next::Again,
            },
            Self::Instance {
                path,
                data: ours,
                place,
            } => match answer {
                Answer::Node {
                    data,
                    version,
                    owner,
                } if owner == session => {
                    if data == *ours {
                        *place = place.held();
                        return Next::Met;
                    }
                    place.claim(
                        None,
                        Operation::Write {
                            path: path.clone(),
                            version,
                            data: ours.clone(),
                        },
                    )
                }
                Answer::Node { version, owner, .. } => place.claim(
                    Some(owner),
                    Operation::Replace {
                        path: path.clone(),
                        version,
                        data: ours.clone(),
                    },
                ),
                Answer::Absent => place.claim(
                    None,
                    Operation::Create {
                        path: path.clone(),
                        data: ours.clone(),
                        kind: Kind::Ephemeral,
                    },
                ),
                _ => Next::Again,
            },
            Self::Url(node) => node.answered(answer, session),
            Self::Folder { path } => match answer {
                Answer::Node { .. } => Next::Met,
                Answer::Absent => Next::Perform(Operation::Create {
                    path: path.clone(),
                    data: Vec::new(),
                    kind: Kind::Persistent,
                }),
                _ => Next::Again,
            },
            Self::Member { data: ours, member } => match (answer, &mut *member) {
                (Answer::Node { owner, data, .. }, Member::At(_))
                    if owner == session && data == *ours =>
                {
                    Next::Met
                }
                (Answer::Node { owner, version, .. }, Member::At(path)) if own(owner) => {
                    Next::Perform(Operation::Delete {
                        path: path.clone(),
                        version,
                    })
                }
                (Answer::Done { path: created }, Member::Candidates(_)) => {
                    *member = Member::At(created);
                    Next::Again
                }
                // Deleted by us, or gone.
                (_, Member::At(_)) => {
                    *member = Member::Unknown;
                    Next::Again
                }
                (answer, _) => {
                    member.searched(answer, session, ours);
                    Next::Again
                }
            },
        }
    }

    /// Takes an answer while what was announced is to be taken back.
    pub(super) fn taken_back(
        &mut self,
        answer: Answer,
        session: i64,
        own: impl Fn(i64) -> bool,
    ) -> Next {
        match self {
            Self::Mapping { .. } | Self::Folder { .. } => Next::Met,
            Self::Url(node) => node.taken_back(&answer, own),
            Self::Instance { path, .. }
            | Self::Member {
                member: Member::At(path),
                ..
            } => match answer {
                Answer::Node { version, owner, .. } if own(owner) => {
                    Next::Perform(Operation::Delete {
                        path: path.clone(),
                        version,
                    })
                }
                _ => Next::Met,
            },
            Self::Member { data, member } => {
                member.searched(answer, session, data);
                match member {
                    Member::Candidates(paths) if paths.is_empty() => Next::Met,
                    _ => Next::Again,
                }
            }
        }
    }
}

impl Member {
    /// Goes on with the search for a member of ours that is not known by name.
    fn searched(&mut self, answer: Answer, session: i64, ours: &[u8]) {
        match (answer, &mut *self) {
            (Answer::Owned(paths), _) => *self = Self::Candidates(paths),
            (Answer::Node { owner, data, .. }, Self::Candidates(paths)) => {
                if let Some(path) = paths.pop().filter(|_| owner == session && data == ours) {
                    *self = Self::At(path);
                }
            }
            (_, Self::Candidates(paths)) => drop(paths.pop()),
            _ => {}
        }
    }
}
