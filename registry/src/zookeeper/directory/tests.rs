//! The directory, driven without a server.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::{MetadataInfo, Registration, ServiceInfo};

const INTERFACE: &str = "a.A";
const LAST_RESORT: Duration = Duration::from_secs(60);

/// A tree of nodes, as a server would have it, and what was read from it.
#[derive(Debug, Default)]
struct Tree {
    mapping: Option<String>,
    instances: BTreeMap<String, BTreeMap<String, (Vec<u8>, i64)>>,
    urls: Vec<String>,
    metadata: HashMap<String, Arc<MetadataInfo>>,
    clock: i64,
    reads: HashMap<Read, usize>,
    watched: Vec<Read>,
}

impl Tree {
    fn put(&mut self, application: &str, node: &str, data: impl Into<Vec<u8>>) {
        self.clock += 1;
        let clock = self.clock;
        self.instances
            .entry(application.into())
            .or_default()
            .insert(node.into(), (data.into(), clock));
    }

    /// Adds an instance that tells its metadata.
    fn register(&mut self, application: &str, port: u16) {
        let registration = registration(application, port);
        self.metadata
            .insert(registration.revision(), Arc::new(registration.metadata()));
        self.put(application, &registration.id(), registration.node());
    }

    fn remove(&mut self, application: &str, port: u16) {
        self.instances
            .get_mut(application)
            .unwrap()
            .remove(&format!("127.0.0.1:{port}"));
    }

    fn read(&mut self, read: &Read, watch: bool) -> Option<Found> {
        *self.reads.entry(read.clone()).or_default() += 1;
        if watch {
            self.watched.push(read.clone());
        }
        Some(match read {
            Read::Mapping => match &self.mapping {
                Some(mapping) => Found::Data {
                    data: mapping.clone().into_bytes(),
                    modified: 1,
                },
                None => Found::Absent,
            },
            Read::Urls => Found::Children(self.urls.clone()),
            Read::Instances { application } => match self.instances.get(application) {
                Some(instances) => Found::Children(instances.keys().cloned().collect()),
                None => Found::Absent,
            },
            Read::Instance { application, node } => {
                match self
                    .instances
                    .get(application)
                    .and_then(|nodes| nodes.get(node))
                {
                    Some((data, modified)) => Found::Data {
                        data: data.clone(),
                        modified: *modified,
                    },
                    None => Found::Absent,
                }
            }
            Read::Metadata { revision, .. } => {
                Found::Metadata(Arc::clone(self.metadata.get(revision)?))
            }
        })
    }

    fn count(&self, wanted: impl Fn(&Read) -> bool) -> usize {
        self.reads
            .iter()
            .filter(|(read, _)| wanted(read))
            .map(|(_, count)| count)
            .sum()
    }
}

fn registration(application: &str, port: u16) -> Registration {
    let service = ServiceInfo {
        interface: INTERFACE.into(),
        ..ServiceInfo::default()
    };
    Registration::new(application, "127.0.0.1", port, vec![service]).unwrap()
}

fn directory() -> Directory {
    Directory::new(Reference::new(INTERFACE).unwrap(), LAST_RESORT)
}

/// Reads everything that is due.
fn settle(directory: &mut Directory, tree: &mut Tree, now: Instant) {
    while let Some((read, watch)) = directory.next(now) {
        let found = tree.read(&read, watch);
        directory.answer(&read, found, now);
    }
}

fn listed(directory: &mut Directory, now: Instant) -> Option<Vec<u16>> {
    directory.publish(now).map(|published| {
        published
            .providers
            .iter()
            .map(|provider| provider.port)
            .collect()
    })
}

#[test]
fn instances_are_found_through_the_mapping_and_published_once() {
    let (mut directory, mut tree, now) = (directory(), Tree::default(), Instant::now());
    tree.mapping = Some("app,other".into());
    tree.register("app", 20002);
    tree.register("other", 20001);
    directory.start(true, now);
    settle(&mut directory, &mut tree, now);
    assert!(!directory.is_complete());
    assert_eq!(listed(&mut directory, now), Some(vec![20001, 20002]));
    assert!(directory.is_complete());
    assert_eq!(
        listed(&mut directory, now),
        None,
        "an unchanged list is not published again"
    );
}

#[test]
fn a_list_waits_for_the_reads_under_way_but_not_for_long() {
    let (mut directory, mut tree, now) = (directory(), Tree::default(), Instant::now());
    tree.mapping = Some("app".into());
    tree.register("app", 20001);
    tree.register("app", 20002);
    directory.start(true, now);
    let mut held = None;
    while let Some((read, watch)) = directory.next(now) {
        let found = tree.read(&read, watch);
        if matches!(&read, Read::Instance { node, .. } if node.ends_with('1')) {
            held = Some((read, found));
        } else {
            directory.answer(&read, found, now);
        }
    }
    assert_eq!(listed(&mut directory, now), None);
    let later = now + PATIENCE;
    assert!(directory.wakes_at().is_some_and(|at| at <= later));
    assert_eq!(listed(&mut directory, later), Some(vec![20002]));
    let (read, found) = held.unwrap();
    directory.answer(&read, found, later);
    assert_eq!(listed(&mut directory, later), Some(vec![20001, 20002]));
}

#[test]
fn a_storm_reads_each_instance_once_and_the_list_once_in_each_interval() {
    let (mut directory, mut tree, began) = (directory(), Tree::default(), Instant::now());
    tree.mapping = Some("app".into());
    tree.instances.insert("app".into(), BTreeMap::new());
    directory.start(true, began);
    settle(&mut directory, &mut tree, began);
    tree.reads.clear();
    let mut now = began;
    for number in 0..500 {
        now += Duration::from_millis(3);
        tree.register("app", 20000 + number);
        // The watch fires only if it was set after the last time.
        if let Some(at) = tree.watched.iter().position(|read| *read == list_of("app")) {
            tree.watched.swap_remove(at);
            directory.changed(&list_of("app"), now);
        }
        settle(&mut directory, &mut tree, now);
    }
    now += SPACING;
    settle(&mut directory, &mut tree, now);
    assert_eq!(listed(&mut directory, now).unwrap().len(), 500);
    let lists = u128::try_from(tree.count(|read| matches!(read, Read::Instances { .. }))).unwrap();
    assert!(
        lists <= (now - began).as_millis() / SPACING.as_millis() + 2,
        "{lists} reads of the list"
    );
    assert_eq!(
        tree.count(|read| matches!(read, Read::Instance { .. })),
        500
    );
}

#[test]
fn a_node_that_changes_all_the_time_is_read_at_intervals() {
    let (mut directory, mut tree, began) = (directory(), Tree::default(), Instant::now());
    tree.mapping = Some("app".into());
    tree.register("app", 20001);
    directory.start(true, began);
    settle(&mut directory, &mut tree, began);
    let node = Read::Instance {
        application: "app".into(),
        node: "127.0.0.1:20001".into(),
    };
    for step in 0..1000 {
        let now = began + Duration::from_millis(step);
        directory.changed(&node, now);
        settle(&mut directory, &mut tree, now);
    }
    assert!(tree.reads[&node] <= 6, "{}", tree.reads[&node]);
}

#[test]
fn a_change_during_a_read_is_followed_by_another_read() {
    let (mut directory, mut tree, now) = (directory(), Tree::default(), Instant::now());
    tree.mapping = Some("app".into());
    tree.register("app", 20001);
    directory.start(true, now);
    settle(&mut directory, &mut tree, now);
    directory.changed(&list_of("app"), now + SPACING);
    let (read, watch) = directory.next(now + SPACING).unwrap();
    let found = tree.read(&read, watch);
    tree.register("app", 20002);
    directory.changed(&read, now + SPACING);
    directory.answer(&read, found, now + SPACING);
    settle(&mut directory, &mut tree, now + 2 * SPACING);
    assert_eq!(
        listed(&mut directory, now + 2 * SPACING),
        Some(vec![20001, 20002])
    );
}

#[test]
fn an_instance_that_was_gone_for_a_moment_is_read_again() {
    let (mut directory, mut tree, now) = (directory(), Tree::default(), Instant::now());
    tree.mapping = Some("app".into());
    tree.register("app", 20001);
    directory.start(true, now);
    while let Some((read, watch)) = directory.next(now) {
        let found = match &read {
            Read::Instance { .. } if !tree.reads.contains_key(&read) => {
                tree.read(&read, watch);
                Some(Found::Absent)
            }
            _ => tree.read(&read, watch),
        };
        directory.answer(&read, found, now);
    }
    settle(&mut directory, &mut tree, now + SPACING);
    settle(&mut directory, &mut tree, now + 2 * SPACING);
    assert_eq!(listed(&mut directory, now + 2 * SPACING), Some(vec![20001]));
}

#[test]
fn a_reconnection_reads_the_lists_and_a_new_session_everything() {
    let (mut directory, mut tree, now) = (directory(), Tree::default(), Instant::now());
    tree.mapping = Some("app".into());
    tree.register("app", 20001);
    directory.start(true, now);
    settle(&mut directory, &mut tree, now);
    tree.reads.clear();
    directory.start(false, now);
    settle(&mut directory, &mut tree, now);
    assert_eq!(
        tree.reads,
        HashMap::from([(Read::Mapping, 1), (Read::Urls, 1), (list_of("app"), 1)])
    );
    directory.start(true, now);
    settle(&mut directory, &mut tree, now);
    assert_eq!(tree.count(|read| matches!(read, Read::Instance { .. })), 1);
}

#[test]
fn nothing_is_published_before_everything_was_read_again() {
    let (mut directory, mut tree, now) = (directory(), Tree::default(), Instant::now());
    tree.mapping = Some("app".into());
    tree.register("app", 20001);
    directory.start(true, now);
    settle(&mut directory, &mut tree, now);
    listed(&mut directory, now);
    directory.start(true, now);
    assert_eq!(listed(&mut directory, now), None);
    settle(&mut directory, &mut tree, now);
    assert_eq!(listed(&mut directory, now), None, "nothing has changed");
}

#[test]
fn an_emptied_list_is_a_last_resort_for_a_while() {
    let (mut directory, mut tree, mut now) = (directory(), Tree::default(), Instant::now());
    tree.mapping = Some("app".into());
    tree.register("app", 20001);
    tree.register("app", 20002);
    directory.start(true, now);
    settle(&mut directory, &mut tree, now);
    assert_eq!(listed(&mut directory, now), Some(vec![20001, 20002]));
    let mut pass = |directory: &mut Directory, tree: &mut Tree| {
        now += Duration::from_secs(1);
        directory.changed(&list_of("app"), now);
        settle(directory, tree, now);
        (
            directory.publish(now).map(|published| published.providers),
            now,
        )
    };
    tree.remove("app", 20002);
    let (list, _) = pass(&mut directory, &mut tree);
    assert_eq!(list.unwrap().len(), 1);
    tree.remove("app", 20001);
    let (list, now) = pass(&mut directory, &mut tree);
    let list = list.unwrap();
    assert_eq!(list.len(), 2, "who left a moment before is known, too");
    assert!(list.iter().all(|provider| !provider.listed));
    assert_eq!(directory.wakes_at(), Some(now + LAST_RESORT));
    assert_eq!(listed(&mut directory, now + LAST_RESORT - SPACING), None);
    assert_eq!(listed(&mut directory, now + LAST_RESORT), Some(vec![]));
    assert_eq!(directory.wakes_at(), None);
}

#[test]
fn a_new_provider_ends_the_last_resort() {
    let (mut directory, mut tree, now) = (directory(), Tree::default(), Instant::now());
    tree.mapping = Some("app".into());
    tree.register("app", 20001);
    directory.start(true, now);
    settle(&mut directory, &mut tree, now);
    listed(&mut directory, now);
    tree.remove("app", 20001);
    tree.mapping = None;
    directory.start(true, now);
    settle(&mut directory, &mut tree, now);
    assert!(!directory.publish(now).unwrap().providers[0].listed);
    tree.register("app", 20002);
    tree.mapping = Some("app".into());
    directory.start(true, now);
    settle(&mut directory, &mut tree, now);
    assert_eq!(listed(&mut directory, now), Some(vec![20002]));
    assert_eq!(listed(&mut directory, now + LAST_RESORT), None);
}

#[test]
fn a_read_that_failed_is_made_again_later() {
    let (mut directory, mut tree, now) = (directory(), Tree::default(), Instant::now());
    tree.mapping = Some("app".into());
    tree.register("app", 20001);
    directory.start(true, now);
    while let Some((read, _)) = directory.next(now) {
        directory.answer(&read, None, now);
    }
    assert_eq!(directory.wakes_at().map(|at| at <= now + RETRY), Some(true));
    assert_eq!(listed(&mut directory, now), None);
    assert!(!directory.is_complete());
    settle(&mut directory, &mut tree, now + RETRY);
    assert_eq!(listed(&mut directory, now + RETRY), Some(vec![20001]));
}

#[test]
fn metadata_that_failed_is_asked_for_again_at_another_instance() {
    let (mut directory, mut tree, now) = (directory(), Tree::default(), Instant::now());
    tree.mapping = Some("app".into());
    tree.register("app", 20001);
    tree.register("app", 20002);
    tree.metadata.clear();
    directory.start(true, now);
    settle(&mut directory, &mut tree, now);
    assert_eq!(
        listed(&mut directory, now),
        Some(vec![20001, 20002]),
        "taken as they are"
    );
    let revision = registration("app", 20001).revision();
    assert_eq!(tree.count(|read| matches!(read, Read::Metadata { .. })), 1);
    let host_port = |directory: &Directory| match directory.storage("app", &revision) {
        Some(Storage::Local(request)) => request.port,
        other => panic!("{other:?}"),
    };
    assert_eq!(host_port(&directory), 20002, "the first one has failed");
    let mut info = registration("app", 20001).metadata();
    info.services
        .values_mut()
        .for_each(|service| service.name = "other".into());
    tree.metadata.insert(revision.clone(), Arc::new(info));
    settle(&mut directory, &mut tree, now + METADATA_RETRY);
    let list = directory.publish(now + METADATA_RETRY).unwrap().providers;
    assert!(
        list.iter().all(|provider| !provider.listed),
        "they offer something else: nobody is left"
    );
}

#[test]
fn a_new_revision_does_not_hide_an_instance_while_it_is_asked_for() {
    let (mut directory, mut tree, now) = (directory(), Tree::default(), Instant::now());
    tree.mapping = Some("app".into());
    tree.register("app", 20001);
    tree.register("app", 20002);
    let first = registration("app", 20001);
    tree.metadata
        .insert(first.revision(), Arc::new(first.metadata()));
    directory.start(true, now);
    settle(&mut directory, &mut tree, now);
    assert_eq!(listed(&mut directory, now), Some(vec![20001, 20002]));
    let mut services = first.services().to_vec();
    services.push(ServiceInfo {
        interface: "b.B".into(),
        ..ServiceInfo::default()
    });
    let second = Registration::new("app", "127.0.0.1", 20001, services).unwrap();
    tree.put("app", "127.0.0.1:20001", second.node());
    let node = Read::Instance {
        application: "app".into(),
        node: "127.0.0.1:20001".into(),
    };
    let later = now + SPACING;
    directory.changed(&node, later);
    let (read, watch) = directory.next(later).unwrap();
    let found = tree.read(&read, watch);
    directory.answer(&read, found, later);
    let (asked, _) = directory.next(later).unwrap();
    assert!(matches!(asked, Read::Metadata { .. }));
    assert_eq!(
        listed(&mut directory, later + PATIENCE),
        None,
        "the list is as before"
    );
}

#[test]
fn unused_metadata_is_forgotten() {
    let (mut directory, mut tree, now) = (directory(), Tree::default(), Instant::now());
    tree.mapping = Some("app".into());
    tree.register("app", 20001);
    directory.start(true, now);
    settle(&mut directory, &mut tree, now);
    assert_eq!(directory.revisions.len(), 1);
    tree.remove("app", 20001);
    directory.changed(&list_of("app"), now + SPACING);
    settle(&mut directory, &mut tree, now + SPACING);
    assert_eq!(directory.revisions.len(), 0);
}

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
            self.fire(|read| *read == list_of("app"));
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
        let mut directory = Directory::new(Reference::new(INTERFACE).unwrap(), Duration::ZERO);
        let mut under_way: Vec<(Read, bool, Option<Found>)> = Vec::new();
        directory.start(true, now);
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
                    directory.start(new_session, now);
                }
                Turn::Tell(count) => {
                    for _ in 0..count {
                        // A watch is told of after the read that has set it.
                        let setting = |read: &Read| under_way.iter().any(|(known, watch, _)| *watch && known == read);
                        let Some(at) = server.fired.iter().position(|read| !setting(read)) else { break };
                        directory.changed(&server.fired.remove(at), now);
                    }
                }
                Turn::Begin => {
                    if let Some((read, watch)) = directory.next(now) {
                        let found = server.tree.read(&read, watch);
                        under_way.push((read, watch, found));
                    }
                }
                Turn::Finish(number) => {
                    if !under_way.is_empty() {
                        let (read, _, found) = under_way.remove(number % under_way.len());
                        directory.answer(&read, found, now);
                    }
                }
                Turn::Read(count, failing) => {
                    for number in 1..=count {
                        let Some((read, watch)) = directory.next(now) else { break };
                        let found = if number % failing == 0 { None } else { server.tree.read(&read, watch) };
                        directory.answer(&read, found, now);
                    }
                }
                Turn::Wait(milliseconds) => now += Duration::from_millis(milliseconds),
                Turn::Publish => drop(directory.publish(now)),
            }
        }
        for (read, _, found) in under_way {
            directory.answer(&read, found, now);
        }
        // Quiet: everything that was planned happens.
        for _ in 0..200 {
            for read in std::mem::take(&mut server.fired) {
                directory.changed(&read, now);
            }
            settle(&mut directory, &mut server.tree, now);
            directory.publish(now);
            now += Duration::from_secs(1);
        }
        let mapped = server.tree.mapping.is_some();
        let nodes = server.tree.instances["app"].iter().filter(|(_, (data, _))| mapped && data != b"broken");
        let expected: Vec<_> = nodes.map(|(name, _)| name.clone()).collect();
        let shown: Vec<_> = directory.last_resort.shown().iter().map(Provider::address).collect();
        prop_assert_eq!(shown, expected);
    }
}
