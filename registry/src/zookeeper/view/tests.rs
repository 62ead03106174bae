//! The view, driven without a server.

mod tree;
mod turns;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use self::tree::Tree;
use super::*;
use crate::{Registration, ServiceInfo};

const INTERFACE: &str = "a.A";
const LAST_RESORT: Duration = Duration::from_secs(60);

fn registration(application: &str, port: u16) -> Registration {
    let service = ServiceInfo {
        interface: INTERFACE.into(),
        ..ServiceInfo::default()
    };
    Registration::new(application, "127.0.0.1", port, vec![service]).unwrap()
}

fn view() -> View {
    View::new(Reference::new(INTERFACE).unwrap(), LAST_RESORT)
}

/// Reads everything that is due.
fn settle(view: &mut View, tree: &mut Tree, now: Instant) {
    while let Some((read, watch)) = view.next(now) {
        let found = tree.read(&read, watch);
        view.answer(&read, found, now);
    }
}

fn listed(view: &mut View, now: Instant) -> Option<Vec<u16>> {
    view.publish(now).map(|published| {
        published
            .providers
            .iter()
            .map(|provider| provider.port)
            .collect()
    })
}

#[test]
fn instances_are_found_through_the_mapping_and_published_once() {
    let (mut view, mut tree, now) = (view(), Tree::default(), Instant::now());
    tree.mapping = Some("app,other".into());
    tree.register("app", 20002);
    tree.register("other", 20001);
    view.start(true, now);
    settle(&mut view, &mut tree, now);
    assert!(!view.is_complete());
    assert_eq!(listed(&mut view, now), Some(vec![20001, 20002]));
    assert!(view.is_complete());
    assert_eq!(
        listed(&mut view, now),
        None,
        "an unchanged list is not published again"
    );
}

#[test]
fn a_list_waits_for_the_reads_under_way_but_not_for_long() {
    let (mut view, mut tree, now) = (view(), Tree::of_app([20001, 20002]), Instant::now());
    view.start(true, now);
    let mut held = None;
    while let Some((read, watch)) = view.next(now) {
        let found = tree.read(&read, watch);
        if matches!(&read, Read::Instance { node, .. } if node.ends_with('1')) {
            held = Some((read, found));
        } else {
            view.answer(&read, found, now);
        }
    }
    assert_eq!(listed(&mut view, now), None);
    let later = now + PATIENCE;
    assert!(view.wakes_at().is_some_and(|at| at <= later));
    assert_eq!(listed(&mut view, later), Some(vec![20002]));
    let (read, found) = held.unwrap();
    view.answer(&read, found, later);
    settle(&mut view, &mut tree, later);
    assert_eq!(listed(&mut view, later), Some(vec![20001, 20002]));
}

#[test]
fn a_storm_reads_each_instance_once_and_the_list_once_in_each_interval() {
    let (mut view, mut tree, began) = (view(), Tree::default(), Instant::now());
    tree.mapping = Some("app".into());
    tree.instances.insert("app".into(), BTreeMap::new());
    view.start(true, began);
    settle(&mut view, &mut tree, began);
    tree.reads.clear();
    let mut now = began;
    for number in 0..500 {
        now += Duration::from_millis(3);
        tree.register("app", 20000 + number);
        // The watch fires only if it was set after the last time.
        if let Some(at) = tree
            .watched
            .iter()
            .position(|read| *read == Read::instances("app"))
        {
            tree.watched.swap_remove(at);
            view.changed(&Read::instances("app"), now);
        }
        settle(&mut view, &mut tree, now);
    }
    now += SPACING;
    settle(&mut view, &mut tree, now);
    assert_eq!(listed(&mut view, now).unwrap().len(), 500);
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
    let (mut view, mut tree, began) = (view(), Tree::of_app([20001]), Instant::now());
    view.start(true, began);
    settle(&mut view, &mut tree, began);
    let node = Read::Instance {
        application: "app".into(),
        node: "127.0.0.1:20001".into(),
    };
    for step in 0..1000 {
        let now = began + Duration::from_millis(step);
        view.changed(&node, now);
        settle(&mut view, &mut tree, now);
    }
    assert!(tree.reads[&node] <= 6, "{}", tree.reads[&node]);
}

#[test]
fn a_change_during_a_read_is_followed_by_another_read() {
    let (mut view, mut tree, now) = (view(), Tree::of_app([20001]), Instant::now());
    view.start(true, now);
    settle(&mut view, &mut tree, now);
    view.changed(&Read::instances("app"), now + SPACING);
    let (read, watch) = view.next(now + SPACING).unwrap();
    let found = tree.read(&read, watch);
    tree.register("app", 20002);
    view.changed(&read, now + SPACING);
    view.answer(&read, found, now + SPACING);
    settle(&mut view, &mut tree, now + 2 * SPACING);
    assert_eq!(
        listed(&mut view, now + 2 * SPACING),
        Some(vec![20001, 20002])
    );
}

#[test]
fn an_instance_that_was_gone_for_a_moment_is_read_again() {
    let (mut view, mut tree, now) = (view(), Tree::of_app([20001]), Instant::now());
    view.start(true, now);
    while let Some((read, watch)) = view.next(now) {
        let found = match &read {
            Read::Instance { .. } if !tree.reads.contains_key(&read) => {
                tree.read(&read, watch);
                Some(Found::Absent)
            }
            _ => tree.read(&read, watch),
        };
        view.answer(&read, found, now);
    }
    settle(&mut view, &mut tree, now + SPACING);
    settle(&mut view, &mut tree, now + 2 * SPACING);
    assert_eq!(listed(&mut view, now + 2 * SPACING), Some(vec![20001]));
}

#[test]
fn a_reconnection_reads_the_lists_and_a_new_session_everything() {
    let (mut view, mut tree, now) = (view(), Tree::of_app([20001]), Instant::now());
    view.start(true, now);
    settle(&mut view, &mut tree, now);
    tree.reads.clear();
    view.start(false, now);
    settle(&mut view, &mut tree, now);
    assert_eq!(
        tree.reads,
        HashMap::from([
            (Read::Mapping, 1),
            (Read::Urls, 1),
            (Read::instances("app"), 1)
        ])
    );
    view.start(true, now);
    settle(&mut view, &mut tree, now);
    assert_eq!(tree.count(|read| matches!(read, Read::Instance { .. })), 1);
}

#[test]
fn nothing_is_published_before_everything_was_read_again() {
    let (mut view, mut tree, now) = (view(), Tree::of_app([20001]), Instant::now());
    view.start(true, now);
    settle(&mut view, &mut tree, now);
    listed(&mut view, now);
    view.start(true, now);
    assert_eq!(listed(&mut view, now), None);
    settle(&mut view, &mut tree, now);
    assert_eq!(listed(&mut view, now), None, "nothing has changed");
}

#[test]
fn an_emptied_list_is_a_last_resort_for_a_while() {
    let (mut view, mut tree, mut now) = (view(), Tree::of_app([20001, 20002]), Instant::now());
    view.start(true, now);
    settle(&mut view, &mut tree, now);
    assert_eq!(listed(&mut view, now), Some(vec![20001, 20002]));
    let mut pass = |view: &mut View, tree: &mut Tree| {
        now += Duration::from_secs(1);
        view.changed(&Read::instances("app"), now);
        settle(view, tree, now);
        (view.publish(now).map(|published| published.providers), now)
    };
    tree.remove("app", 20002);
    let (list, _) = pass(&mut view, &mut tree);
    assert_eq!(list.unwrap().len(), 1);
    tree.remove("app", 20001);
    let (list, now) = pass(&mut view, &mut tree);
    let list = list.unwrap();
    assert_eq!(list.len(), 2, "who left a moment before is known, too");
    assert!(list.iter().all(|provider| !provider.listed));
    assert_eq!(view.wakes_at(), Some(now + LAST_RESORT));
    assert_eq!(listed(&mut view, now + LAST_RESORT - SPACING), None);
    assert_eq!(listed(&mut view, now + LAST_RESORT), Some(vec![]));
    assert_eq!(view.wakes_at(), None);
}

#[test]
fn a_new_provider_stands_beside_the_last_resort_until_the_list_is_confirmed() {
    let (mut view, mut tree, now) = (view(), Tree::of_app([20001]), Instant::now());
    view.start(true, now);
    settle(&mut view, &mut tree, now);
    listed(&mut view, now);
    tree.remove("app", 20001);
    tree.mapping = None;
    view.start(true, now);
    settle(&mut view, &mut tree, now);
    assert!(!view.publish(now).unwrap().providers[0].listed);
    tree.register("app", 20002);
    tree.mapping = Some("app".into());
    view.start(true, now);
    settle(&mut view, &mut tree, now);
    let both = view.publish(now).unwrap().providers;
    let states: Vec<_> = both.iter().map(|p| (p.port, p.listed)).collect();
    assert_eq!(states, [(20001, false), (20002, true)]);
    assert_eq!(listed(&mut view, now + LAST_RESORT), Some(vec![20002]));
    assert_eq!(listed(&mut view, now + 2 * LAST_RESORT), None);
}

#[test]
fn a_list_that_comes_back_one_by_one_keeps_the_rest() {
    let all = 20001..=20100;
    let (mut view, mut now) = (view(), Instant::now());
    let mut tree = Tree::of_app(all.clone());
    view.start(true, now);
    settle(&mut view, &mut tree, now);
    assert_eq!(listed(&mut view, now).unwrap().len(), 100);
    for port in all.clone().skip(1) {
        tree.remove("app", port);
    }
    let mut pass = |view: &mut View, tree: &mut Tree, seconds| {
        now += Duration::from_secs(seconds);
        view.changed(&Read::instances("app"), now);
        settle(view, tree, now);
        view.publish(now).map(|published| {
            let count = |listed| {
                let providers = published.providers.iter();
                providers.filter(|p| p.listed == listed).count()
            };
            (count(true), count(false))
        })
    };
    assert_eq!(pass(&mut view, &mut tree, 1), Some((1, 99)));
    for (port, number) in all.skip(1).zip(2..) {
        tree.register("app", port);
        assert_eq!(pass(&mut view, &mut tree, 1), Some((number, 100 - number)));
    }
    assert_eq!(pass(&mut view, &mut tree, 100), None, "the list is exact");
}

#[test]
fn a_list_that_stays_small_is_confirmed() {
    let (mut view, mut tree, now) = (view(), Tree::of_app(20001..=20010), Instant::now());
    view.start(true, now);
    settle(&mut view, &mut tree, now);
    listed(&mut view, now);
    for port in 20002..=20010 {
        tree.remove("app", port);
    }
    view.changed(&Read::instances("app"), now);
    settle(&mut view, &mut tree, now + SPACING);
    assert_eq!(listed(&mut view, now + SPACING).unwrap().len(), 10);
    let confirmed = view.wakes_at().expect("the last resort ends by itself");
    assert_eq!(listed(&mut view, confirmed), Some(vec![20001]));
    assert_eq!(view.wakes_at(), None);
}

#[test]
fn a_list_that_shrinks_by_half_is_taken_at_its_word() {
    let (mut view, mut tree, now) = (view(), Tree::of_app([20001, 20002]), Instant::now());
    view.start(true, now);
    settle(&mut view, &mut tree, now);
    listed(&mut view, now);
    tree.remove("app", 20002);
    view.changed(&Read::instances("app"), now);
    settle(&mut view, &mut tree, now + SPACING);
    assert_eq!(listed(&mut view, now + SPACING), Some(vec![20001]));
}

#[test]
fn an_empty_first_list_is_an_answer_once_everything_was_read() {
    let (mut view, mut tree, now) = (view(), Tree::default(), Instant::now());
    view.start(true, now);
    let (read, _) = view.next(now).unwrap();
    view.answer(&read, None, now);
    assert_eq!(listed(&mut view, now + PATIENCE), None, "a read has failed");
    settle(&mut view, &mut tree, now + RETRY);
    assert_eq!(listed(&mut view, now + RETRY), Some(vec![]));
    assert_eq!(listed(&mut view, now + RETRY), None, "once");
}

#[test]
fn a_read_that_failed_is_made_again_later() {
    let (mut view, mut tree, now) = (view(), Tree::of_app([20001]), Instant::now());
    view.start(true, now);
    while let Some((read, _)) = view.next(now) {
        view.answer(&read, None, now);
    }
    assert_eq!(view.wakes_at().map(|at| at <= now + RETRY), Some(true));
    assert_eq!(listed(&mut view, now), None);
    assert!(!view.is_complete());
    settle(&mut view, &mut tree, now + RETRY);
    assert_eq!(listed(&mut view, now + RETRY), Some(vec![20001]));
}

#[test]
fn metadata_that_failed_is_asked_for_again_at_another_instance() {
    let (mut view, mut tree, now) = (view(), Tree::of_app([20001]), Instant::now());
    // On two hosts with one port, and so of one revision.
    let services = registration("app", 20001).services().to_vec();
    let second = Registration::new("app", "127.0.0.2", 20001, services).unwrap();
    tree.put("app", &second.id(), second.node_data());
    tree.metadata.clear();
    view.start(true, now);
    settle(&mut view, &mut tree, now);
    assert_eq!(
        listed(&mut view, now),
        Some(vec![20001, 20001]),
        "taken as they are"
    );
    let revision = registration("app", 20001).revision();
    assert_eq!(tree.count(|read| matches!(read, Read::Metadata { .. })), 1);
    let host = |view: &View| match view.storage("app", &revision) {
        Some(Storage::Local(request)) => request.host,
        other => panic!("{other:?}"),
    };
    assert_eq!(host(&view), "127.0.0.2", "the first one has failed");
    let mut info = registration("app", 20001).metadata();
    info.services
        .values_mut()
        .for_each(|service| service.name = "other".into());
    tree.metadata.insert(revision.clone(), Arc::new(info));
    settle(&mut view, &mut tree, now + METADATA_RETRY);
    let list = view.publish(now + METADATA_RETRY).unwrap().providers;
    assert!(
        list.iter().all(|provider| !provider.listed),
        "they offer something else: none is left"
    );
}

#[test]
fn a_new_revision_does_not_hide_an_instance_while_it_is_asked_for() {
    let (mut view, mut tree, now) = (view(), Tree::of_app([20001, 20002]), Instant::now());
    let first = registration("app", 20001);
    tree.metadata
        .insert(first.revision(), Arc::new(first.metadata()));
    view.start(true, now);
    settle(&mut view, &mut tree, now);
    assert_eq!(listed(&mut view, now), Some(vec![20001, 20002]));
    let mut services = first.services().to_vec();
    services.push(ServiceInfo {
        interface: "b.B".into(),
        ..ServiceInfo::default()
    });
    let second = Registration::new("app", "127.0.0.1", 20001, services).unwrap();
    tree.put("app", "127.0.0.1:20001", second.node_data());
    let node = Read::Instance {
        application: "app".into(),
        node: "127.0.0.1:20001".into(),
    };
    let later = now + SPACING;
    view.changed(&node, later);
    let (read, watch) = view.next(later).unwrap();
    let found = tree.read(&read, watch);
    view.answer(&read, found, later);
    let (asked, _) = view.next(later).unwrap();
    assert!(matches!(asked, Read::Metadata { .. }));
    assert_eq!(
        listed(&mut view, later + PATIENCE),
        None,
        "the list is as before"
    );
}

#[test]
fn unused_metadata_is_forgotten() {
    let (mut view, mut tree, now) = (view(), Tree::of_app([20001]), Instant::now());
    view.start(true, now);
    settle(&mut view, &mut tree, now);
    assert_eq!(view.revisions.len(), 1);
    tree.remove("app", 20001);
    view.changed(&Read::instances("app"), now + SPACING);
    settle(&mut view, &mut tree, now + SPACING);
    assert_eq!(view.revisions.len(), 0);
}
