use std::future::pending;
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body as _, Frame};
use http_body_util::{BodyExt, Empty, StreamBody};
use tower::{ServiceExt, service_fn};

use super::*;

fn request(limit: &str) -> Request<()> {
    Request::builder()
        .header(timeout::HEADER, limit)
        .body(())
        .unwrap()
}

async fn answer<S, F>(service: S) -> Response<HandlerBody>
where
    S: FnMut(Request<()>) -> F,
    F: Future<Output = Result<Response<Body>, Infallible>>,
{
    Handlers::new(service_fn(service))
        .oneshot(Request::new(()))
        .await
        .unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_overruns_is_answered_with_deadline_exceeded() {
    let service = Handlers::new(service_fn(|_: Request<()>| pending()));
    let response = service.oneshot(request("50m")).await.unwrap();
    assert_eq!(response.headers()[Status::GRPC_STATUS], "4");
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_overruns_ends_with_deadline_exceeded_in_its_trailers() {
    let service = Handlers::new(service_fn(|_: Request<()>| async {
        let never = StreamBody::new(tokio_stream::pending::<Result<Frame<Bytes>, Status>>());
        Ok(Response::new(Body::new(never)))
    }));
    let response = service.oneshot(request("1S")).await.unwrap();
    let body = response.into_body().collect().await.unwrap();
    assert_eq!(body.trailers().unwrap()[Status::GRPC_STATUS], "4");
}

#[tokio::test(start_paused = true)]
async fn a_call_without_a_timeout_takes_the_time_it_needs() {
    let service = Handlers::new(service_fn(|_: Request<()>| async {
        tokio::time::sleep(Duration::from_secs(86_400)).await;
        Ok(Response::new(Body::empty()))
    }));
    let response = service.oneshot(Request::new(())).await.unwrap();
    assert!(response.headers().get(Status::GRPC_STATUS).is_none());
}

fn broken() -> bool {
    panic!("the handler is broken");
}

#[tokio::test]
async fn a_panic_before_and_in_the_future_is_internal() {
    let before = answer(|_| {
        broken();
        std::future::ready(Ok(Response::default()))
    });
    let within = answer(|_| async {
        tokio::task::yield_now().await;
        broken();
        Ok(Response::default())
    });
    for answer in [before.await, within.await] {
        assert_eq!(answer.headers()[Status::GRPC_STATUS], "13");
        assert!(
            answer
                .into_body()
                .collect()
                .await
                .unwrap()
                .trailers()
                .is_none()
        );
    }
}

#[tokio::test]
async fn a_panic_in_the_stream_is_internal_in_the_trailers() {
    let answer = answer(|_| async {
        let messages = [1, 2].map(|number| {
            if number == 2 {
                None
            } else {
                Some(Ok::<_, Status>(Frame::data(Bytes::from_static(b"x"))))
            }
        });
        let messages = tokio_stream::iter(messages);
        let messages = tokio_stream::StreamExt::map(messages, |message| message.unwrap());
        Ok(Response::new(Body::new(StreamBody::new(messages))))
    });
    let body = answer.await.into_body().collect().await.unwrap();
    assert_eq!(body.trailers().unwrap()[Status::GRPC_STATUS], "13");
    assert_eq!(body.to_bytes(), "x");
}

#[tokio::test]
async fn an_answer_is_passed_on() {
    let answer = answer(|_| async { Ok(Response::new(Body::new(Empty::new()))) }).await;
    assert!(answer.headers().is_empty());
    assert!(answer.into_body().is_end_stream());
}
