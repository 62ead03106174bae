//! The client's own options.

mod tls;

use std::{num::NonZeroUsize, time::Duration};

use app::{CommandLine, Defaults, ProcessArgs, ProcessConfig, value};
use clap::{Parser, builder::BoolishValueParser};
use triple::{ConsumerOptions, LoadBalance, MethodTable};

use crate::Schedule;

/// Asks for greetings over Triple from the providers that ZooKeeper lists, and measures every call.
#[derive(Clone, Debug, Parser)]
#[command(name = "client", version = about::VERSION, max_term_width = 100)]
pub struct Args {
    /// The pause between a caller's calls; 0s for none.
    #[arg(long, env, value_name = "DURATION", default_value = "1s", value_parser = value::duration)]
    interval: Duration,

    /// How many callers there are, each with one call at a time.
    #[arg(long, env, value_name = "CALLERS", default_value = "1")]
    concurrency: NonZeroUsize,

    /// How many calls are made in all before the client ends [default: endless]
    #[arg(long, env, value_name = "CALLS")]
    count: Option<u64>,

    /// How long an attempt may take.
    #[arg(long, env, value_name = "DURATION", default_value = "3s", value_parser = value::positive_duration)]
    timeout: Duration,

    /// How many further attempts a call may make after its first.
    #[arg(long, env, value_name = "ATTEMPTS", default_value = "2")]
    retries: usize,

    /// How the provider of an attempt is chosen.
    #[arg(long, env, value_name = "POLICY", default_value = "p2c", value_parser = load_balance())]
    loadbalance: LoadBalance,

    /// The tag of all calls, which then go to servers with this tag where there are any [default: none]
    #[arg(long, env, value_name = "TAG", value_parser = value::tag)]
    tag: Option<String>,

    /// Lists the client in ZooKeeper among the consumers of the service, where Dubbo Admin finds it.
    #[arg(long, env, value_name = "BOOL", default_value = "true", value_parser = BoolishValueParser::new())]
    register_consumer: bool,

    /// How many connections each provider gets from each worker thread.
    #[arg(long, env, value_name = "CONNECTIONS", default_value = "1")]
    connections: NonZeroUsize,

    /// The most connections to each provider, shared by all worker threads; --connections are had in any case.
    #[arg(long, env, value_name = "CONNECTIONS", default_value = "8")]
    max_connections: NonZeroUsize,

    /// How many providers are called where more than twice as many are listed: a part that is the same each time and differs from
    /// client to client; 0 for all of them, always.
    #[arg(long, env, value_name = "PROVIDERS", default_value = "100")]
    subset: usize,

    /// How long a provider has no call before its connections end; 0s for never.
    #[arg(long, env, value_name = "DURATION", default_value = "10m", value_parser = value::duration)]
    idle_timeout: Duration,

    /// How long a provider may be silent while calls wait for it before it is pinged; 0s for never.
    #[arg(long, env, value_name = "DURATION", default_value = "5s", value_parser = value::duration)]
    keepalive_interval: Duration,

    /// How long a provider may take to answer a ping before its connection is given up.
    #[arg(long, env, value_name = "DURATION", default_value = "5s", value_parser = value::positive_duration)]
    keepalive_timeout: Duration,

    /// Calls this provider, with no registry; several are separated by commas, and a name stands for all its addresses [default:
    /// those that the registry lists]
    #[arg(long, env, value_name = "tri://HOST:PORT,…", value_delimiter = ',', value_parser = direct)]
    direct: Vec<String>,

    #[command(flatten)]
    tls: tls::TlsArgs,

    #[command(flatten)]
    process: ProcessArgs,
}

/// What the client runs on.
#[derive(Debug)]
pub struct Config {
    /// When calls are made.
    pub schedule: Schedule,
    /// How they are made.
    pub options: ConsumerOptions,
    /// The providers to call without a registry, each a `host:port`, separated by commas.
    pub direct: Option<String>,
    /// What every process of the sample needs.
    pub process: ProcessConfig,
}

impl CommandLine for Args {
    type Config = Config;

    const DEFAULTS: Defaults = Defaults {
        application: "dubbo-rust-client",
        job_name: "dubbo_client",
        metrics_addr: "[::]:9097",
    };

    fn into_config(self) -> anyhow::Result<Config> {
        let Self {
            interval,
            concurrency,
            count,
            timeout,
            retries,
            loadbalance,
            tag,
            register_consumer,
            connections,
            max_connections,
            subset,
            idle_timeout,
            keepalive_interval,
            keepalive_timeout,
            direct,
            tls,
            process,
        } = self;
        let tls = tls.tls()?;
        let mut process = process.into_config()?;
        process.calling_over(tls.clone());
        let methods = MethodTable::described(greet::INTERFACE, greet::FILE_DESCRIPTOR_SET)?;
        let mut options = ConsumerOptions::default()
            .timeout(timeout)
            .retries(retries)
            .balance(loadbalance)
            .connections(connections.get())
            .max_connections(max_connections.get())
            .subset(subset)
            .idle_timeout(idle_timeout)
            .keepalive_interval(keepalive_interval)
            .keepalive_timeout(keepalive_timeout)
            .methods(methods)
            .registered(register_consumer);
        options.tls = tls;
        options.tag = tag;
        Ok(Config {
            schedule: Schedule {
                callers: concurrency,
                interval,
                count,
            },
            options,
            direct: (!direct.is_empty()).then(|| direct.join(",")),
            process,
        })
    }
}

fn load_balance() -> impl clap::builder::TypedValueParser<Value = LoadBalance> {
    use clap::builder::{PossibleValuesParser, TypedValueParser as _};
    PossibleValuesParser::new(["p2c", "random", "roundrobin", "leastactive"])
        .try_map(|name| name.parse::<LoadBalance>())
}

/// Takes the scheme off a provider's address.
fn direct(text: &str) -> Result<String, String> {
    let parsed = text.strip_prefix("tri://").and_then(|authority| {
        let authority = authority.trim_end_matches('/');
        let (host, port) = authority.rsplit_once(':')?;
        let legal = !host.is_empty() && !host.contains(['/', '@', '?', ' ']);
        (legal && port.parse::<u16>().is_ok_and(|port| port != 0)).then(|| authority.to_owned())
    });
    parsed.ok_or_else(|| "must be an address such as tri://127.0.0.1:20000".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_direct_address_has_scheme_host_and_port() {
        assert_eq!(
            direct("tri://127.0.0.1:20000").as_deref(),
            Ok("127.0.0.1:20000")
        );
        assert_eq!(direct("tri://my-host:1/").as_deref(), Ok("my-host:1"));
        for wrong in [
            "127.0.0.1:20000",
            "tri://host",
            "tri://:20000",
            "tri://host:0",
            "tri://host:99999",
            "dubbo://host:20000",
            "tri://host:20000/path",
        ] {
            assert!(direct(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_command_line_is_sound() {
        app::command::<Args>().debug_assert();
    }
}
