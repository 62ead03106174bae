//! Announcements, driven without a server.

mod server;
mod turns;
mod urls;

use self::server::Server;
use super::*;
use crate::{RegisterMode, ServiceInfo};

const INSTANCE: &str = "/services/app/127.0.0.1:20000";
const MAPPING: &str = "/dubbo/mapping/a.A";
const PROVIDERS: &str = "/dubbo/a.A/providers/";

fn registration() -> Registration {
    let service = ServiceInfo {
        interface: "a.A".into(),
        ..ServiceInfo::default()
    };
    let registration = Registration::new("app", "127.0.0.1", 20000, vec![service]).unwrap();
    registration.register_mode(RegisterMode::Instance)
}

fn target() -> ScrapeTarget {
    ScrapeTarget::new("app", "127.0.0.1", 9099).unwrap()
}

/// Runs a machine until it has nothing to do, and returns how many operations and pauses that took.
fn settle(machine: &mut DesiredState, server: &mut Server) -> (usize, usize) {
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

fn begin(machine: &mut DesiredState, server: &mut Server, session: i64) -> (usize, usize) {
    server.session = session;
    machine.start(session);
    settle(machine, server)
}

#[test]
fn a_provider_is_in_the_mapping_and_among_the_instances() {
    let (mut machine, mut server) = (DesiredState::provider(&registration()), Server::default());
    let (operations, pauses) = begin(&mut machine, &mut server, 1);
    assert_eq!(server.mapping(), "app");
    assert_eq!(server.below("/services"), [(INSTANCE, 1)]);
    assert_eq!(
        (operations, pauses),
        (6, 0),
        "each entry: look, create, look again"
    );
}

#[test]
fn a_consumer_that_finds_the_application_in_the_mapping_finds_its_instance() {
    let (mut machine, mut server) = (DesiredState::provider(&registration()), Server::default());
    for session in 1..3 {
        server.nodes.clear();
        server.session = session;
        machine.start(session);
        while let Step::Perform(_, operation) = machine.step() {
            let answer = server.perform(&operation);
            machine.answer(answer);
            assert!(
                server.mapping().is_empty() || server.nodes.contains_key(INSTANCE),
                "the mapping names an application without instances after {operation:?}"
            );
        }
        assert_eq!(server.mapping(), "app");
    }
}

#[test]
fn nothing_is_written_where_everything_is_in_place() {
    let (mut machine, mut server) = (DesiredState::provider(&registration()), Server::default());
    begin(&mut machine, &mut server, 1);
    let before = server.nodes.clone();
    machine.start(1);
    assert_eq!(settle(&mut machine, &mut server), (2, 0));
    machine.recheck(0);
    assert_eq!(settle(&mut machine, &mut server), (1, 0));
    assert_eq!(server.nodes, before);
}

#[test]
fn a_leftover_is_replaced_without_a_gap() {
    for owner in [0, 7] {
        let (mut machine, mut server) =
            (DesiredState::provider(&registration()), Server::default());
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
        DesiredState::provider(&registration()),
        DesiredState::scrape_target(&target()),
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
    let (mut machine, mut server) = (DesiredState::provider(&registration()), Server::default());
    begin(&mut machine, &mut server, 1);
    let pauses: Vec<_> = (0..4)
        .map(|_| {
            server.set(INSTANCE, "rival", 9);
            machine.recheck(0);
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
        DesiredState::provider(&registration()),
        DesiredState::provider(&other),
    ];
    for machine in &mut machines {
        begin(machine, &mut server, 1);
    }
    let mut pauses = 0;
    for _ in 0..4 {
        for machine in &mut machines {
            machine.recheck(0);
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
        DesiredState::scrape_target(&target()),
        DesiredState::scrape_target(&other),
    );
    begin(&mut first, &mut server, 1);
    begin(&mut second, &mut server, 1);
    assert_eq!(server.below("/prometheus").len(), 2);
    second.withdraw();
    settle(&mut second, &mut server);
    let left: Vec<_> = server.nodes.values().map(|node| node.0.clone()).collect();
    assert_eq!(left, [target().node_data().into_bytes()]);
}

#[test]
fn a_member_whose_creation_was_not_confirmed_is_found_again() {
    for withdrawing in [false, true] {
        let (mut machine, mut server) = (DesiredState::scrape_target(&target()), Server::default());
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
    let (mut machine, mut server) = (DesiredState::provider(&registration()), Server::default());
    begin(&mut machine, &mut server, 1);
    machine.withdraw();
    settle(&mut machine, &mut server);
    assert_eq!(machine.step(), Step::Withdrawn);
    assert_eq!(server.below("/"), [(MAPPING, 0)]);
}

#[test]
fn withdrawing_leaves_what_belongs_to_others() {
    let (mut machine, mut server) = (DesiredState::provider(&registration()), Server::default());
    begin(&mut machine, &mut server, 1);
    server.set(INSTANCE, "successor", 9);
    machine.withdraw();
    settle(&mut machine, &mut server);
    assert_eq!(server.below("/services"), [(INSTANCE, 9)]);
}

#[test]
fn withdrawing_in_a_later_session_removes_what_a_former_one_left() {
    let (mut machine, mut server) = (DesiredState::provider(&registration()), Server::default());
    begin(&mut machine, &mut server, 1);
    machine.withdraw();
    begin(&mut machine, &mut server, 2);
    assert_eq!(server.below("/services"), []);
}

#[test]
fn a_live_rival_is_named_and_an_operator_is_not() {
    let (mut machine, mut server) = (DesiredState::provider(&registration()), Server::default());
    begin(&mut machine, &mut server, 1);
    assert_eq!(machine.take_rival(), None, "the first one has no rival");
    server.nodes.remove(INSTANCE);
    machine.recheck(0);
    settle(&mut machine, &mut server);
    assert_eq!(machine.take_rival(), None, "a node may be removed by hand");
    server.set(INSTANCE, "rival", 9);
    machine.recheck(0);
    settle(&mut machine, &mut server);
    let rival = Rival {
        losses: 2,
        by: Some(9),
    };
    assert_eq!(machine.take_rival(), Some(rival));
    assert_eq!(machine.take_rival(), None, "it is told once");
}
