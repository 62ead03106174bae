//! Random turns of events: whatever happens on the way, everything is in place in the end.

use proptest::prelude::*;

use super::{INSTANCE, MAPPING, PROVIDERS, registration, server::Server, settle, target};
use crate::{
    RegisterMode,
    zookeeper::{
        desired::{DesiredState, Step},
        mapping,
    },
};

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
    /// Another process overwrites the mapping without looking.
    Overwrite,
    /// The instance's node is deleted, or taken by another session.
    Delete,
    Rival,
    /// Everything that interface-level consumers see is deleted.
    DeleteUrls,
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
        1 => Just(Turn::DeleteUrls),
    ]
}

proptest! {
    /// Whatever happens on the way: in the end there is one instance and one member, both of the living session, and none
    /// was lost from the mapping by us.
    #[test]
    fn everything_is_in_place_in_the_end(turns in proptest::collection::vec(turn(), 0..80), withdraw in any::<bool>()) {
        let mut server = Server { session: 1, ..Server::default() };
        let registration = registration().register_mode(RegisterMode::All);
        let mut machines = [DesiredState::provider(&registration), DesiredState::scrape_target(&target())];
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
                Turn::DeleteUrls => server.nodes.retain(|path, _| !path.starts_with(PROVIDERS)),
            }
        }
        // The watches tell of everything in the end.
        for machine in &mut machines {
            settle(machine, &mut server);
            (0..6).for_each(|entry| machine.recheck(entry));
            settle(machine, &mut server);
        }
        let session = server.session;
        prop_assert_eq!(server.below("/services"), [(INSTANCE, session)]);
        let urls = server.below(PROVIDERS);
        prop_assert_eq!(urls.iter().map(|(_, owner)| *owner).collect::<Vec<_>>(), [session]);
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
            prop_assert_eq!(server.below(PROVIDERS), []);
            prop_assert_eq!(server.below("/prometheus"), []);
        }
    }
}
