//! A consumer's view of one service, the state machine of a subscription: mapping → applications → instances → providers, with
//! the interface-level providers beside them.
//!
//! Nothing here waits or talks to a server: the discovery takes each [`Read`], reports what it found, says which watches have
//! fired, and asks for the list. Reads of one node are at least [`SPACING`] apart (the first is made at once), so a storm of
//! registrations costs each instance one read and each list no more than one read in that time: N instances that come
//! within a time T cost at most N + T / SPACING + 2 reads besides those of their metadata, of which each revision costs one.

use std::{collections::BTreeMap, time::Duration};

use tokio::time::Instant;

use super::{mapping, path, url};
use crate::{
    Malformed, ProviderEntry, Reference,
    instance::{Instance, Storage},
    provider::ordered,
};

mod answers;
mod described;
mod last_resort;
mod malformed_nodes;
mod read;
mod revisions;
mod schedule;

use described::{described, taken_as_it_is};
use last_resort::LastResort;
use malformed_nodes::MalformedNodes;
use revisions::{Metadata, Revisions};
use schedule::{Schedule, Watched};

pub(super) use read::{Found, Published, Read};

/// The least time between two reads of the same node.
const SPACING: Duration = Duration::from_millis(200);

/// How long a list may wait for the reads that are still under way before it is published without them.
const PATIENCE: Duration = Duration::from_millis(500);

/// How long after a failed read it is tried again.
const RETRY: Duration = Duration::from_secs(5);

/// How long after metadata could not be fetched it is asked for again.
const METADATA_RETRY: Duration = Duration::from_secs(30);

/// What is known of a service, and what has to be read next.
#[derive(Debug)]
pub(super) struct View {
    reference: Reference,
    schedule: Schedule,
    mapping: Watched,
    urls: Watched,
    url_providers: Vec<ProviderEntry>,
    /// The addresses in the names behind `url_providers`, whether those are usable or not.
    url_addresses: Vec<Option<String>>,
    applications: BTreeMap<String, Application>,
    revisions: Revisions,
    last_resort: LastResort,
    /// The first sign of a change that is not published yet.
    dirty: Option<Instant>,
    complete: bool,
    malformed: MalformedNodes,
}

/// An application of the mapping, and the instances that are listed for it.
#[derive(Debug, Default)]
struct Application {
    watched: Watched,
    instances: BTreeMap<String, Node>,
}

/// A listed instance, and what its node says of it.
#[derive(Debug, Default)]
struct Node {
    watched: Watched,
    instance: Option<Instance>,
    /// What it offered last, kept while the metadata of a new revision is asked for.
    offered: Option<ProviderEntry>,
}

impl View {
    pub(super) fn new(reference: Reference, last_resort: Duration) -> Self {
        Self {
            reference,
            schedule: Schedule::default(),
            mapping: Watched::default(),
            urls: Watched::default(),
            url_providers: Vec::new(),
            url_addresses: Vec::new(),
            applications: BTreeMap::new(),
            revisions: Revisions::default(),
            last_resort: LastResort::new(last_resort),
            dirty: None,
            complete: false,
            malformed: MalformedNodes::default(),
        }
    }

    /// Reads all lists again, after a connection was established; in a new session every watch has to be set again, too.
    pub(super) fn start(&mut self, new_session: bool, now: Instant) {
        self.schedule = Schedule::default();
        self.complete = false;
        let nodes = self.applications.values_mut().flat_map(|application| {
            let instances = application
                .instances
                .values_mut()
                .map(|node| &mut node.watched);
            instances.chain([&mut application.watched])
        });
        for watched in nodes.chain([&mut self.mapping, &mut self.urls]) {
            watched.interrupted(new_session);
        }
        self.plan(Read::Mapping, now);
        self.plan(Read::Urls, now);
        for application in self.applications.keys().cloned().collect::<Vec<_>>() {
            self.plan(Read::Instances { application }, now);
        }
        for (application, revision) in self.revisions.unknown() {
            self.schedule.at(
                now,
                Read::Metadata {
                    application,
                    revision,
                },
            );
        }
    }

    /// Returns the next read to make, and whether it has to set a watch.
    pub(super) fn next(&mut self, now: Instant) -> Option<(Read, bool)> {
        while let Some(read) = self.schedule.take(now) {
            if let Read::Metadata {
                application,
                revision,
            } = &read
            {
                if self.revisions.ask(application, revision) {
                    self.schedule.begun();
                    return Some((read, false));
                }
            } else if let Some(watched) = self.watched(&read) {
                let watch = watched.begin(now);
                self.schedule.begun();
                return Some((read, watch));
            }
        }
        None
    }

    /// Says where to ask for the metadata of a revision: another of its instances after each failure.
    pub(super) fn storage(&self, application: &str, revision: &str) -> Option<Storage> {
        let failures = self.revisions.failures(application, revision);
        let instances = self
            .applications
            .get(application)?
            .instances
            .values()
            .filter_map(|node| node.instance.as_ref());
        let storages: Vec<_> = instances
            .filter(|instance| instance.revision == revision)
            .map(|instance| &instance.storage)
            .collect();
        let chosen = failures.checked_rem(storages.len())?;
        Some(storages[chosen].clone())
    }

    /// Takes what a read has found; `None` when it failed.
    pub(super) fn answer(&mut self, read: &Read, found: Option<Found>, now: Instant) {
        self.schedule.ended();
        let again = self
            .watched(read)
            .is_some_and(|watched| watched.ended(found.is_some()));
        match (read, found) {
            (
                Read::Metadata {
                    application,
                    revision,
                },
                found,
            ) => self.take_metadata(application, revision, found, now),
            (_, None) => self.plan(read.clone(), now + RETRY),
            (Read::Mapping, Some(found)) => self.take_mapping(found, now),
            (Read::Urls, Some(found)) => self.take_urls(found),
            (Read::Instances { application }, Some(found)) => {
                self.take_instances(application, found, now)
            }
            (Read::Instance { application, node }, Some(found)) => {
                self.take_instance(application, node, found, now)
            }
        }
        if again {
            self.plan(read.clone(), now);
        }
        self.dirty.get_or_insert(now);
    }

    /// Notes that a watch has fired.
    pub(super) fn changed(&mut self, read: &Read, now: Instant) {
        if let Some(watched) = self.watched(read) {
            watched.fired();
            self.dirty.get_or_insert(now);
            self.plan(read.clone(), now);
        }
    }

    /// Returns the list if there is a new one to publish.
    pub(super) fn publish(&mut self, now: Instant) -> Option<Published> {
        let idle = self.schedule.is_idle(now);
        let resort_is_over = self.last_resort.until().is_some_and(|until| until <= now);
        let since = match self.dirty {
            Some(since) if idle || since + PATIENCE <= now => since,
            _ if resort_is_over => now,
            _ => return None,
        };
        self.dirty = None;
        self.complete |= idle && !self.has_failed();
        let (collected, listed) = self.collect();
        let providers = self.last_resort.show(collected, self.complete, now)?;
        Some(Published {
            providers,
            listed,
            since,
        })
    }

    fn has_failed(&self) -> bool {
        let lists = self.applications.values().map(|known| &known.watched);
        lists
            .chain([&self.mapping, &self.urls])
            .any(Watched::has_failed)
    }

    /// Tells when [`next`](Self::next) or [`publish`](Self::publish) may have something without a further event.
    pub(super) fn wakes_at(&self) -> Option<Instant> {
        let patience = self.dirty.map(|since| since + PATIENCE);
        [self.schedule.next_at(), self.last_resort.until(), patience]
            .into_iter()
            .flatten()
            .min()
    }

    /// Tells whether everything was read since the connection was established.
    pub(super) fn is_complete(&self) -> bool {
        self.complete
    }

    /// Takes the nodes that were found malformed since the last call. Each is named once for each of its states.
    pub(super) fn malformed_nodes(&mut self) -> Vec<(String, Malformed)> {
        self.malformed.take()
    }

    pub(super) fn reference(&self) -> &Reference {
        &self.reference
    }

    /// Collects what is offered now, and how many instances are listed.
    fn collect(&mut self) -> (Vec<ProviderEntry>, usize) {
        // Most providers are registered both ways.
        let instances = |address: &str| {
            let mut applications = self.applications.values();
            applications.any(|known| known.instances.contains_key(address))
        };
        let urls = self.url_addresses.iter();
        let alone = urls.filter(|address| !address.as_deref().is_some_and(instances));
        let (mut providers, mut listed) = (Vec::new(), alone.count());
        for (application, known) in &mut self.applications {
            listed += known.instances.len();
            for node in known.instances.values_mut() {
                let Some(instance) = &node.instance else {
                    node.offered = None;
                    continue;
                };
                match self.revisions.get(application, &instance.revision) {
                    Some(Metadata::Asking { failures: 0 }) => {}
                    Some(Metadata::Known(info)) => {
                        node.offered = described(&self.reference, application, instance, info);
                    }
                    Some(Metadata::Asking { .. } | Metadata::Unknown { .. }) | None => {
                        node.offered = Some(taken_as_it_is(&self.reference, application, instance));
                    }
                }
                providers.extend(node.offered.clone());
            }
        }
        // Of two entries for one address the first is kept: the application-level one.
        providers.extend(self.url_providers.iter().cloned());
        (ordered(providers), listed)
    }

    /// Notes a malformed node, unless this state of it, last modified at `modified`, is known.
    pub(super) fn report(&mut self, path: String, modified: i64, reason: Malformed) {
        self.malformed.note(path.clone(), path, modified, reason);
    }

    fn plan(&mut self, read: Read, at: Instant) {
        let Some(at) = self.watched(&read).and_then(|watched| watched.plan(at)) else {
            return;
        };
        self.schedule.at(at, read);
    }

    fn watched(&mut self, read: &Read) -> Option<&mut Watched> {
        match read {
            Read::Mapping => Some(&mut self.mapping),
            Read::Urls => Some(&mut self.urls),
            Read::Instances { application } => {
                Some(&mut self.applications.get_mut(application)?.watched)
            }
            Read::Instance { application, node } => Some(
                &mut self
                    .applications
                    .get_mut(application)?
                    .instances
                    .get_mut(node)?
                    .watched,
            ),
            Read::Metadata { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests;
