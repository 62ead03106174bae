//! Random turns of events: whatever happens, and in whatever order it is told, the list is right in the end.

use std::{collections::BTreeMap, time::Duration};

use proptest::prelude::*;
use tokio::time::Instant;

use super::{INTERFACE, settle, tree::Tree};
use crate::{
    ProviderEntry, Reference,
    zookeeper::view::{Found, Read, View},
};

/// Something that happens to the tree or to the connection.
#[derive(Clone, Debug)]
enum Turn {
    Register(u16),
    Remove(u16),
    Damage(u16),
    Mapping(bool),
    Reconnect {
        new_session: bool,
    },
    /// Some of the watches that have fired are told, in any order.
    Tell(usize),
    /// Some reads are made; every so many fail.
    Read(usize, usize),
    /// One read is begun: what it finds may be old by the time it is told.
    Begin,
    /// One of the reads under way is told.
    Finish(usize),
    Wait(u64),
    Publish,
}

fn turn() -> impl Strategy<Value = Turn> {
    prop_oneof![
        4 => (20000..20006_u16).prop_map(Turn::Register),
        2 => (20000..20006_u16).prop_map(Turn::Remove),
        1 => (20000..20006_u16).prop_map(Turn::Damage),
        1 => any::<bool>().prop_map(Turn::Mapping),
        1 => any::<bool>().prop_map(|new_session| Turn::Reconnect { new_session }),
        4 => (0..4_usize).prop_map(Turn::Tell),
        4 => (1..5_usize, 2..20_usize).prop_map(|(count, failing)| Turn::Read(count, failing)),
        4 => Just(Turn::Begin),
        3 => (0..8_usize).prop_map(Turn::Finish),
        3 => (0..6000_u64).prop_map(Turn::Wait),
        2 => Just(Turn::Publish),
    ]
}

/// A tree whose watches fire as ZooKeeper's do: once each.
#[derive(Debug, Default)]
struct Server {
    tree: Tree,
    fired: Vec<Read>,
}

impl Server {
    fn fire(&mut self, wanted: impl Fn(&Read) -> bool) {
        let (fired, rest) = self.tree.watched.drain(..).partition(|read| wanted(read));
        self.tree.watched = rest;
        let fired: Vec<Read> = fired;
        self.fired.extend(fired);
    }

    fn touch(&mut self, port: u16, change: impl FnOnce(&mut Tree)) {
        let name = format!("127.0.0.1:{port}");
        let before = self
            .tree
            .instances
            .get("app")
            .is_some_and(|nodes| nodes.contains_key(&name));
        change(&mut self.tree);
        let after = self
            .tree
            .instances
            .get("app")
            .is_some_and(|nodes| nodes.contains_key(&name));
        if before != after {
            self.fire(|read| *read == Read::instances("app"));
        }
        self.fire(|read| matches!(read, Read::Instance { node, .. } if *node == name));
    }
}

proptest! {
    /// Whatever happens, and in whatever order it is told: once it is quiet, the list is that of the tree.
    #[test]
    fn the_list_is_right_in_the_end(turns in proptest::collection::vec(turn(), 0..120)) {
        let mut now = Instant::now();
        let mut server = Server::default();
        server.tree.instances.insert("app".into(), BTreeMap::new());
        let mut view = View::new(Reference::new(INTERFACE).unwrap(), Duration::ZERO);
        let mut under_way: Vec<(Read, bool, Option<Found>)> = Vec::new();
        view.start(true, now);
        for turn in turns {
            match turn {
                Turn::Register(port) => server.touch(port, |tree| tree.register("app", port)),
                Turn::Remove(port) => server.touch(port, |tree| tree.remove("app", port)),
                Turn::Damage(port) => {
                    server.touch(port, |tree| tree.put("app", &format!("127.0.0.1:{port}"), "broken"));
                }
                Turn::Mapping(there) => {
                    server.tree.mapping = there.then(|| "app".to_owned());
                    server.fire(|read| *read == Read::Mapping);
                }
                Turn::Reconnect { new_session } => {
                    if new_session {
                        server.tree.watched.clear();
                        server.fired.clear();
                    }
                    // What was under way is lost with the connection, and with it the watches that were just set.
                    for (read, watch, _) in under_way.drain(..) {
                        if watch {
                            server.tree.watched.retain(|known| *known != read);
                            server.fired.retain(|known| *known != read);
                        }
                    }
                    view.start(new_session, now);
                }
                Turn::Tell(count) => {
                    for _ in 0..count {
                        // A watch is told of after the read that has set it.
                        let setting = |read: &Read| under_way.iter().any(|(known, watch, _)| *watch && known == read);
                        let Some(at) = server.fired.iter().position(|read| !setting(read)) else { break };
                        view.changed(&server.fired.remove(at), now);
                    }
                }
                Turn::Begin => {
                    if let Some((read, watch)) = view.next(now) {
                        let found = server.tree.read(&read, watch);
                        under_way.push((read, watch, found));
                    }
                }
                Turn::Finish(number) => {
                    if !under_way.is_empty() {
                        let (read, _, found) = under_way.remove(number % under_way.len());
                        view.answer(&read, found, now);
                    }
                }
                Turn::Read(count, failing) => {
                    for number in 1..=count {
                        let Some((read, watch)) = view.next(now) else { break };
                        let found = if number % failing == 0 { None } else { server.tree.read(&read, watch) };
                        view.answer(&read, found, now);
                    }
                }
                Turn::Wait(milliseconds) => now += Duration::from_millis(milliseconds),
                Turn::Publish => drop(view.publish(now)),
            }
        }
        for (read, _, found) in under_way {
            view.answer(&read, found, now);
        }
        // Quiet: everything that was planned happens.
        for _ in 0..200 {
            for read in std::mem::take(&mut server.fired) {
                view.changed(&read, now);
            }
            settle(&mut view, &mut server.tree, now);
            view.publish(now);
            now += Duration::from_secs(1);
        }
        let mapped = server.tree.mapping.is_some();
        let nodes = server.tree.instances["app"].iter().filter(|(_, (data, _))| mapped && data != b"broken");
        let expected: Vec<_> = nodes.map(|(name, _)| name.clone()).collect();
        let shown: Vec<_> = view.last_resort.shown().iter().map(ProviderEntry::address).collect();
        prop_assert_eq!(shown, expected);
    }
}
