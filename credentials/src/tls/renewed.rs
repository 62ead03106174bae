//! A configuration that follows its files.

use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;
use tracing::{info, warn};

use super::material::{Files, Material};
use crate::error::Error;

type Make<C> = dyn Fn(&Files, &Material) -> Result<C, Error> + Send + Sync;

/// A configuration that is made again when its files have changed.
pub(super) struct Renewed<C> {
    files: Files,
    make: Box<Make<C>>,
    used: Mutex<Used<C>>,
}

struct Used<C> {
    material: Material,
    config: Arc<C>,
    /// What is wrong with the files since then; empty if nothing is.
    trouble: String,
}

impl<C: Send + Sync + 'static> Renewed<C> {
    /// Reads the files for the first time.
    ///
    /// # Errors
    /// When a file cannot be read or used.
    pub(super) fn new(
        files: Files,
        make: impl Fn(&Files, &Material) -> Result<C, Error> + Send + Sync + 'static,
    ) -> Result<Arc<Self>, Error> {
        let material = files.read()?;
        let config = Arc::new(make(&files, &material)?);
        let used = Mutex::new(Used {
            material,
            config,
            trouble: String::new(),
        });
        Ok(Arc::new(Self {
            files,
            make: Box::new(make),
            used,
        }))
    }

    /// Returns what a new connection runs on, after a look at the files on a thread that may wait for them.
    pub(super) async fn current(self: &Arc<Self>) -> Arc<C> {
        let this = Arc::clone(self);
        let looked = tokio::task::spawn_blocking(move || this.look()).await;
        looked.unwrap_or_else(|_| Arc::clone(&self.used.lock().config))
    }

    /// Does what [`current`](Self::current) does, and blocks meanwhile.
    pub(super) fn look(&self) -> Arc<C> {
        let read = self.files.read();
        let mut used = self.used.lock();
        let renewed = match read {
            Ok(material) if material == used.material => Ok(None),
            Ok(material) => {
                (self.make)(&self.files, &material).map(|config| Some((material, config)))
            }
            Err(error) => Err(error),
        };
        match renewed {
            Ok(renewed) => {
                used.trouble.clear();
                if let Some((material, config)) = renewed {
                    info!(files = ?self.files.names(), "renewed TLS files are in use");
                    (used.material, used.config) = (material, Arc::new(config));
                }
            }
            Err(error) => {
                let trouble = error.to_string();
                if used.trouble != trouble {
                    warn!("the TLS files from before stay in use: {trouble}");
                    used.trouble = trouble;
                }
            }
        }
        Arc::clone(&used.config)
    }
}

impl Files {
    fn names(&self) -> Vec<String> {
        let certificate = self.identity.as_ref().map(|identity| &identity.cert_file);
        let names = certificate.into_iter().chain(&self.authorities);
        names.map(|path| path.display().to_string()).collect()
    }
}

impl<C> fmt::Debug for Renewed<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Renewed").field(&self.files).finish()
    }
}
