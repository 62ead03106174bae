//! The state machine of an announcement: what to ask ZooKeeper next, from what it answered so far.
//!
//! It holds several goals (a mapping for each interface, then the instance; or a member) and works on one at a time.
//! Nothing here waits or talks to a server: the driver performs each [`Operation`] and reports the [`Answer`]. Every goal
//! begins with a read, so that it can begin anew at any point, whatever was or wasn't done before a connection broke.

use std::collections::{HashSet, VecDeque};

use super::{
    mapping,
    node::{Answer, Kind, Operation},
    path,
};
use crate::{Registration, ScrapeTarget};

/// What the driver has to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Perform this for the goal of this number and report the answer.
    Perform(usize, Operation),
    /// Wait for a moment; the number says how many times in a row.
    Pause(u32),
    /// Everything is in place. Wait for a change.
    Announced,
    /// Nothing of ours is left.
    Withdrawn,
}

#[derive(Debug)]
pub(super) struct Announcing {
    goals: Vec<Goal>,
    /// The goals that have to be looked at, the current one first.
    pending: VecDeque<usize>,
    next: Option<Operation>,
    /// How many times in a row somebody else was faster.
    conflicts: u32,
    pausing: bool,
    session: i64,
    /// The sessions that this process has had: a node of theirs is ours, too.
    sessions: HashSet<i64>,
    withdrawing: bool,
}

#[derive(Debug)]
enum Goal {
    Mapping {
        path: String,
        application: String,
    },
    Instance {
        path: String,
        data: Vec<u8>,
        place: Place,
    },
    Member {
        data: Vec<u8>,
        member: Member,
    },
}

/// What is known of our member, whose name ZooKeeper chose.
#[derive(Debug)]
enum Member {
    /// Nothing: a creation whose answer was lost may have left one that only ZooKeeper knows of.
    Unknown,
    /// These belong to our session and may be it.
    Candidates(Vec<String>),
    /// This is it.
    At(String),
}

/// What is known of our place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Not looked at in this session.
    Unknown,
    /// We have had it in this session, and lost it so many times.
    Held { losses: u32 },
}

impl Announcing {
    pub(super) fn provider(registration: &Registration) -> Self {
        let mappings = registration
            .interfaces()
            .into_iter()
            .map(|interface| Goal::Mapping {
                path: path::mapping(interface),
                application: registration.application().to_owned(),
            });
        let instance = Goal::Instance {
            path: path::instance(registration.application(), &registration.id()),
            data: registration.node().into_bytes(),
            place: Place::Unknown,
        };
        Self::new(mappings.chain([instance]).collect())
    }

    pub(super) fn scrape_target(target: &ScrapeTarget) -> Self {
        Self::new(vec![Goal::Member {
            data: target.node().into_bytes(),
            member: Member::Unknown,
        }])
    }

    fn new(goals: Vec<Goal>) -> Self {
        Self {
            goals,
            pending: VecDeque::new(),
            next: None,
            conflicts: 0,
            pausing: false,
            session: 0,
            sessions: HashSet::new(),
            withdrawing: false,
        }
    }

    /// Begins anew: in a new session, after a reconnection, or after a failure.
    pub(super) fn start(&mut self, session: i64) {
        if session != self.session {
            self.session = session;
            self.sessions.insert(session);
            for goal in &mut self.goals {
                if let Goal::Instance { place, .. } = goal {
                    *place = Place::Unknown;
                }
            }
        }
        for goal in &mut self.goals {
            if let Goal::Member {
                member: member @ Member::Candidates(_),
                ..
            } = goal
            {
                *member = Member::Unknown;
            }
        }
        self.pending = if self.withdrawing {
            self.withdrawable()
        } else {
            (0..self.goals.len()).collect()
        };
        (self.next, self.pausing, self.conflicts) = (None, false, 0);
    }

    /// Looks at one goal again, because a watch of it has fired.
    pub(super) fn recheck(&mut self, goal: usize) {
        let wanted = !self.withdrawing && goal < self.goals.len() && !self.pending.contains(&goal);
        if wanted {
            self.pending.push_back(goal);
        }
    }

    /// Turns from announcing to taking back what was announced. Mappings stay: they belong to the application.
    pub(super) fn withdraw(&mut self) {
        self.withdrawing = true;
        self.start(self.session);
    }

    fn withdrawable(&self) -> VecDeque<usize> {
        let is_ours = |goal: &Goal| !matches!(goal, Goal::Mapping { .. });
        self.goals
            .iter()
            .enumerate()
            .filter(|(_, goal)| is_ours(goal))
            .map(|(index, _)| index)
            .collect()
    }

    /// Tells what to do now.
    pub(super) fn step(&mut self) -> Step {
        if std::mem::take(&mut self.pausing) {
            return Step::Pause(self.conflicts);
        }
        let Some(goal) = self.pending.front().copied() else {
            return if self.withdrawing {
                Step::Withdrawn
            } else {
                Step::Announced
            };
        };
        let operation = self.next.take().unwrap_or_else(|| self.goals[goal].first());
        Step::Perform(goal, operation)
    }

    /// Takes the answer to the operation that was performed last.
    pub(super) fn answer(&mut self, answer: Answer) {
        let Some(index) = self.pending.front().copied() else {
            return;
        };
        if answer == Answer::Conflict {
            self.conflicts += 1;
            // One conflict is ordinary; more mean a crowd, which a pause spreads out.
            self.pausing = self.conflicts > 1;
            return;
        }
        let own = |owner: i64| self.sessions.contains(&owner);
        let next = if self.withdrawing {
            self.goals[index].taken_back(answer, self.session, own)
        } else {
            self.goals[index].answered(answer, self.session, own)
        };
        match next {
            Next::Perform(operation) => self.next = Some(operation),
            Next::Again => {}
            Next::Rival { losses, operation } => {
                // Two live processes that claim one place would replace each other for ever: slow them down.
                self.conflicts = losses;
                self.pausing = losses > 1;
                self.next = Some(operation);
            }
            Next::Met => {
                self.pending.pop_front();
                self.conflicts = 0;
            }
        }
    }
}

/// What follows from an answer.
enum Next {
    Perform(Operation),
    /// Read again.
    Again,
    /// Our place was taken or emptied after we had it.
    Rival {
        losses: u32,
        operation: Operation,
    },
    Met,
}

impl Goal {
    /// How to begin.
    fn first(&self) -> Operation {
        match self {
            Self::Mapping { path, .. } | Self::Instance { path, .. } => {
                Operation::Read { path: path.clone() }
            }
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

    fn answered(&mut self, answer: Answer, session: i64, own: impl Fn(i64) -> bool) -> Next {
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
                    Next::Perform(Operation::Write {
                        path: path.clone(),
                        version,
                        data: ours.clone(),
                    })
                }
                Answer::Node { version, .. } => place.claim(Operation::Replace {
                    path: path.clone(),
                    version,
                    data: ours.clone(),
                }),
                Answer::Absent => place.claim(Operation::Create {
                    path: path.clone(),
                    data: ours.clone(),
                    kind: Kind::Ephemeral,
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

    fn taken_back(&mut self, answer: Answer, session: i64, own: impl Fn(i64) -> bool) -> Next {
        match self {
            Self::Mapping { .. } => Next::Met,
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

impl Place {
    fn held(self) -> Self {
        match self {
            Self::Unknown => Self::Held { losses: 0 },
            held => held,
        }
    }

    /// Takes the place: at once the first time, and as one among rivals when it was lost before.
    fn claim(&mut self, operation: Operation) -> Next {
        match self {
            Self::Unknown => Next::Perform(operation),
            Self::Held { losses } => {
                *losses += 1;
                Next::Rival {
                    losses: *losses,
                    operation,
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
