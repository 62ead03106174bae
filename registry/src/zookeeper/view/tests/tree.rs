//! The nodes of a server, in memory.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::registration;
use crate::{
    MetadataInfo,
    zookeeper::view::{Found, Read},
};

/// A tree of nodes, as a server would have it, and what was read from it.
#[derive(Debug, Default)]
pub(super) struct Tree {
    pub(super) mapping: Option<String>,
    pub(super) instances: BTreeMap<String, BTreeMap<String, (Vec<u8>, i64)>>,
    pub(super) urls: Vec<String>,
    pub(super) metadata: HashMap<String, Arc<MetadataInfo>>,
    pub(super) clock: i64,
    pub(super) reads: HashMap<Read, usize>,
    pub(super) watched: Vec<Read>,
}

impl Tree {
    /// Makes a tree whose mapping names one application, `app`, with instances at these ports.
    pub(super) fn of_app(ports: impl IntoIterator<Item = u16>) -> Self {
        let mut tree = Self {
            mapping: Some("app".into()),
            ..Self::default()
        };
        for port in ports {
            tree.register("app", port);
        }
        tree
    }

    pub(super) fn put(&mut self, application: &str, node: &str, data: impl Into<Vec<u8>>) {
        self.clock += 1;
        let clock = self.clock;
        self.instances
            .entry(application.into())
            .or_default()
            .insert(node.into(), (data.into(), clock));
    }

    /// Adds an instance that tells its metadata.
    pub(super) fn register(&mut self, application: &str, port: u16) {
        let registration = registration(application, port);
        self.metadata
            .insert(registration.revision(), Arc::new(registration.metadata()));
        self.put(application, &registration.id(), registration.node_data());
    }

    pub(super) fn remove(&mut self, application: &str, port: u16) {
        self.instances
            .get_mut(application)
            .unwrap()
            .remove(&format!("127.0.0.1:{port}"));
    }

    pub(super) fn read(&mut self, read: &Read, watch: bool) -> Option<Found> {
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

    pub(super) fn count(&self, wanted: impl Fn(&Read) -> bool) -> usize {
        self.reads
            .iter()
            .filter(|(read, _)| wanted(read))
            .map(|(_, count)| count)
            .sum()
    }
}
