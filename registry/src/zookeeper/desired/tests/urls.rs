//! Interface-level registration: the URLs, and what a process before this one has left of them.

use super::*;
use crate::zookeeper::url;

fn of_mode(mode: RegisterMode) -> Registration {
    registration().register_mode(mode)
}

/// The path of the URL of a process that was started at this time.
fn url_of(registration: &Registration) -> String {
    let (_, name) = url::names(registration).pop().unwrap();
    format!("{PROVIDERS}{name}")
}

/// The same provider in another process: its URL has another timestamp.
fn successor() -> Registration {
    let first = of_mode(RegisterMode::All);
    loop {
        let second = of_mode(RegisterMode::All);
        if second.timestamp() != first.timestamp() {
            return second;
        }
    }
}

#[test]
fn each_mode_registers_what_it_says() {
    for (mode, instances, urls) in [
        (RegisterMode::Instance, 1, 0),
        (RegisterMode::Interface, 0, 1),
        (RegisterMode::All, 1, 1),
    ] {
        let (mut machine, mut server) = (DesiredState::provider(&of_mode(mode)), Server::default());
        begin(&mut machine, &mut server, 1);
        assert_eq!(server.below("/services").len(), instances, "{mode}");
        assert_eq!(server.below("/dubbo/mapping").len(), instances, "{mode}");
        assert_eq!(server.below(PROVIDERS).len(), urls, "{mode}");
        for folder in ["configurators", "routers", "consumers"] {
            let folder = format!("/dubbo/a.A/{folder}");
            assert_eq!(server.below(&folder).len(), urls, "{mode}: {folder}");
        }
        machine.start(1);
        let before = server.nodes.clone();
        settle(&mut machine, &mut server);
        assert_eq!(server.nodes, before, "{mode}: everything is in place");
        machine.withdraw();
        settle(&mut machine, &mut server);
        assert_eq!(server.below("/services"), [], "{mode}");
        assert_eq!(server.below(PROVIDERS), [], "{mode}");
    }
}

#[test]
fn the_url_of_a_killed_process_is_removed_once_ours_is_there() {
    let (mut server, former, ours) = (Server::default(), of_mode(RegisterMode::All), successor());
    begin(&mut DesiredState::provider(&former), &mut server, 1);
    let mut machine = DesiredState::provider(&ours);
    server.session = 2;
    machine.start(2);
    while let Step::Perform(_, operation) = machine.step() {
        let answer = server.perform(&operation);
        machine.answer(answer);
        assert!(
            !server.below(PROVIDERS).is_empty(),
            "a consumer finds the service nowhere after {operation:?}"
        );
    }
    assert_eq!(server.below(PROVIDERS), [(url_of(&ours).as_str(), 2)]);
}

#[test]
fn the_urls_of_others_stay() {
    let (mut server, ours) = (Server::default(), of_mode(RegisterMode::All));
    let services = ours.services().to_vec();
    let neighbour = Registration::new("app", "127.0.0.1", 20001, services).unwrap();
    let neighbour = url_of(&neighbour);
    server.set(&neighbour, "", 7);
    server.set(&format!("{PROVIDERS}no-url"), "", 7);
    let mut machine = DesiredState::provider(&ours);
    begin(&mut machine, &mut server, 1);
    assert_eq!(server.below(PROVIDERS).len(), 3);
    machine.withdraw();
    settle(&mut machine, &mut server);
    assert_eq!(server.below(PROVIDERS).len(), 2);
}

#[test]
fn a_new_session_takes_its_own_url_over() {
    let ours = of_mode(RegisterMode::Interface);
    let (mut machine, mut server) = (DesiredState::provider(&ours), Server::default());
    for session in 1..4 {
        begin(&mut machine, &mut server, session);
        assert_eq!(server.below(PROVIDERS), [(url_of(&ours).as_str(), session)]);
        server.expire(session - 1);
    }
}

#[test]
fn a_deleted_url_is_made_again_and_two_live_processes_do_not_remove_each_others() {
    let registrations = [of_mode(RegisterMode::Interface), successor()];
    let mut server = Server::default();
    let mut machines = registrations.each_ref().map(DesiredState::provider);
    for (session, machine) in (1..).zip(&mut machines) {
        begin(machine, &mut server, session);
    }
    assert_eq!(
        server.below(PROVIDERS).len(),
        1,
        "the second removed the first"
    );
    server.session = 1;
    machines[0].recheck(0);
    settle(&mut machines[0], &mut server);
    assert_eq!(
        server.below(PROVIDERS).len(),
        2,
        "which comes back, and both stay"
    );
}

#[test]
fn the_watch_of_our_own_url_is_the_last_one_set() {
    let (mut server, former, ours) = (
        Server::default(),
        of_mode(RegisterMode::Interface),
        successor(),
    );
    begin(&mut DesiredState::provider(&former), &mut server, 1);
    let mut machine = DesiredState::provider(&ours.register_mode(RegisterMode::Interface));
    server.session = 2;
    machine.start(2);
    let mut last_read = String::new();
    while let Step::Perform(0, operation) = machine.step() {
        if let Operation::Read { path } = &operation {
            last_read.clone_from(path);
        }
        let answer = server.perform(&operation);
        machine.answer(answer);
    }
    let [(own, 2)] = server.below(PROVIDERS)[..] else {
        panic!("{:?}", server.nodes)
    };
    assert_eq!(last_read, own);
}

#[test]
fn a_consumer_is_listed_beside_others_and_taken_back() {
    const CONSUMERS: &str = "/dubbo/a.A/consumers/";
    let reference = Reference::new("a.A").unwrap().host("10.0.0.1");
    let (mut first, mut second) = (
        DesiredState::consumer(&reference),
        DesiredState::consumer(&reference),
    );
    let mut server = Server::default();
    begin(&mut first, &mut server, 1);
    begin(&mut second, &mut server, 1);
    assert_eq!(server.below(CONSUMERS).len(), 2, "of one process, too");
    server.expire(1);
    begin(&mut first, &mut server, 2);
    assert_eq!(server.below(CONSUMERS).len(), 1, "in another session");
    first.withdraw();
    settle(&mut first, &mut server);
    assert_eq!(server.below(CONSUMERS), []);
    let mut unlisted = DesiredState::consumer(&reference.registered(false));
    begin(&mut unlisted, &mut server, 2);
    assert!(server.nodes.is_empty(), "nothing is written: {server:?}");
}
