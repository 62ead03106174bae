//! Our provider with as many methods as wanted, as often as wanted: `load --methods 1000`, `load --providers 500`.
//!
//! Everything else is the server's: options, metrics, registry, all runtimes.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::task::{Context, Poll};
use std::time::Duration;

use anyhow::Context as _;
use app::{CommandLine, Defaults, Discovery, Process, ProcessArgs, ProcessConfig, value};
use clap::Parser;
use comparison::method_names;
use greet::greet_service_server::{GreetService, GreetServiceServer};
use greet::{GreetRequest, GreetResponse};
use http::uri::PathAndQuery;
use prost::Message as _;
use prost_types::FileDescriptorSet;
use tokio::net::TcpListener;
use tokio::time::{Instant, sleep};
use tonic::body::Body;
use tonic::server::NamedService;
use tonic::{Request, Response, Status};
use tower_service::Service;

/// Provides many methods, or many times the same, from one process.
#[derive(Clone, Debug, Parser)]
#[command(name = "load")]
struct Args {
    /// The port of the first provider; the others take free ones.
    #[arg(long, default_value = "0")]
    port: u16,
    /// Methods that do the same: Greet, Greet1, Greet2, …
    #[arg(long, default_value = "1")]
    methods: NonZeroUsize,
    /// Providers, each registered.
    #[arg(long, default_value = "1")]
    providers: NonZeroUsize,
    /// The shortest time that a greeting takes.
    #[arg(long, default_value = "0s", value_parser = value::duration)]
    delay: Duration,
    /// The longest time, in shortest ones; those between are spread evenly over their logarithm.
    #[arg(long, default_value = "1")]
    spread: f64,
    /// How long a greeting keeps its thread busy, without a pause in which others could run there.
    #[arg(long, default_value = "0s", value_parser = value::duration)]
    work: Duration,
    /// How long a greeting blocks its thread.
    #[arg(long, default_value = "0s", value_parser = value::duration)]
    block: Duration,
    /// Greet answers at once; only the other methods take their time.
    #[arg(long)]
    quick_greet: bool,
    #[command(flatten)]
    process: ProcessArgs,
}

struct Config {
    port: u16,
    methods: usize,
    providers: usize,
    greeter: Greeter,
    quick_greet: bool,
    process: ProcessConfig,
}

impl CommandLine for Args {
    type Config = Config;

    const DEFAULTS: Defaults = Defaults {
        application: "load",
        job_name: "load",
        metrics_addr: "127.0.0.1:0",
    };

    fn into_config(self) -> anyhow::Result<Config> {
        let Self {
            port,
            methods,
            providers,
            delay,
            spread,
            work,
            block,
            quick_greet,
            process,
        } = self;
        Ok(Config {
            port,
            methods: methods.get(),
            providers: providers.get(),
            greeter: Greeter {
                delay,
                spread,
                work,
                block,
            },
            quick_greet,
            process: process.into_config()?,
        })
    }
}

fn main() -> ExitCode {
    let config = app::parse::<Args>();
    app::exit_code(&run(config))
}

fn run(config: Config) -> anyhow::Result<()> {
    let Config {
        port,
        methods,
        providers,
        greeter,
        quick_greet,
        process,
    } = config;
    let quick = Greeter::default();
    let service = AnyMethod {
        greet: GreetServiceServer::new(if quick_greet { quick } else { greeter }),
        others: GreetServiceServer::new(greeter),
    };
    let descriptors = descriptors(methods)?;
    app::run(process, Discovery::ZooKeeper, async |process: &Process| {
        let mut servings = Vec::new();
        for number in 0..providers {
            let port = if number == 0 { port } else { 0 };
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
            let listener = TcpListener::bind(address)
                .await
                .with_context(|| format!("cannot listen on {address}"))?;
            let mut serving = process
                .provider()
                .service(service.clone(), descriptors)?
                .serve(listener, process.workers())
                .await?;
            process.announce(&mut serving, None)?;
            servings.push(serving);
        }
        process.stopped().await;
        Ok(())
    })
}

#[derive(Clone, Copy, Debug, Default)]
struct Greeter {
    delay: Duration,
    spread: f64,
    work: Duration,
    block: Duration,
}

#[tonic::async_trait]
impl GreetService for Greeter {
    async fn greet(
        &self,
        request: Request<GreetRequest>,
    ) -> Result<Response<GreetResponse>, Status> {
        if !self.delay.is_zero() {
            sleep(self.delay.mul_f64(self.spread.powf(fastrand::f64()))).await;
        }
        if !self.block.is_zero() {
            std::thread::sleep(self.block);
        }
        let start = Instant::now();
        while start.elapsed() < self.work {
            std::hint::spin_loop();
        }
        let GreetRequest { name } = request.into_inner();
        Ok(Response::new(GreetResponse { greeting: name }))
    }
}

/// The greeting service, whatever method is called.
#[derive(Clone, Debug)]
struct AnyMethod {
    greet: GreetServiceServer<Greeter>,
    others: GreetServiceServer<Greeter>,
}

const GREET: &str = "/greet.GreetService/Greet";

impl NamedService for AnyMethod {
    const NAME: &'static str = greet::INTERFACE;
}

impl Service<http::Request<Body>> for AnyMethod {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = <GreetServiceServer<Greeter> as Service<http::Request<Body>>>::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Service::<http::Request<Body>>::poll_ready(&mut self.greet, context)
    }

    fn call(&mut self, mut request: http::Request<Body>) -> Self::Future {
        if request.uri().path() == GREET {
            return self.greet.call(request);
        }
        let mut parts = std::mem::take(request.uri_mut()).into_parts();
        parts.path_and_query = Some(PathAndQuery::from_static(GREET));
        *request.uri_mut() =
            http::Uri::from_parts(parts).expect("only the path of a complete address was replaced");
        self.others.call(request)
    }
}

/// Returns the descriptors of the service with this many methods, as [`method_names`] names them. They last as long as the process.
fn descriptors(methods: usize) -> anyhow::Result<&'static [u8]> {
    let mut set = FileDescriptorSet::decode(greet::FILE_DESCRIPTOR_SET)?;
    let service = set
        .file
        .iter_mut()
        .flat_map(|file| &mut file.service)
        .next()
        .context("the contract has a service")?;
    let method = service.method.first().context("the service has a method")?;
    service.method = method_names(methods)
        .map(|name| prost_types::MethodDescriptorProto {
            name: Some(name),
            ..method.clone()
        })
        .collect();
    Ok(set.encode_to_vec().leak())
}
