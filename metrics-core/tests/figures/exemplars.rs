//! From a bucket to the trace of a call in it, as Prometheus stores it.

use std::time::Duration;

use greet::greet_service_client::GreetServiceClient;
use greet::greet_service_server::{GreetService, GreetServiceServer};
use greet::{GreetRequest, GreetResponse};
use metrics_core::{Config, KnownService, Metrics, ProviderLayer};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use test_servers::{LONG, Prometheus, PrometheusVersion, eventually};
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::{Channel, Server};
use tonic::{Request, Response, Status};

use crate::serving::serve;

/// A call that takes longer than this is the slow one.
const SLOW: Duration = Duration::from_millis(300);

/// Greets at once, greets `slow` after a while, and fails for `broken`.
struct Greeter;

#[tonic::async_trait]
impl GreetService for Greeter {
    async fn greet(
        &self,
        request: Request<GreetRequest>,
    ) -> Result<Response<GreetResponse>, Status> {
        match &*request.into_inner().name {
            "broken" => return Err(Status::internal("the handler is broken")),
            "slow" => tokio::time::sleep(SLOW).await,
            _ => {}
        }
        Ok(Response::new(GreetResponse::default()))
    }
}

async fn greeter(metrics: &Metrics) -> GreetServiceClient<Channel> {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let services = [KnownService::new(greet::INTERFACE, ["Greet"])];
    let server = Server::builder()
        .layer(ProviderLayer::new(metrics, &services))
        .add_service(GreetServiceServer::new(Greeter))
        .serve_with_incoming(TcpListenerStream::new(listener));
    tokio::spawn(server);
    GreetServiceClient::connect(format!("http://{address}"))
        .await
        .expect("it listens")
}

/// Makes a call within a trace.
async fn call(client: &mut GreetServiceClient<Channel>, name: &str, trace_id: &str, flags: &str) {
    let mut request = Request::new(GreetRequest { name: name.into() });
    let header = format!("00-{trace_id}-b7ad6b7169203331-{flags}");
    request
        .metadata_mut()
        .insert("traceparent", header.parse().expect("it is ASCII"));
    // One of the calls is to fail.
    let _ = client.greet(request).await;
}

/// Returns the trace ids that Prometheus has for a selector, with their values.
async fn stored(prometheus: &Prometheus, selector: &str) -> Vec<(String, f64)> {
    let query = utf8_percent_encode(selector, NON_ALPHANUMERIC);
    let answer = prometheus
        .api(&format!(
            "query_exemplars?query={query}&start=0&end=99999999999"
        ))
        .await;
    let series = answer.as_array().cloned().unwrap_or_default();
    let exemplars = series
        .iter()
        .filter_map(|series| series["exemplars"].as_array());
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    exemplars
        .flatten()
        .map(|exemplar| {
            let value = text(&exemplar["value"]).parse().expect("a number");
            (text(&exemplar["labels"]["trace_id"]), value)
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn prometheus_answers_with_the_trace_of_the_slow_call_and_of_the_failed_one() {
    let metrics = Metrics::new(Config::default()).expect("legal");
    let mut client = greeter(&metrics).await;
    let [fast, slow, failed, unsampled] = ["11", "22", "33", "44"].map(|digits| digits.repeat(16));
    call(&mut client, "broken", &failed, "01").await;
    for _ in 0..20 {
        call(&mut client, "fast", &fast, "01").await;
    }
    call(&mut client, "slow", &unsampled, "00").await;
    call(&mut client, "slow", &slow, "01").await;
    let (address, _stop, _task) = serve(&metrics).await;
    let config = format!(
        "global:\n  scrape_interval: 1s\nscrape_configs:\n- job_name: dubbo\n  metrics_path: /prometheus\n  static_configs: [{{targets: ['{address}']}}]\n"
    );
    let histogram = "dubbo_provider_request_duration_seconds";
    let (buckets, errors) = (
        format!("{histogram}_bucket"),
        "dubbo_provider_errors_total{error_name='INTERNAL'}",
    );
    let prometheus = Prometheus::start_with_features(&config, "exemplar-storage").await;
    let found = eventually(LONG, "Prometheus has the slow call", async || {
        let buckets = stored(&prometheus, &buckets).await;
        buckets.iter().any(|(id, _)| *id == slow).then_some(buckets)
    })
    .await;
    let of = |id: &str| -> Vec<f64> {
        let of_id = found.iter().filter(|(trace_id, _)| trace_id == id);
        of_id.map(|(_, seconds)| *seconds).collect()
    };
    assert_eq!(of(&slow).len(), 1, "{found:?}");
    assert!(of(&slow)[0] >= SLOW.as_secs_f64(), "{found:?}");
    assert!(!of(&fast).is_empty(), "{found:?}");
    assert!(of(&unsampled).is_empty(), "{found:?}");
    assert_eq!(stored(&prometheus, errors).await, [(failed.clone(), 1.0)]);

    // By protobuf, a histogram is one series. Prometheus 2.42 takes the exemplar of its lowest bucket only; later ones take all.
    for version in PrometheusVersion::all() {
        const NO_FILES: &[(&str, &str)] = &[];
        let prometheus =
            Prometheus::start_native(version, &config, NO_FILES, "exemplar-storage").await;
        let what = format!("{version:?} has an exemplar");
        let found = eventually(LONG, &what, async || {
            let found = stored(&prometheus, histogram).await;
            let has_slow = found.iter().any(|(id, _)| *id == slow);
            match version {
                PrometheusVersion::Installed => !found.is_empty(),
                PrometheusVersion::Current => has_slow,
            }
            .then_some(found)
        })
        .await;
        let known = [&fast, &slow, &failed];
        assert!(found.iter().all(|(id, _)| known.contains(&id)), "{found:?}");
        assert_eq!(stored(&prometheus, errors).await, [(failed.clone(), 1.0)]);
    }
}
