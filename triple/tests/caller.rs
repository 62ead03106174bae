//! Who calls: the application's name and a caller's own headers reach the handler.
#![allow(clippy::unwrap_used)]

mod support;

use std::collections::HashMap;
use std::sync::Arc;

use dubbo_registry::MemoryRegistry;
use greet::greet_service_server::{GreetService, GreetServiceServer};
use greet::{GreetRequest, GreetResponse};
use parking_lot::Mutex;
use tokio::net::TcpListener;
use tonic::{Request, Response, Status};
use triple::{ConsumerOptions, Provider, Workers};

use support::client;

/// A handler that remembers the headers of the last call.
#[derive(Clone, Default)]
struct Listener(Arc<Mutex<HashMap<String, String>>>);

#[tonic::async_trait]
impl GreetService for Listener {
    async fn greet(
        &self,
        request: Request<GreetRequest>,
    ) -> Result<Response<GreetResponse>, Status> {
        let headers = request.metadata().clone().into_headers();
        let texts = headers
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()));
        *self.0.lock() = texts.collect();
        Ok(Response::new(GreetResponse::default()))
    }
}

/// Returns the headers that a handler sees of a call with one header of its own.
async fn heard(options: ConsumerOptions) -> HashMap<String, String> {
    let (registry, listener) = (MemoryRegistry::new(), Listener::default());
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut serving = Provider::new("greeter")
        .service(
            GreetServiceServer::new(listener.clone()),
            greet::FILE_DESCRIPTOR_SET,
        )
        .unwrap()
        .serve(socket, &Workers::here())
        .await
        .unwrap();
    let announcement = serving.announce(&registry, "127.0.0.1").unwrap();
    announcement.done().await.unwrap();
    let mut request = Request::new(GreetRequest::default());
    request
        .metadata_mut()
        .insert("x-order", "17".parse().unwrap());
    client(&registry, options).greet(request).await.unwrap();
    listener.0.lock().clone()
}

#[tokio::test]
async fn the_application_and_the_callers_own_headers_reach_the_handler() {
    let heard = heard(ConsumerOptions::default().application("shop")).await;
    assert_eq!(heard["tri-consumer-appname"], "shop");
    assert_eq!(heard["x-order"], "17");
    assert!(
        heard["user-agent"].starts_with("dubbo-rust/"),
        "a caller without one is taken for Java: {heard:?}"
    );
}

#[tokio::test]
async fn a_consumer_without_an_application_or_with_one_that_no_header_can_carry_names_none() {
    for application in [None, Some("a\nb".to_owned()), Some(String::new())] {
        let mut options = ConsumerOptions::default();
        options.application = application;
        let heard = heard(options).await;
        assert!(!heard.contains_key("tri-consumer-appname"), "{heard:?}");
        assert_eq!(heard["x-order"], "17");
    }
}
