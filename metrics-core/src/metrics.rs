//! The handle that everything measured hangs on.

mod figures;
mod set;

use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Mutex, RwLock};

use crate::buckets::Geometry;
use crate::call::Method;
use crate::clock::unix_seconds;
use crate::config::{Config, ConfigError, Families};
use crate::exposition::Labels;
use crate::families::{APPLICATION_LABELS, METHOD_LABELS};
use crate::key::{MethodKey, Side};
use crate::pushes::Pushes;
use crate::reading::Reading;
use crate::registry::RegistryMetrics;
use crate::runtime::Pools;
use crate::series::Series;
use crate::window::{Edges, Scratch};
pub use figures::{Figures, Latency};
use set::SeriesSet;

/// Measures calls, and tells what it measured. A cheap handle: clones share everything.
///
/// A process makes one. What calls are counted on is never freed, however many handles are dropped: it is bounded by
/// [`Config::series_cap`].
#[derive(Clone, Debug)]
pub struct Metrics(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    config: Config,
    geometry: Geometry,
    shards: usize,
    series: RwLock<SeriesSet>,
    edges: Mutex<Edges>,
    registry: RegistryMetrics,
    pools: Pools,
    pushes: Pushes,
    prometheus_registry: prometheus::Registry,
    created_seconds: f64,
}

impl Metrics {
    /// Makes metrics with nothing measured yet.
    ///
    /// # Errors
    /// A window out of range, a cap of no series, buckets that are not ascending.
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        config.check()?;
        let prometheus_registry = prometheus::Registry::new();
        Ok(Self(Arc::new(Inner {
            geometry: Geometry::new(&config.buckets),
            shards: std::thread::available_parallelism()
                .map_or(1, |cores| cores.get().next_power_of_two()),
            series: RwLock::new(SeriesSet::new(config.series_cap)),
            edges: Mutex::new(Edges::new(config.clock.clone(), config.window)),
            registry: RegistryMetrics::default(),
            pools: Pools::default(),
            pushes: Pushes::default(),
            prometheus_registry,
            created_seconds: unix_seconds(),
            config,
        })))
    }

    /// Returns the future that moves the sliding window; it ends when the last handle to the metrics is dropped. The endpoint and the
    /// pusher drive one while they run; an owner of neither spawns it on a runtime of tokio, whose blocking threads do the work.
    ///
    /// Without it, or when it is late, readers move the window, in longer panes.
    pub fn ticker(&self) -> impl Future<Output = ()> + Send + use<> {
        let inner = Arc::downgrade(&self.0);
        async move {
            while let Some(inner) = inner.upgrade() {
                // A scrape of thousands of series holds the lock for milliseconds, and so does an edge.
                let turn = tokio::task::spawn_blocking(move || {
                    let mut edges = inner.edges.lock();
                    inner.turn(&mut edges, &mut Scratch::new(&inner.geometry));
                    edges.until_due()
                });
                let Ok(wait) = turn.await else { return };
                // A clock of another speed than tokio's may need a further look.
                tokio::time::sleep(wait.max(Duration::from_millis(1))).await;
            }
        }
    }

    /// Returns the handle that counts calls of a method. Beyond [`Config::series_cap`] it is one that many methods share.
    pub fn method(&self, side: Side, key: &MethodKey) -> Method {
        self.bind(side, key, false)
    }

    /// Returns the handle that counts the calls of unknown methods.
    pub(crate) fn shared_method(&self, side: Side, key: &MethodKey) -> Method {
        self.bind(side, key, true)
    }

    /// Returns what counts the events of the registry.
    pub fn discovery(&self) -> &RegistryMetrics {
        &self.0.registry
    }

    /// Exports the workers and the queue of a runtime under a pool's name; runtimes of one name are added up.
    pub fn watch_runtime(&self, pool: &str, runtime: &tokio::runtime::Handle) {
        self.0.pools.add(pool, runtime.metrics());
    }

    /// Returns the registry whose families stand at the end of the text, for figures of the caller's own.
    pub fn prometheus_registry(&self) -> &prometheus::Registry {
        &self.0.prometheus_registry
    }

    /// Returns the configuration.
    pub fn config(&self) -> &Config {
        &self.0.config
    }

    /// Returns when measuring began, in unix seconds.
    pub(crate) fn created_seconds(&self) -> f64 {
        self.0.created_seconds
    }

    /// Returns the figures of every method on one side, in the order in which the methods became known, from one reading.
    pub fn figures(&self, side: Side) -> Vec<Figures> {
        let readings = self.readings(Families::All);
        readings
            .iter()
            .filter(|(series, _)| series.side == side)
            .map(|(series, reading)| Figures::new(&series.key, reading))
            .collect()
    }

    /// Reads every series, with the window moved to now.
    pub(crate) fn readings(&self, families: Families) -> Vec<(Arc<Series>, Reading)> {
        let inner = &*self.0;
        let mut scratch = Scratch::new(&inner.geometry);
        // Held to the end, so that no pane closes between two readings of one scrape.
        let mut edges = inner.edges.lock();
        inner.turn(&mut edges, &mut scratch);
        // No lean family is of the window.
        let span = (families == Families::All).then(|| edges.span_seconds());
        let series = inner.series.read().list().to_vec();
        series
            .into_iter()
            .map(|series| {
                let reading = series.read(span, &inner.geometry, &mut scratch);
                (series, reading)
            })
            .collect()
    }

    pub(crate) fn geometry(&self) -> &Geometry {
        &self.0.geometry
    }

    pub(crate) fn pushes(&self) -> &Pushes {
        &self.0.pushes
    }

    pub(crate) fn pools(&self) -> &Pools {
        &self.0.pools
    }

    /// Returns the labels of families that belong to the whole application, rendered.
    pub(crate) fn application_labels(&self) -> Labels {
        Labels::new(
            APPLICATION_LABELS
                .iter()
                .map(|name| (*name, self.application_value(name)))
                .chain(self.constant_labels()),
        )
    }

    fn constant_labels(&self) -> impl Iterator<Item = (&str, &str)> {
        let labels = self.0.config.labels.iter();
        labels.map(|(name, value)| (name.as_str(), value.as_str()))
    }

    fn bind(&self, side: Side, key: &MethodKey, shared: bool) -> Method {
        let inner = &*self.0;
        if let Some(series) = inner.series.read().find(side, key) {
            return Method(series);
        }
        let make = |key: MethodKey, shared| {
            let labels = METHOD_LABELS.iter().map(|name| {
                let value = match *name {
                    "interface" => &key.interface,
                    "method" => &key.method,
                    "group" => &key.group,
                    "version" => &key.version,
                    name => self.application_value(name),
                };
                (*name, value)
            });
            let lean = inner.config.families == Families::Lean;
            // What all series of a process share stands on `dubbo_application_info_total`.
            let kept = labels.filter(|(name, value)| {
                !lean
                    || !(value.is_empty()
                        || ["application_version", "hostname", "ip"].contains(name))
            });
            let labels = Labels::new(kept.chain(self.constant_labels()));
            Arc::new(Series::new(
                side,
                key.clone(),
                shared,
                labels,
                inner.config.clock.clone(),
                &inner.geometry,
                inner.shards,
            ))
        };
        Method(inner.series.write().find_or_add(side, key, shared, make))
    }

    fn application_value(&self, label: &str) -> &str {
        let application = &self.0.config.application;
        match label {
            "application_name" => &application.name,
            "application_version" => &application.version,
            "hostname" => &application.hostname,
            "ip" => &application.ip,
            // Dubbo has a label for the commit and never fills it.
            _ => "",
        }
    }
}

impl Inner {
    /// Closes the open pane in every series if its edge is due.
    fn turn(&self, edges: &mut Edges, scratch: &mut Scratch) {
        if let Some(closed) = edges.turn() {
            let series = self.series.read().list().to_vec();
            for series in series {
                series.turn(closed, edges.oldest(), &self.geometry, scratch);
            }
        }
    }
}

/// Moves the window, for as long as it is polled.
#[cfg(any(feature = "endpoint", feature = "push"))]
pub(crate) async fn ticking(ticker: impl Future<Output = ()>) {
    ticker.await;
    std::future::pending().await
}
