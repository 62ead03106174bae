//! Plain tonic, with no metrics, registry or health: what is left to reach for. `plain-tonic provider|consumer …`

use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use app::value;
use clap::{Parser, ValueEnum};
use comparison::{Tally, quantile};
use greet::greet_service_client::GreetServiceClient;
use greet::greet_service_server::{GreetService, GreetServiceServer};
use greet::{GreetRequest, GreetResponse};
use parking_lot::Mutex;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_stream::{StreamExt as _, wrappers::ReceiverStream};
use tonic::transport::{Channel, Endpoint, Server};
use tonic::{Request, Response, Status};
use triple::{Runtime, Shape};

/// A greeting service and its callers on nothing but tonic.
#[derive(Debug, Parser)]
#[command(name = "plain-tonic")]
enum Role {
    /// Greets by the name that was asked for.
    Provider {
        /// The port of 127.0.0.1 to serve.
        #[arg(long)]
        port: u16,
        /// Tokio's default runtime, or one for each core.
        #[arg(long, value_enum, default_value = "work-stealing")]
        runtime: Threads,
    },
    /// Calls through tonic's balanced channel until the time is over, and prints a line of JSON.
    Consumer {
        /// The providers, separated by commas.
        #[arg(long, required = true, value_delimiter = ',')]
        address: Vec<SocketAddr>,
        /// How many callers there are.
        #[arg(long, default_value = "16")]
        callers: NonZeroUsize,
        /// The pause of a caller between two calls.
        #[arg(long, default_value = "0s", value_parser = value::duration)]
        interval: Duration,
        /// The time from the first call until calls are counted.
        #[arg(long, default_value = "0s", value_parser = value::duration)]
        warm_up: Duration,
        /// The time from the first call until none is begun.
        #[arg(long, default_value = "1m", value_parser = value::duration)]
        duration: Duration,
        /// Tokio's default runtime, or one for each core.
        #[arg(long, value_enum, default_value = "work-stealing")]
        runtime: Threads,
    },
}

/// The threads that calls run on.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Threads {
    WorkStealing,
    PerCore,
}

fn main() -> ExitCode {
    app::exit_code(&run(Role::parse()))
}

fn run(role: Role) -> anyhow::Result<()> {
    match role {
        Role::Provider { port, runtime } => {
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
            match runtime {
                Threads::WorkStealing => tokio::runtime::Runtime::new()?
                    .block_on(serve(address))
                    .context("cannot serve"),
                Threads::PerCore => {
                    let runtime = Runtime::new(Shape::PerCore)?;
                    runtime.block_on(deal(address, &runtime))
                }
            }
        }
        Role::Consumer {
            address,
            callers,
            interval,
            warm_up,
            duration,
            runtime,
        } => {
            let load = Load {
                endpoints: address
                    .iter()
                    .map(|address| Endpoint::from_shared(format!("http://{address}")))
                    .collect::<Result<_, _>>()?,
                callers: callers.get(),
                interval,
                warm_up,
                duration,
            };
            let tally = match runtime {
                Threads::WorkStealing => tokio::runtime::Runtime::new()?.block_on(load.run()),
                Threads::PerCore => {
                    let runtime = Runtime::new(Shape::PerCore)?;
                    runtime.block_on(load.run_on_each(&runtime))
                }
            };
            serde_json::to_writer(std::io::stdout(), &tally?)?;
            Ok(())
        }
    }
}

// === provider ===

#[derive(Clone)]
struct Greeter;

#[tonic::async_trait]
impl GreetService for Greeter {
    async fn greet(
        &self,
        request: Request<GreetRequest>,
    ) -> Result<Response<GreetResponse>, Status> {
        let GreetRequest { name } = request.into_inner();
        Ok(Response::new(GreetResponse { greeting: name }))
    }
}

async fn serve(address: SocketAddr) -> Result<(), tonic::transport::Error> {
    Server::builder()
        .add_service(GreetServiceServer::new(Greeter))
        .serve(address)
        .await
}

/// Accepts on one listener and deals the connections to one tonic server on each core.
async fn deal(address: SocketAddr, runtime: &Runtime) -> anyhow::Result<()> {
    let listener = TcpListener::bind(address).await?;
    let cores: Vec<_> = runtime
        .workers()
        .handles()
        .map(|core| {
            let (sender, accepted) = mpsc::channel::<std::net::TcpStream>(64);
            let connections = ReceiverStream::new(accepted).map(|stream| {
                let stream = TcpStream::from_std(stream)?;
                stream.set_nodelay(true)?;
                std::io::Result::Ok(stream)
            });
            core.spawn(
                Server::builder()
                    .add_service(GreetServiceServer::new(Greeter))
                    .serve_with_incoming(connections),
            );
            sender
        })
        .collect();
    for core in cores.iter().cycle() {
        let (stream, _) = listener.accept().await?;
        core.send(stream.into_std()?).await?;
    }
    Ok(())
}

// === consumer ===

#[derive(Clone)]
struct Load {
    endpoints: Vec<Endpoint>,
    callers: usize,
    interval: Duration,
    warm_up: Duration,
    duration: Duration,
}

impl Load {
    /// Calls from tasks of the runtime that this runs on, all through one channel.
    async fn run(self) -> anyhow::Result<Tally> {
        let start = Instant::now();
        let times = self.times(start).await?;
        Ok(self.tally(times))
    }

    /// Deals the callers to the cores, each with a channel of its own.
    async fn run_on_each(self, runtime: &Runtime) -> anyhow::Result<Tally> {
        let start = Instant::now();
        let cores = runtime.workers().len();
        let tasks: Vec<_> = runtime
            .workers()
            .handles()
            .enumerate()
            .map(|(core, handle)| {
                let share = Self {
                    callers: (self.callers + cores - 1 - core) / cores,
                    ..self.clone()
                };
                handle.spawn(async move { share.times(start).await })
            })
            .collect();
        let mut times = Vec::new();
        for task in tasks {
            times.extend(task.await??);
        }
        Ok(self.tally(times))
    }

    /// Returns the time of each call that was counted, in milliseconds.
    async fn times(&self, start: Instant) -> anyhow::Result<Vec<f64>> {
        let endpoints = self.endpoints.iter().cloned();
        let client = GreetServiceClient::new(Channel::balance_list(endpoints));
        let times = Arc::new(Mutex::new(Vec::new()));
        let (counted, end) = (start + self.warm_up, start + self.duration);
        let interval = self.interval;
        let callers: Vec<_> = (0..self.callers)
            .map(|_| {
                let mut client = client.clone();
                let times = Arc::clone(&times);
                tokio::spawn(async move {
                    let mut own = Vec::new();
                    while Instant::now() < end {
                        let begun = Instant::now();
                        let request = GreetRequest {
                            name: "hello world".to_owned(),
                        };
                        client.greet(request).await?;
                        if Instant::now() >= counted {
                            own.push(begun.elapsed().as_secs_f64() * 1e3);
                        }
                        if !interval.is_zero() {
                            sleep(interval).await;
                        }
                    }
                    times.lock().extend(own);
                    Ok::<_, Status>(())
                })
            })
            .collect();
        sleep_until(end).await;
        for caller in callers {
            caller.await??;
        }
        Ok(std::mem::take(&mut *times.lock()))
    }

    fn tally(&self, mut times: Vec<f64>) -> Tally {
        times.sort_by(f64::total_cmp);
        Tally {
            calls: times.len() as u64,
            succeeded: times.len() as u64,
            seconds: (self.duration - self.warm_up).as_secs_f64(),
            p50_ms: quantile(&times, 0.5),
            p99_ms: quantile(&times, 0.99),
        }
    }
}
