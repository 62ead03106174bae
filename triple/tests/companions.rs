//! What Dubbo and gRPC tools find beside the services on a provider's port.
#![allow(clippy::unwrap_used)]

mod support;

use std::time::Duration;

use dubbo_registry::{MemoryRegistry, MetadataRequest, MetadataSource, Registration};
use greet::GreetRequest;
use greet::greet_service_client::GreetServiceClient;
use greet::greet_service_server::GreetServiceServer;
use support::{Behaviour, announced, channel, serve};
use tokio::net::TcpListener;
use tonic::codec::CompressionEncoding;
use tonic::{Code, Request};
use tonic_health::ServingStatus;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::{v1, v1alpha};
use triple::{Provider, RpcMetadata, Workers};

fn health(service: &str) -> HealthCheckRequest {
    HealthCheckRequest {
        service: service.to_owned(),
    }
}

#[tokio::test]
async fn the_metadata_of_the_announced_revision_is_served() {
    let registry = MemoryRegistry::new();
    let serving = announced(&registry, &Behaviour::default()).await;
    let services = vec![dubbo_registry::ServiceInfo {
        interface: greet::INTERFACE.to_owned(),
        methods: vec!["Greet".to_owned()],
        ..Default::default()
    }];
    let port = serving.address().port();
    let expected = Registration::new("greeter", "127.0.0.1", port, services).unwrap();
    let request = MetadataRequest {
        host: "127.0.0.1".to_owned(),
        port,
        application: "greeter".to_owned(),
        version: "2.0.0".to_owned(),
        revision: expected.revision(),
    };
    let metadata = RpcMetadata::default().fetch(request.clone()).await.unwrap();
    assert_eq!(metadata.revision, expected.revision());
    let service = metadata.services.values().next().unwrap();
    assert_eq!(
        (service.name.as_str(), service.params["methods"].as_str()),
        (greet::INTERFACE, "Greet")
    );

    let old = MetadataRequest {
        revision: "old".to_owned(),
        ..request
    };
    assert!(
        RpcMetadata::default().fetch(old).await.is_err(),
        "an old revision is gone"
    );
}

#[tokio::test]
async fn a_health_watch_hears_not_serving_only_after_the_unregistration() {
    let registry = MemoryRegistry::new();
    let serving = announced(&registry, &Behaviour::default()).await;
    let mut client = HealthClient::new(channel(&serving).await);
    let mut watch = client
        .watch(health(greet::INTERFACE))
        .await
        .unwrap()
        .into_inner();
    let first = watch.message().await.unwrap().unwrap();
    assert_eq!(first.status, ServingStatus::Serving as i32);

    let listed = dubbo_registry::Registry::subscribe(&registry, support::reference());
    let leaving = tokio::spawn(serving.leave(Duration::from_millis(1500)));
    let second = watch.message().await.unwrap().unwrap();
    assert_eq!(second.status, ServingStatus::NotServing as i32);
    assert!(listed.providers().is_empty(), "it was unregistered before");
    leaving.await.unwrap();
}

#[tokio::test]
async fn health_is_checked_for_the_process_and_for_each_service() {
    let serving = serve(&Behaviour::default()).await;
    let mut client = HealthClient::new(channel(&serving).await);
    for service in ["", greet::INTERFACE] {
        let answer = client.check(health(service)).await.unwrap().into_inner();
        assert_eq!(answer.status, ServingStatus::Serving as i32, "{service:?}");
    }
    let unknown = client.check(health("greet.Nobody")).await.unwrap_err();
    assert_eq!(unknown.code(), Code::NotFound);
}

#[tokio::test]
async fn reflection_lists_the_service_in_both_versions() {
    let serving = serve(&Behaviour::default()).await;
    let channel = channel(&serving).await;

    let request = v1::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(v1::server_reflection_request::MessageRequest::ListServices(
            String::new(),
        )),
    };
    let mut client = v1::server_reflection_client::ServerReflectionClient::new(channel.clone());
    let answers = client
        .server_reflection_info(tokio_stream::once(request))
        .await;
    let answer = answers
        .unwrap()
        .into_inner()
        .message()
        .await
        .unwrap()
        .unwrap();
    let text = format!("{answer:?}");
    assert!(
        text.contains(greet::INTERFACE) && text.contains("MetadataServiceV2"),
        "{text}"
    );

    let request = v1alpha::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(
            v1alpha::server_reflection_request::MessageRequest::ListServices(String::new()),
        ),
    };
    let mut client = v1alpha::server_reflection_client::ServerReflectionClient::new(channel);
    let answers = client
        .server_reflection_info(tokio_stream::once(request))
        .await;
    let answer = answers
        .unwrap()
        .into_inner()
        .message()
        .await
        .unwrap()
        .unwrap();
    assert!(format!("{answer:?}").contains(greet::INTERFACE));
}

#[tokio::test]
async fn a_wrong_group_or_version_is_unimplemented_with_dubbos_message() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let service = GreetServiceServer::new(Behaviour::default());
    let serving = Provider::new("greeter")
        .service_of(service, greet::FILE_DESCRIPTOR_SET, "blue", "1.0.0")
        .unwrap()
        .serve(listener, &Workers::here())
        .await
        .unwrap();
    let mut client = GreetServiceClient::new(channel(&serving).await);
    let mut request = Request::new(GreetRequest::default());
    request
        .metadata_mut()
        .insert("tri-service-group", "green".parse().unwrap());
    let status = client.greet(request).await.unwrap_err();
    assert_eq!(status.code(), Code::Unimplemented);
    assert_eq!(
        status.message(),
        "no implementation found for service group green and service version "
    );

    let mut request = Request::new(GreetRequest::default());
    let headers = request.metadata_mut();
    headers.insert("tri-service-group", "blue".parse().unwrap());
    headers.insert("tri-service-version", "1.0.0".parse().unwrap());
    client.greet(request).await.unwrap();
}

#[tokio::test]
async fn gzip_is_accepted_where_the_service_accepts_it() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let service = GreetServiceServer::new(Behaviour::default())
        .accept_compressed(CompressionEncoding::Gzip)
        .send_compressed(CompressionEncoding::Gzip);
    let provider = Provider::new("greeter").service(service, greet::FILE_DESCRIPTOR_SET);
    let serving = provider
        .unwrap()
        .serve(listener, &Workers::here())
        .await
        .unwrap();
    let mut client = GreetServiceClient::new(channel(&serving).await)
        .send_compressed(CompressionEncoding::Gzip)
        .accept_compressed(CompressionEncoding::Gzip);
    let name = "Dubbo".repeat(1000);
    let answer = client
        .greet(GreetRequest { name: name.clone() })
        .await
        .unwrap();
    assert_eq!(answer.into_inner().greeting, format!("hello {name}"));
}
