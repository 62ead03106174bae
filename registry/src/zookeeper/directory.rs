//! The state machine of a subscription: mapping → applications → instances → endpoints, with the interface-level providers
//! beside them.
//!
//! Nothing here waits or talks to a server: the driver takes each [`Read`], reports what it found, says which watches have
//! fired, and asks for the list. Reads of one node are at least [`SPACING`] apart (the first is made at once), so a storm of
//! registrations costs each instance one read and each list no more than one read in that time: N instances that come
//! within a time T cost at most N + T / SPACING + 2 reads besides those of their metadata, of which each revision costs one.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use tokio::time::Instant;

use super::{mapping, path, url};
use crate::{
    Malformed, MetadataInfo, Provider, Reference,
    instance::{self, Instance, Storage},
    provider::ordered,
};

mod last_resort;
mod malformed_nodes;
mod offer;
mod schedule;

use last_resort::LastResort;
use malformed_nodes::MalformedNodes;
use offer::{described, taken_as_it_is};
use schedule::{Schedule, Watched};

/// The least time between two reads of the same node.
pub(super) const SPACING: Duration = Duration::from_millis(200);

/// How long a list may wait for the reads that are still under way before it is published without them.
const PATIENCE: Duration = Duration::from_millis(500);

/// How long after a failed read it is tried again.
const RETRY: Duration = Duration::from_secs(5);

/// How long after metadata could not be fetched it is asked for again.
const METADATA_RETRY: Duration = Duration::from_secs(30);

/// Something to read.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Read {
    Mapping,
    Instances {
        application: String,
    },
    Instance {
        application: String,
        node: String,
    },
    /// The list of interface-level providers.
    Urls,
    Metadata {
        application: String,
        revision: String,
    },
}

/// What a read has found.
#[derive(Clone, Debug)]
pub(super) enum Found {
    Absent,
    Data { data: Vec<u8>, modified: i64 },
    Children(Vec<String>),
    Metadata(Arc<MetadataInfo>),
}

/// A list to publish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Published {
    pub(super) providers: Vec<Provider>,
    /// The number of instances listed for the service's applications.
    pub(super) listed: usize,
    /// When the first sign of this change was seen.
    pub(super) since: Instant,
}

#[derive(Debug)]
pub(super) struct Directory {
    reference: Reference,
    schedule: Schedule,
    mapping: Watched,
    urls: Watched,
    url_providers: Vec<Provider>,
    /// The names of the children behind `url_providers`, usable or not.
    url_names: usize,
    applications: BTreeMap<String, Application>,
    metadata: HashMap<(String, String), Metadata>,
    last_resort: LastResort,
    /// The first sign of a change that is not published yet.
    dirty: Option<Instant>,
    complete: bool,
    malformed: MalformedNodes,
}

fn list_of(application: &str) -> Read {
    Read::Instances {
        application: application.to_owned(),
    }
}

#[derive(Debug, Default)]
struct Application {
    watched: Watched,
    instances: BTreeMap<String, Node>,
}

#[derive(Debug, Default)]
struct Node {
    watched: Watched,
    instance: Option<Instance>,
    /// What it offered last, kept while the metadata of a new revision is asked for.
    offered: Option<Provider>,
}

#[derive(Debug)]
enum Metadata {
    Asking { failures: usize },
    Known(Arc<MetadataInfo>),
    Unknown { failures: usize },
}

impl Directory {
    pub(super) fn new(reference: Reference, last_resort: Duration) -> Self {
        Self {
            reference,
            schedule: Schedule::default(),
            mapping: Watched::default(),
            urls: Watched::default(),
            url_providers: Vec::new(),
            url_names: 0,
            applications: BTreeMap::new(),
            metadata: HashMap::new(),
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
        for (application, revision) in self.unknown_revisions() {
            self.schedule.at(
                now,
                Read::Metadata {
                    application,
                    revision,
                },
            );
        }
    }

    fn unknown_revisions(&self) -> Vec<(String, String)> {
        let unknown = self
            .metadata
            .iter()
            .filter(|(_, metadata)| !matches!(metadata, Metadata::Known(_)));
        unknown.map(|(key, _)| key.clone()).collect()
    }

    /// Returns the next read to make, and whether it has to set a watch.
    pub(super) fn next(&mut self, now: Instant) -> Option<(Read, bool)> {
        while let Some(read) = self.schedule.take(now) {
            if let Read::Metadata {
                application,
                revision,
            } = &read
            {
                let key = (application.clone(), revision.clone());
                if let Some(metadata) = self.metadata.get_mut(&key) {
                    let failures = metadata.failures();
                    *metadata = Metadata::Asking { failures };
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
        let failures = self
            .metadata
            .get(&(application.to_owned(), revision.to_owned()))
            .map_or(0, Metadata::failures);
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
        let providers = self.last_resort.show(collected, now)?;
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

    fn take_mapping(&mut self, found: Found, now: Instant) {
        let path = path::mapping(self.reference.interface());
        let names = match found {
            Found::Data { data, modified } => match mapping::applications(&data) {
                Ok((names, bad)) => {
                    let keys: HashSet<_> = bad
                        .iter()
                        .map(|reason| format!("{path} {reason}"))
                        .collect();
                    self.malformed
                        .retain(|key| !key.starts_with(&path) || keys.contains(key));
                    for reason in bad {
                        self.malformed.note(
                            format!("{path} {reason}"),
                            path.clone(),
                            modified,
                            reason,
                        );
                    }
                    names
                }
                // Whatever it said before is a better guess than nothing.
                Err(reason) => return self.report(path, modified, reason),
            },
            _ => Vec::new(),
        };
        self.applications.retain(|name, _| names.contains(name));
        for application in names {
            if !self.applications.contains_key(&application) {
                self.applications
                    .insert(application.clone(), Application::default());
                self.plan(Read::Instances { application }, now);
            }
        }
        self.forget_unused();
    }

    fn take_instances(&mut self, application: &str, found: Found, now: Instant) {
        let children = if let Found::Children(children) = found {
            children
        } else {
            Vec::new()
        };
        let Some(known) = self.applications.get_mut(application) else {
            return;
        };
        let mut former = std::mem::take(&mut known.instances);
        for node in children {
            known
                .instances
                .insert(node.clone(), former.remove(&node).unwrap_or_default());
        }
        let unread = known
            .instances
            .iter()
            .filter(|(_, node)| !node.watched.is_current());
        for node in unread.map(|(node, _)| node.clone()).collect::<Vec<_>>() {
            self.plan(
                Read::Instance {
                    application: application.to_owned(),
                    node,
                },
                now,
            );
        }
        self.forget_unused();
    }

    fn take_instance(&mut self, application: &str, name: &str, found: Found, now: Instant) {
        let Some(known) = self.applications.get_mut(application) else {
            return;
        };
        let Some(node) = known.instances.get_mut(name) else {
            return;
        };
        let Found::Data { data, modified } = found else {
            // The list tells whether it is gone or has just come again.
            node.instance = None;
            node.watched.fired();
            return self.plan(list_of(application), now);
        };
        node.instance = match instance::parse(application, &data) {
            Ok(instance) => instance,
            Err(reason) => {
                node.instance = None;
                return self.report(path::instance(application, name), modified, reason);
            }
        };
        if let Some(Instance {
            revision, storage, ..
        }) = &node.instance
        {
            let key = (application.to_owned(), revision.clone());
            if *storage != Storage::Nowhere && !self.metadata.contains_key(&key) {
                let read = Read::Metadata {
                    application: key.0.clone(),
                    revision: key.1.clone(),
                };
                self.metadata.insert(key, Metadata::Asking { failures: 0 });
                self.schedule.at(now, read);
            }
        }
    }

    fn take_urls(&mut self, found: Found) {
        let names = if let Found::Children(names) = found {
            names
        } else {
            Vec::new()
        };
        let folder = path::providers(self.reference.interface());
        let mut malformed = HashSet::new();
        self.url_names = names.len();
        self.url_providers = Vec::new();
        for name in names {
            match url::parse(&self.reference, &name) {
                Ok(provider) => self.url_providers.extend(provider),
                Err(reason) => {
                    let path = format!("{folder}/{name}");
                    malformed.insert(path.clone());
                    self.report(path, 0, reason);
                }
            }
        }
        self.malformed
            .retain(|key| !key.starts_with(&folder) || malformed.contains(key));
    }

    fn take_metadata(
        &mut self,
        application: &str,
        revision: &str,
        found: Option<Found>,
        now: Instant,
    ) {
        let Some(metadata) = self
            .metadata
            .get_mut(&(application.to_owned(), revision.to_owned()))
        else {
            return;
        };
        if let Some(Found::Metadata(info)) = found {
            *metadata = Metadata::Known(info);
        } else {
            *metadata = Metadata::Unknown {
                failures: metadata.failures() + 1,
            };
            let read = Read::Metadata {
                application: application.to_owned(),
                revision: revision.to_owned(),
            };
            self.schedule.at(now + METADATA_RETRY, read);
        }
    }

    /// Collects what is offered now, and how many instances are listed.
    fn collect(&mut self) -> (Vec<Provider>, usize) {
        let (mut providers, mut listed) = (Vec::new(), self.url_names);
        for (application, known) in &mut self.applications {
            listed += known.instances.len();
            for node in known.instances.values_mut() {
                let Some(instance) = &node.instance else {
                    node.offered = None;
                    continue;
                };
                match self
                    .metadata
                    .get(&(application.clone(), instance.revision.clone()))
                {
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

    /// Forgets what belongs to instances that are no longer listed.
    fn forget_unused(&mut self) {
        let applications = &self.applications;
        let used: HashSet<(&str, &str)> = applications
            .iter()
            .flat_map(|(application, known)| {
                let instances = known
                    .instances
                    .values()
                    .filter_map(|node| node.instance.as_ref());
                instances.map(move |instance| (application.as_str(), instance.revision.as_str()))
            })
            .collect();
        let mut unused = HashSet::new();
        self.metadata.retain(|(application, revision), _| {
            let keep = used.contains(&(application.as_str(), revision.as_str()));
            if !keep {
                unused.insert(path::metadata(application, revision));
            }
            keep
        });
        self.malformed.retain(|key| {
            let instance = key
                .strip_prefix("/services/")
                .and_then(|rest| rest.split_once('/'));
            let is_gone = instance.is_some_and(|(application, node)| {
                !applications
                    .get(application)
                    .is_some_and(|known| known.instances.contains_key(node))
            });
            !is_gone && !unused.contains(key)
        });
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

impl Metadata {
    fn failures(&self) -> usize {
        match self {
            Self::Asking { failures } | Self::Unknown { failures } => *failures,
            Self::Known(_) => 0,
        }
    }
}

#[cfg(test)]
mod tests;
