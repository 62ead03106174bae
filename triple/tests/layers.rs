//! What works on tonic's own server works on a provider: interceptors, layers, addresses.
#![allow(clippy::unwrap_used)]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use greet::greet_service_client::GreetServiceClient;
use greet::greet_service_server::{GreetService, GreetServiceServer};
use greet::{GreetRequest, GreetResponse};
use support::{Behaviour, channel, provider};
use tokio::net::TcpListener;
use tonic::service::InterceptorLayer;
use tonic::{Code, Request, Response, Status};
use tower::limit::ConcurrencyLimitLayer;
use tower::util::MapRequestLayer;
use triple::{Provider, Serving, Workers};

async fn serve(provider: Provider) -> Serving {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    provider.serve(listener, &Workers::here()).await.unwrap()
}

async fn greet(serving: &Serving) -> Result<String, Status> {
    let mut client = GreetServiceClient::new(channel(serving).await);
    let answer = client.greet(GreetRequest { name: "x".into() }).await?;
    Ok(answer.into_inner().greeting)
}

#[tokio::test]
async fn a_service_with_an_interceptor_is_served() {
    for (allowed, code) in [(true, Code::Ok), (false, Code::Unauthenticated)] {
        let service = GreetServiceServer::with_interceptor(
            Behaviour::default(),
            move |request: Request<()>| {
                if allowed {
                    Ok(request)
                } else {
                    Err(Status::unauthenticated("no token"))
                }
            },
        );
        let provider = Provider::new("x")
            .service(service, greet::FILE_DESCRIPTOR_SET)
            .unwrap();
        let answer = greet(&serve(provider).await).await;
        assert_eq!(answer.err().map_or(Code::Ok, |status| status.code()), code);
    }
}

#[tokio::test]
async fn layers_are_around_all_services_the_first_one_outermost() {
    let order = Arc::new(AtomicUsize::new(0));
    let nth = |place: usize| {
        let order = Arc::clone(&order);
        MapRequestLayer::new(move |request: http::Request<tonic::body::Body>| {
            assert_eq!(order.fetch_add(1, Ordering::Relaxed), place);
            request
        })
    };
    let provider = provider(&Behaviour::default())
        .layer(nth(0))
        .layer(nth(1))
        .layer(ConcurrencyLimitLayer::new(1));
    let serving = serve(provider).await;
    assert_eq!(greet(&serving).await.unwrap(), "hello x");
    assert_eq!(order.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn a_layer_that_refuses_answers_with_its_status() {
    let refuse = |_: Request<()>| Err::<Request<()>, _>(Status::permission_denied("no"));
    let provider = provider(&Behaviour::default()).layer(InterceptorLayer::new(refuse));
    let status = greet(&serve(provider).await).await.unwrap_err();
    assert_eq!(status.code(), Code::PermissionDenied);
}

/// Answers with the address that it was called from.
struct Where;

#[tonic::async_trait]
impl GreetService for Where {
    async fn greet(
        &self,
        request: Request<GreetRequest>,
    ) -> Result<Response<GreetResponse>, Status> {
        let greeting = format!("{:?}", request.remote_addr().map(|address| address.ip()));
        Ok(Response::new(GreetResponse { greeting }))
    }
}

#[tokio::test]
async fn a_handler_knows_where_it_is_called_from() {
    let provider = Provider::new("x")
        .service(GreetServiceServer::new(Where), greet::FILE_DESCRIPTOR_SET)
        .unwrap();
    let greeting = greet(&serve(provider).await).await.unwrap();
    assert_eq!(greeting, "Some(127.0.0.1)");
}
