//! Announcements, driven without a server.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::{
    super::{mapping, node::Kind},
    *,
};
use crate::ServiceInfo;

const INSTANCE: &str = "/services/app/127.0.0.1:20000";
const MAPPING: &str = "/dubbo/mapping/a.A";

/// What ZooKeeper keeps: data, version and owner of each node.
#[derive(Clone, Debug, Default)]
struct Server {
    nodes: BTreeMap<String, (Vec<u8>, i32, i64)>,
    members: u32,
    session: i64,
}

impl Server {
    fn perform(&mut self, operation: &Operation) -> Answer {
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
        }
    }

    fn expire(&mut self, session: i64) {
        self.nodes.retain(|_, node| node.2 != session);
    }

    fn set(&mut self, path: &str, data: &str, owner: i64) {
        self.nodes
            .insert(path.to_owned(), (data.as_bytes().to_vec(), 0, owner));
    }

    fn below(&self, prefix: &str) -> Vec<(&str, i64)> {
        let nodes = self
            .nodes
            .iter()
            .filter(|(path, _)| path.starts_with(prefix));
        nodes.map(|(path, node)| (path.as_str(), node.2)).collect()
    }

    fn mapping(&self) -> &str {
        self.nodes
            .get(MAPPING)
            .map_or("", |node| std::str::from_utf8(&node.0).unwrap())
    }
}

fn registration() -> Registration {
    let service = ServiceInfo {
        interface: "a.A".into(),
        ..ServiceInfo::default()
    };
    Registration::new("app", "127.0.0.1", 20000, vec![service]).unwrap()
}

fn target() -> ScrapeTarget {
    ScrapeTarget::new("app", "127.0.0.1", 9099).unwrap()
}

/// Runs a machine until it has nothing to do, and returns how many operations and pauses that took.
fn settle(machine: &mut Announcing, server: &mut Server) -> (usize, usize) {
    let (mut operations, mut pauses) = (0, 0);
    loop {
        assert!(operations < 1000, "it comes to an end: {machine:?}");
        match machine.step() {
            Step::Perform(_, operation) => {
                operations += 1;
                let answer = server.perform(&operation);
                machine.answer(answer);
            }
            Step::Pause(_) => pauses += 1,
            Step::Announced | Step::Withdrawn => return (operations, pauses),
        }
    }
}

fn begin(machine: &mut Announcing, server: &mut Server, session: i64) -> (usize, usize) {
    server.session = session;
    machine.start(session);
    settle(machine, server)
}

#[test]
fn a_provider_is_in_the_mapping_and_among_the_instances() {
    let (mut machine, mut server) = (Announcing::provider(&registration()), Server::default());
    let (operations, pauses) = begin(&mut machine, &mut server, 1);
    assert_eq!(server.mapping(), "app");
    assert_eq!(server.below("/services"), [(INSTANCE, 1)]);
    assert_eq!(
        (operations, pauses),
        (6, 0),
        "each goal: look, create, look again"
    );
}

#[test]
fn nothing_is_written_where_everything_is_in_place() {
    let (mut machine, mut server) = (Announcing::provider(&registration()), Server::default());
    begin(&mut machine, &mut server, 1);
    let before = server.nodes.clone();
    machine.start(1);
    assert_eq!(settle(&mut machine, &mut server), (2, 0));
    machine.recheck(1);
    assert_eq!(settle(&mut machine, &mut server), (1, 0));
    assert_eq!(server.nodes, before);
}

#[test]
fn a_leftover_is_replaced_without_a_gap() {
    for owner in [0, 7] {
        let (mut machine, mut server) = (Announcing::provider(&registration()), Server::default());
        server.set(INSTANCE, "leftover", owner);
        server.session = 1;
        machine.start(1);
        while let Step::Perform(_, operation) = machine.step() {
            let answer = server.perform(&operation);
            assert!(
                server.nodes.contains_key(INSTANCE),
                "there is a node at every moment"
            );
            machine.answer(answer);
        }
        assert_eq!(server.below("/services"), [(INSTANCE, 1)]);
    }
}

#[test]
fn a_new_session_takes_over_what_the_former_one_left() {
    let mut server = Server::default();
    let (mut provider, mut member) = (
        Announcing::provider(&registration()),
        Announcing::scrape_target(&target()),
    );
    for session in 1..4 {
        begin(&mut provider, &mut server, session);
        begin(&mut member, &mut server, session);
        assert_eq!(server.below("/services"), [(INSTANCE, session)]);
        let members = server.below("/prometheus");
        assert_eq!(members.len(), 1, "{members:?}");
        assert_eq!(members[0].1, session);
    }
}

#[test]
fn a_live_rival_is_met_with_pauses() {
    let (mut machine, mut server) = (Announcing::provider(&registration()), Server::default());
    begin(&mut machine, &mut server, 1);
    let pauses: Vec<_> = (0..4)
        .map(|_| {
            server.set(INSTANCE, "rival", 9);
            machine.recheck(1);
            settle(&mut machine, &mut server).1
        })
        .collect();
    assert_eq!(pauses, [0, 1, 1, 1], "the first loss is made good at once");
    assert_eq!(server.below("/services"), [(INSTANCE, 1)]);
}

#[test]
fn two_registrations_of_one_address_in_one_process_slow_each_other_down() {
    let service = ServiceInfo {
        interface: "b.B".into(),
        ..ServiceInfo::default()
    };
    let other = Registration::new("app", "127.0.0.1", 20000, vec![service]).unwrap();
    let mut server = Server::default();
    let mut machines = [
        Announcing::provider(&registration()),
        Announcing::provider(&other),
    ];
    for machine in &mut machines {
        begin(machine, &mut server, 1);
    }
    let mut pauses = 0;
    for _ in 0..4 {
        for machine in &mut machines {
            machine.recheck(1);
            pauses += settle(machine, &mut server).1;
        }
    }
    assert_eq!(pauses, 6, "each makes its first loss good at once");
}

#[test]
fn two_members_of_one_session_do_not_take_each_other_for_their_own() {
    let mut server = Server::default();
    let other = ScrapeTarget::new("app", "127.0.0.1", 9097).unwrap();
    let (mut first, mut second) = (
        Announcing::scrape_target(&target()),
        Announcing::scrape_target(&other),
    );
    begin(&mut first, &mut server, 1);
    begin(&mut second, &mut server, 1);
    assert_eq!(server.below("/prometheus").len(), 2);
    second.withdraw();
    settle(&mut second, &mut server);
    let left: Vec<_> = server.nodes.values().map(|node| node.0.clone()).collect();
    assert_eq!(left, [target().node().into_bytes()]);
}

#[test]
fn a_member_whose_creation_was_not_confirmed_is_found_again() {
    for withdrawing in [false, true] {
        let (mut machine, mut server) = (Announcing::scrape_target(&target()), Server::default());
        server.session = 1;
        machine.start(1);
        loop {
            let Step::Perform(_, operation) = machine.step() else {
                panic!("{machine:?}")
            };
            let answer = server.perform(&operation);
            if matches!(operation, Operation::Create { .. }) {
                break;
            }
            machine.answer(answer);
        }
        if withdrawing {
            machine.withdraw();
        } else {
            machine.start(1);
        }
        settle(&mut machine, &mut server);
        assert_eq!(server.below("/prometheus").len(), usize::from(!withdrawing));
    }
}

#[test]
fn withdrawing_removes_the_instance_and_leaves_the_mapping() {
    let (mut machine, mut server) = (Announcing::provider(&registration()), Server::default());
    begin(&mut machine, &mut server, 1);
    machine.withdraw();
    settle(&mut machine, &mut server);
    assert_eq!(machine.step(), Step::Withdrawn);
    assert_eq!(server.below("/"), [(MAPPING, 0)]);
}

#[test]
fn withdrawing_leaves_what_belongs_to_others() {
    let (mut machine, mut server) = (Announcing::provider(&registration()), Server::default());
    begin(&mut machine, &mut server, 1);
    server.set(INSTANCE, "successor", 9);
    machine.withdraw();
    settle(&mut machine, &mut server);
    assert_eq!(server.below("/services"), [(INSTANCE, 9)]);
}

#[test]
fn withdrawing_in_a_later_session_removes_what_a_former_one_left() {
    let (mut machine, mut server) = (Announcing::provider(&registration()), Server::default());
    begin(&mut machine, &mut server, 1);
    machine.withdraw();
    begin(&mut machine, &mut server, 2);
    assert_eq!(server.below("/services"), []);
}

/// What may go wrong around one operation.
#[derive(Clone, Debug)]
enum Turn {
    /// It works.
    Work,
    /// The connection breaks; the operation was done, or wasn't.
    Break {
        done: bool,
    },
    /// The session is replaced; the server forgets the former one now, or later.
    NewSession {
        forgotten: bool,
    },
    /// Former sessions expire.
    Expire,
    /// Another application joins the mapping.
    Join(u8),
    /// Somebody overwrites the mapping without looking.
    Overwrite,
    /// The instance's node is deleted, or taken by somebody.
    Delete,
    Rival,
}

fn turn() -> impl Strategy<Value = Turn> {
    prop_oneof![
        12 => Just(Turn::Work),
        3 => any::<bool>().prop_map(|done| Turn::Break { done }),
        2 => any::<bool>().prop_map(|forgotten| Turn::NewSession { forgotten }),
        1 => Just(Turn::Expire),
        2 => (0..5_u8).prop_map(Turn::Join),
        1 => Just(Turn::Overwrite),
        1 => Just(Turn::Delete),
        1 => Just(Turn::Rival),
    ]
}

proptest! {
    /// Whatever happens on the way: in the end there is one instance and one member, both of the living session, and nobody
    /// was lost from the mapping by us.
    #[test]
    fn everything_is_in_place_in_the_end(turns in proptest::collection::vec(turn(), 0..80), withdraw in any::<bool>()) {
        let mut server = Server { session: 1, ..Server::default() };
        let mut machines = [Announcing::provider(&registration()), Announcing::scrape_target(&target())];
        let mut joined: Vec<String> = Vec::new();
        machines.iter_mut().for_each(|machine| machine.start(1));
        for (turn, number) in turns.into_iter().zip(0_usize..) {
            let session = server.session;
            match turn {
                Turn::Work | Turn::Break { .. } => {
                    let machine = &mut machines[number % 2];
                    if let Step::Perform(_, operation) = machine.step() {
                        let done = !matches!(turn, Turn::Break { done: false });
                        let answer = done.then(|| server.perform(&operation));
                        match (turn, answer) {
                            (Turn::Work, Some(answer)) => machine.answer(answer),
                            _ => machine.start(session),
                        }
                    }
                }
                Turn::NewSession { forgotten } => {
                    if forgotten {
                        server.expire(session);
                    }
                    server.session += 1;
                    machines.iter_mut().for_each(|machine| machine.start(server.session));
                }
                Turn::Expire => server.nodes.retain(|_, node| node.2 == 0 || node.2 == session),
                Turn::Join(number) => {
                    let name = format!("other-{number}");
                    let (data, version, owner) = server.nodes.get(MAPPING).cloned().unwrap_or_default();
                    if let Some(data) = mapping::merged(&data, &name) {
                        server.nodes.insert(MAPPING.to_owned(), (data, version + 1, owner));
                    }
                    if !joined.contains(&name) {
                        joined.push(name);
                    }
                }
                Turn::Overwrite => {
                    let version = server.nodes.get(MAPPING).map_or(0, |node| node.1 + 1);
                    server.nodes.insert(MAPPING.to_owned(), (b"careless".to_vec(), version, 0));
                    joined = vec!["careless".into()];
                }
                Turn::Delete => drop(server.nodes.remove(INSTANCE)),
                Turn::Rival => server.set(INSTANCE, "rival", 99),
            }
        }
        // The watches tell of everything in the end.
        for machine in &mut machines {
            settle(machine, &mut server);
            (0..2).for_each(|goal| machine.recheck(goal));
            settle(machine, &mut server);
        }
        let session = server.session;
        prop_assert_eq!(server.below("/services"), [(INSTANCE, session)]);
        let members = server.below("/prometheus");
        let own = members.iter().filter(|(_, owner)| *owner == session).count();
        prop_assert_eq!(own, 1, "{:?}", members);
        let mut names: Vec<_> = server.mapping().split(',').map(str::to_owned).collect();
        names.sort();
        joined.push("app".into());
        joined.sort();
        prop_assert_eq!(names, joined);
        if withdraw {
            for machine in &mut machines {
                machine.withdraw();
                settle(machine, &mut server);
            }
            server.nodes.retain(|_, node| node.2 == 0 || node.2 == session);
            prop_assert_eq!(server.below("/services"), []);
            prop_assert_eq!(server.below("/prometheus"), []);
        }
    }
}
