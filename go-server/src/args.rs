//! The server's own options.

mod access;
mod advertised_port;
mod tls;

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use app::{CommandLine, Defaults, ProcessArgs, ProcessConfig, RegisterMode, value};
use clap::Parser;
use triple::ServerTls;

use advertised_port::AdvertisedPortParser;

pub use access::{Admission, MaxCalls};
pub use advertised_port::AdvertisedPort;

/// Provides greetings over Triple, registers itself in ZooKeeper, and measures every call.
#[derive(Clone, Debug, Parser)]
#[command(name = "server", version = about::VERSION, max_term_width = 100)]
pub struct Args {
    /// The address that serves Triple; :: is all addresses of both families.
    #[arg(long, env, value_name = "IP", default_value = "::", value_parser = value::listening_ip)]
    listen: IpAddr,

    /// The port that serves Triple; 0 takes a free one.
    #[arg(long, env, value_name = "PORT", default_value = "20000")]
    port: u16,

    /// The port that is registered for others to connect to, where it differs from the one that listens [default: --port]
    #[arg(
        long,
        env = "DUBBO_PORT_TO_REGISTRY",
        value_name = "PORT",
        value_parser = AdvertisedPortParser,
        help_heading = "Registry"
    )]
    advertise_port: Option<AdvertisedPort>,

    /// How long a greeting takes.
    #[arg(long, env, value_name = "DURATION", default_value = "10ms", value_parser = value::duration)]
    delay: Duration,

    /// The share of calls that end in a business error, from 0 to 1.
    #[arg(long, env, value_name = "SHARE", default_value = "0.01", value_parser = value::share)]
    error_rate: f64,

    /// The time from unregistering to refusing connections, for calls that are on their way.
    #[arg(long, env, value_name = "DURATION", default_value = "3s", value_parser = value::duration)]
    stop_wait: Duration,

    /// The share of the calls beside other providers' weights; 0 asks for none as long as others are there.
    #[arg(long, env, value_name = "NUMBER", default_value = "100", value_parser = value::weight)]
    weight: u32,

    /// How long after its start consumers call the server less than its weight says; 0s for its whole weight at once.
    #[arg(long, env, value_name = "DURATION", default_value = "10m", value_parser = value::duration)]
    warmup: Duration,

    /// The tag of the server, which then gets only calls that carry it [default: none]
    #[arg(long, env, value_name = "TAG", value_parser = value::tag)]
    tag: Option<String>,

    /// Where consumers find the server: by its instance (Dubbo 3), by each interface (Dubbo 2), or both.
    #[arg(long, env, value_name = "MODE", default_value = "all", value_parser = value::register_mode())]
    register_mode: RegisterMode,

    /// The age at which a connection is told to go away, so that callers behind one address spread over all servers [default:
    /// never]
    #[arg(long, env, value_name = "DURATION", value_parser = value::positive_duration)]
    max_connection_age: Option<Duration>,

    #[command(flatten)]
    tls: tls::TlsArgs,

    #[command(flatten)]
    access: access::AccessArgs,

    #[command(flatten)]
    process: ProcessArgs,
}

/// What the server runs on.
#[derive(Debug)]
pub struct Config {
    /// Where Triple is served.
    pub address: SocketAddr,
    /// The port that is registered, where it is another.
    pub advertise_port: Option<AdvertisedPort>,
    /// How long a greeting takes.
    pub delay: Duration,
    /// The share of calls that end in a business error, from 0 to 1.
    pub error_rate: f64,
    /// The time from unregistering to refusing connections.
    pub stop_wait: Duration,
    /// The share of the calls beside other providers' weights.
    pub weight: u32,
    /// How long consumers call it less than that.
    pub warmup: Duration,
    /// Its tag, without which it gets calls with no tag.
    pub tag: Option<String>,
    /// Which of Dubbo's two registrations are made.
    pub register_mode: RegisterMode,
    /// The age at which a connection is told to go away; never without it.
    pub max_connection_age: Option<Duration>,
    /// What the port speaks TLS with; it speaks none without.
    pub tls: Option<ServerTls>,
    /// Who may call, and how much.
    pub admission: Admission,
    /// What every process of the sample needs.
    pub process: ProcessConfig,
}

impl CommandLine for Args {
    type Config = Config;

    const DEFAULTS: Defaults = Defaults {
        application: "dubbo-rust-server",
        job_name: "dubbo_server",
        metrics_addr: "[::]:9099",
    };

    fn into_config(self) -> anyhow::Result<Config> {
        let Self {
            listen,
            port,
            advertise_port,
            delay,
            error_rate,
            stop_wait,
            weight,
            warmup,
            tag,
            register_mode,
            max_connection_age,
            tls,
            access,
            process,
        } = self;
        let shown = tls.asks_callers();
        let mut process = process.into_config()?;
        process.listening_on(listen);
        Ok(Config {
            address: (listen, port).into(),
            advertise_port,
            delay,
            error_rate,
            stop_wait,
            weight,
            warmup,
            tag,
            register_mode,
            max_connection_age,
            tls: tls.tls()?,
            admission: access.admission(shown)?,
            process,
        })
    }
}
