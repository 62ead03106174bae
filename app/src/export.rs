//! How the figures leave the process: by pull or by push, strictly one of the two.

use std::{future::Future, net::SocketAddr, time::Duration};

use anyhow::Context as _;
use dubbo_registry::{Registry, ScrapeTarget};
use metrics_core::{AtStop, Endpoint, Metrics, MetricsPath, Pusher};
use pushgateway::Gateway;
use tokio::{sync::oneshot, task::JoinHandle, time::timeout};
use tokio_util::sync::{CancellationToken, DropGuard};
use tracing::{info, warn};

use crate::{
    address::Advertised,
    config::{DeleteOnExit, Export, Pull, Push},
    listener,
};

/// How long the Pushgateway may take for one request.
const REQUEST_LIMIT: Duration = Duration::from_secs(5);

/// How long an exporter may take to end: a push that is under way, the last push, the deletion, and another one a second later, each within
/// [`REQUEST_LIMIT`], or the last scrapes.
const FINISH_LIMIT: Duration = Duration::from_secs(4 * REQUEST_LIMIT.as_secs() + 2);

/// Why a process leaves.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Ending {
    /// It was asked to, by a signal.
    Stopped,
    /// Its work is done.
    Done,
}

/// What carries the figures out of the process; dropped, it ends as for a process that was asked to stop.
#[derive(Debug)]
pub struct Exporter {
    endpoint: Option<SocketAddr>,
    stop: oneshot::Sender<Ending>,
    task: JoinHandle<()>,
    /// Ends an exporter that is dropped before it has begun.
    _held: DropGuard,
}

impl Exporter {
    /// Prepares to export, on the runtime that this is called on: nothing leaves before `begin` is cancelled, but a port that is
    /// in use is an error now. `path` is that of the pull endpoint, and `probes` is where the process serves them.
    pub(crate) fn start(
        export: Export,
        metrics: &Metrics,
        path: &MetricsPath,
        probes: Option<SocketAddr>,
        begin: CancellationToken,
    ) -> anyhow::Result<Self> {
        match export {
            Export::Push(push) => Self::push(*push, metrics, begin),
            Export::Pull(Pull {
                address,
                page,
                protection,
            }) => {
                if protection.login.is_some() && protection.tls.is_none() {
                    warn!(
                        "the metrics endpoint's password crosses the network as plain text: add --metrics-tls-cert"
                    );
                }
                let endpoint = Endpoint::new(metrics).path(path).page(page).probes(probes);
                Self::pull(
                    address,
                    "--metrics-addr",
                    endpoint.protection(protection),
                    begin,
                )
            }
        }
    }

    /// Serves the pull endpoint on its address, which `option` chose, once `begin` is cancelled.
    ///
    /// # Errors
    ///
    /// When the address cannot be had.
    pub fn pull(
        address: SocketAddr,
        option: &str,
        endpoint: Endpoint,
        begin: CancellationToken,
    ) -> anyhow::Result<Self> {
        let listener = listener::listen(address, option)?;
        let address = listener.local_addr()?;
        let listener = tokio::net::TcpListener::from_std(listener)?;
        info!(%address, "metrics endpoint listens");
        let serve = |stop: oneshot::Receiver<Ending>| {
            endpoint.serve(listener, async {
                // Without a sender there is no reason left to serve.
                let _ = stop.await;
            })
        };
        Ok(Self::spawn(Some(address), begin, serve))
    }

    fn push(push: Push, metrics: &Metrics, begin: CancellationToken) -> anyhow::Result<Self> {
        let Push {
            mut access,
            key,
            interval,
            delete_on_exit,
        } = push;
        access.timeout = REQUEST_LIMIT;
        let gateway = Gateway::new(&access).context("cannot prepare for the Pushgateway")?;
        info!(gateway = %gateway.address(), key = %key, "pushing metrics");
        let pusher = Pusher::new(metrics, gateway, key, interval);
        let push = |stop: oneshot::Receiver<Ending>| {
            pusher.run(async move { delete_on_exit.after(stop.await.unwrap_or(Ending::Stopped)) })
        };
        Ok(Self::spawn(None, begin, push))
    }

    fn spawn<F>(
        endpoint: Option<SocketAddr>,
        begin: CancellationToken,
        work: impl FnOnce(oneshot::Receiver<Ending>) -> F,
    ) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (stop, stopped) = oneshot::channel();
        let work = work(stopped);
        let dropped = CancellationToken::new();
        let held = dropped.clone().drop_guard();
        let task = tokio::spawn(async move {
            tokio::select! {
                biased;
                () = begin.cancelled() => work.await,
                () = dropped.cancelled() => {}
            }
        });
        Self {
            endpoint,
            stop,
            task,
            _held: held,
        }
    }

    /// Returns where the pull endpoint listens; none in push mode.
    #[must_use]
    pub fn endpoint(&self) -> Option<SocketAddr> {
        self.endpoint
    }

    /// Lets the last figures out and ends.
    pub async fn finish(self, ending: Ending) {
        // A task that has ended already needs no word.
        let _ = self.stop.send(ending);
        match timeout(FINISH_LIMIT, self.task).await {
            Ok(Ok(())) => {}
            Ok(Err(err)) => warn!("exporting metrics failed: {err}"),
            Err(_) => warn!(limit = ?FINISH_LIMIT, "exporting metrics did not end in time"),
        }
    }
}

impl DeleteOnExit {
    /// Returns what becomes of the group of a process that ends so.
    fn after(self, ending: Ending) -> AtStop {
        match (self, ending) {
            (Self::Always, _) | (Self::Auto, Ending::Stopped) => AtStop::Delete,
            (Self::Never, _) | (Self::Auto, Ending::Done) => AtStop::Keep,
        }
    }
}

/// Lists the pull endpoint where Prometheus looks for it.
///
/// # Errors
///
/// When the application's name cannot be a node's.
pub(crate) fn expose(
    registry: &dyn Registry,
    application: &str,
    endpoint: SocketAddr,
    advertised: &Advertised,
) -> anyhow::Result<()> {
    // An endpoint that listens on one address only can be reached there and nowhere else.
    let ip = if endpoint.ip().is_unspecified() {
        advertised.check(endpoint, "--metrics-addr");
        advertised.ip
    } else {
        endpoint.ip()
    };
    let target = ScrapeTarget::new(application, ip.to_string(), endpoint.port())?;
    // It is announced until the registry is closed.
    let _announcement = registry.expose(target);
    Ok(())
}

#[cfg(test)]
mod tests {
    use metrics_core::Config;
    use test_servers::{LONG, eventually};

    use super::*;

    #[tokio::test]
    async fn a_dropped_exporter_listens_no_more_whether_it_had_begun_or_not() {
        let metrics = Metrics::new(Config::default()).unwrap();
        for has_begun in [false, true] {
            let begin = CancellationToken::new();
            if has_begun {
                begin.cancel();
            }
            let address = "127.0.0.1:0".parse().unwrap();
            let endpoint = Endpoint::new(&metrics);
            let exporter = Exporter::pull(address, "--metrics-addr", endpoint, begin.clone());
            let exporter = exporter.unwrap();
            let address = exporter.endpoint().unwrap();
            drop(exporter);
            eventually(LONG, "the port is free", async || {
                std::net::TcpListener::bind(address)
            })
            .await;
            drop(begin);
        }
    }
}
