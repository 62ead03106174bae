//! Metadata by application and revision, kept for all subscriptions as long as one of them uses it.

use std::{
    collections::HashMap,
    sync::{Arc, Weak},
    time::Duration,
};

use parking_lot::Mutex;
use tokio::{
    sync::Semaphore,
    time::{Instant, timeout},
};
use tracing::debug;

use super::{node::ZkClient, path};
use crate::{
    Malformed, MetadataInfo, MetadataRequest, MetadataSource, Observer,
    instance::{Storage, check_size},
};

/// How long an instance may take to tell its metadata, as dubbo-go has it.
const RPC_DEADLINE: Duration = Duration::from_secs(5);

/// How many instances are asked at once, so that hundreds of revisions do not open hundreds of connections.
const MAX_QUESTIONS: usize = 32;

/// The metadata that some subscription uses, and the way to more.
#[derive(Debug)]
pub(super) struct MetadataCache {
    source: Arc<dyn MetadataSource>,
    observer: Arc<dyn Observer>,
    known: Mutex<HashMap<(String, String), Weak<MetadataInfo>>>,
    questions: Semaphore,
}

/// What came of asking for metadata.
#[derive(Debug, Default)]
pub(super) struct Asked {
    pub(super) info: Option<Arc<MetadataInfo>>,
    /// The node in ZooKeeper that should have held it and doesn't make sense: its path, when it was modified, and why.
    pub(super) malformed: Option<(String, i64, Malformed)>,
}

impl MetadataCache {
    pub(super) fn new(source: Arc<dyn MetadataSource>, observer: Arc<dyn Observer>) -> Self {
        Self {
            source,
            observer,
            known: Mutex::default(),
            questions: Semaphore::new(MAX_QUESTIONS),
        }
    }

    /// Returns the metadata of a revision: known, from ZooKeeper, or from an instance.
    pub(super) async fn get(
        &self,
        zk: &ZkClient,
        application: &str,
        revision: &str,
        storage: Storage,
    ) -> Asked {
        let key = (application.to_owned(), revision.to_owned());
        if let Some(info) = self.known.lock().get(&key).and_then(Weak::upgrade) {
            return Asked {
                info: Some(info),
                malformed: None,
            };
        }
        let began = Instant::now();
        let asked = self.fetch(zk, application, revision, storage).await;
        self.observer
            .metadata(application, asked.info.is_some(), began.elapsed());
        if let Some(info) = &asked.info {
            let mut known = self.known.lock();
            known.retain(|_, info| info.strong_count() > 0);
            known.insert(key, Arc::downgrade(info));
        }
        asked
    }

    async fn fetch(
        &self,
        zk: &ZkClient,
        application: &str,
        revision: &str,
        storage: Storage,
    ) -> Asked {
        let (mut asked, request) = match storage {
            Storage::Remote(request) => (self.stored(zk, application, revision).await, request),
            Storage::Local(request) => (Asked::default(), Some(request)),
            Storage::Nowhere => (Asked::default(), None),
        };
        if let (None, Some(request)) = (&asked.info, request) {
            asked.info = self.told(request).await.map(Arc::new);
        }
        asked
    }

    async fn stored(&self, zk: &ZkClient, application: &str, revision: &str) -> Asked {
        if crate::name::reason(revision).is_some() {
            return Asked::default();
        }
        let mut asked = Asked::default();
        for path in path::metadata(application, revision) {
            match zk.peek(&path, false).await {
                Ok(None) => {}
                Ok(Some((data, stat, _))) => match parse(&data) {
                    Ok(info) => {
                        asked.info = Some(Arc::new(info));
                        break;
                    }
                    Err(reason) => asked.malformed = Some((path, stat.mzxid, reason)),
                },
                Err(error) => debug!("{error}"),
            }
        }
        asked
    }

    async fn told(&self, request: MetadataRequest) -> Option<MetadataInfo> {
        let address = request.address();
        // The semaphore is never closed.
        let _permit = self.questions.acquire().await.ok()?;
        match timeout(RPC_DEADLINE, self.source.fetch(request)).await {
            Ok(Ok(info)) => Some(info),
            Ok(Err(error)) => {
                debug!(address, "no metadata: {error}");
                None
            }
            Err(_) => {
                debug!(address, "no metadata within {RPC_DEADLINE:?}");
                None
            }
        }
    }
}

/// Reads metadata as it is stored in ZooKeeper.
pub(super) fn parse(data: &[u8]) -> Result<MetadataInfo, Malformed> {
    check_size(data)?;
    let info: MetadataInfo =
        serde_json::from_slice(data).map_err(|error| Malformed::Json(error.to_string()))?;
    // A revision is named after its services: without any, this is something else.
    if info.services.is_empty() {
        return Err(Malformed::Json("it names no services".into()));
    }
    Ok(info)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const STORED: &str = concat!(
        r#"{"app":"dubbo.io","revision":"r1","services":{"greet.GreetService:tri":{"name":"greet.GreetService","#,
        r#""protocol":"tri","port":20000,"path":"greet.GreetService","params":{"timestamp":"1700000000","weight":"50"}}}}"#,
    );

    #[test]
    fn stored_metadata_is_read() {
        let info = parse(STORED.as_bytes()).unwrap();
        assert_eq!(
            (info.app.as_str(), info.revision.as_str()),
            ("dubbo.io", "r1")
        );
        assert_eq!(
            info.services["greet.GreetService:tri"].params["weight"],
            "50"
        );
    }

    /// What Dubbo for Java 3.3.6 stored with `metadata-type=remote`.
    const JAVA: &[u8] = include_bytes!("../../tests/data/dubbo-java-3.3.6-metadata.json");

    #[test]
    fn what_java_stored_is_read() {
        let info = parse(JAVA).unwrap();
        assert_eq!(info.app, "java-server");
        let service = &info.services["greet.GreetService:tri"];
        assert_eq!((service.protocol.as_str(), service.port), ("tri", 20010));
        assert_eq!(service.params["methods"], "greet,greetAsync");
    }

    #[test]
    fn damaged_metadata_is_refused() {
        assert_eq!(parse(b""), Err(Malformed::Empty));
        for text in [
            "[]",
            "{}",
            "x",
            r#"{"services":[]}"#,
            r#"{"services":{"a":1}}"#,
        ] {
            assert!(
                matches!(parse(text.as_bytes()), Err(Malformed::Json(_))),
                "{text}"
            );
        }
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(data in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = parse(&data);
        }

        #[test]
        fn a_damaged_document_never_panics(position in 0..STORED.len(), patch in proptest::collection::vec(any::<u8>(), 0..20)) {
            let mut data = STORED.as_bytes().to_vec();
            data.splice(position..(position + patch.len() / 2).min(data.len()), patch);
            let _ = parse(&data);
        }
    }
}
