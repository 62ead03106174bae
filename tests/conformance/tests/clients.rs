//! Clients that people use, on the provider: grpc-go, grpcurl with reflection, and Python's grpcio. Each makes a good call, a compressed
//! one, one that fails, one that is late, and those with reflection list the services.
#![allow(clippy::unwrap_used)]

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use conformance::{output, tool};
use greet::greet_service_server::{GreetService, GreetServiceServer};
use greet::{GreetRequest, GreetResponse};
use tokio::net::TcpListener;
use tonic::{Request, Response, Status};
use triple::{Provider, Serving, Workers, business_error};

const LONG: Duration = Duration::from_secs(60);

/// Greets; the name `error` fails, and `late` takes longer than any client waits.
struct Greeter;

#[tonic::async_trait]
impl GreetService for Greeter {
    async fn greet(
        &self,
        request: Request<GreetRequest>,
    ) -> Result<Response<GreetResponse>, Status> {
        let name = request.into_inner().name;
        match &*name {
            "error" => return Err(business_error("random error")),
            "long" => return Err(business_error("世".repeat(20_000))),
            "late" => tokio::time::sleep(LONG).await,
            _ => {}
        }
        Ok(Response::new(GreetResponse { greeting: name }))
    }
}

async fn serve() -> Serving {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    Provider::new("greeter")
        .service(GreetServiceServer::new(Greeter), greet::FILE_DESCRIPTOR_SET)
        .unwrap()
        .serve(listener, &Workers::here())
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn grpc_go_works() {
    let serving = serve().await;
    let address = serving.address().to_string();
    for (arguments, expected) in [
        (
            &["world"][..],
            r#"code 0, message "", details 0, answer "world""#,
        ),
        (
            &["world", "gzip"],
            r#"code 0, message "", details 0, answer "world""#,
        ),
        (
            &["error"],
            r#"code 17, message "random error", details 0, answer """#,
        ),
        (&["late", "timeout"], "code 4,"),
        (&["long"], "code 17, message \"世世世"),
    ] {
        let arguments = [&[&*address], arguments].concat();
        let (_, text) = output(&tool("greeter"), &arguments, LONG).await;
        assert!(text.starts_with(expected), "{arguments:?}: {text}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn grpcurl_works_and_lists_the_services() {
    let serving = serve().await;
    let address = serving.address().to_string();
    let call = async |name: &str, options: &[&str]| {
        let name = format!(r#"{{"name":"{name}"}}"#);
        let mut arguments = vec!["-plaintext", "-d", &name];
        arguments.extend(options);
        arguments.extend([&*address, "greet.GreetService/Greet"]);
        output(&tool("grpcurl"), &arguments, LONG).await.1
    };
    let text = call("world", &[]).await;
    assert!(text.contains(r#""greeting": "world""#), "{text}");
    let text = call("error", &[]).await;
    assert!(
        text.contains("Code(17)") && text.contains("random error"),
        "{text}"
    );
    let text = call("late", &["-max-time", "0.2"]).await;
    assert!(text.contains("DeadlineExceeded"), "{text}");
    let (_, text) = output(&tool("grpcurl"), &["-plaintext", &address, "list"], LONG).await;
    for service in ["greet.GreetService", "grpc.health.v1.Health"] {
        assert!(text.contains(service), "{text}");
    }
}

/// Returns a Python with grpcio, installed when it is first asked for.
fn python() -> PathBuf {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/grpcio"));
    let run = |command: &mut Command| {
        let output = command
            .output()
            .unwrap_or_else(|err| panic!("{command:?}: {err}"));
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{command:?}: {text}");
    };
    let pip = folder.join("bin/pip");
    if !pip.exists() {
        run(Command::new("python3").args(["-m", "venv"]).arg(&folder));
    }
    let requirements = concat!(env!("CARGO_MANIFEST_DIR"), "/python/requirements.txt");
    run(Command::new(pip).args([
        "install",
        "-q",
        "--disable-pip-version-check",
        "-r",
        requirements,
    ]));
    folder.join("bin/python")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pythons_grpcio_works_and_lists_the_services() {
    let python = python();
    let serving = serve().await;
    let address = serving.address().to_string();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/python/greeter.py");
    let (passed, text) = output(&python, &[script, &address], LONG).await;
    assert!(passed, "{text}");
}
