//! What each answer of ZooKeeper means for the view.

use std::collections::HashSet;

use tokio::time::Instant;

use super::{Application, Found, METADATA_RETRY, Read, View, mapping, path, url};
use crate::instance::{self, Instance, Storage};

impl View {
    pub(super) fn take_mapping(&mut self, found: Found, now: Instant) {
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

    pub(super) fn take_instances(&mut self, application: &str, found: Found, now: Instant) {
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

    pub(super) fn take_instance(
        &mut self,
        application: &str,
        name: &str,
        found: Found,
        now: Instant,
    ) {
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
            return self.plan(Read::instances(application), now);
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
            && *storage != Storage::Nowhere
            && self.revisions.add(application, revision)
        {
            let read = Read::Metadata {
                application: application.to_owned(),
                revision: revision.clone(),
            };
            self.schedule.at(now, read);
        }
    }

    pub(super) fn take_urls(&mut self, found: Found) {
        let names = if let Found::Children(names) = found {
            names
        } else {
            Vec::new()
        };
        let folder = path::providers(self.reference.interface());
        let mut malformed = HashSet::new();
        self.url_addresses = names.iter().map(|name| url::address(name)).collect();
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

    pub(super) fn take_metadata(
        &mut self,
        application: &str,
        revision: &str,
        found: Option<Found>,
        now: Instant,
    ) {
        let info = match found {
            Some(Found::Metadata(info)) => Some(info),
            _ => None,
        };
        if self.revisions.answer(application, revision, info) {
            let read = Read::Metadata {
                application: application.to_owned(),
                revision: revision.to_owned(),
            };
            self.schedule.at(now + METADATA_RETRY, read);
        }
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
        let unused = self.revisions.keep(&used);
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
}
