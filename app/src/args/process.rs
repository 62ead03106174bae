//! Options of any process of the sample.

use std::net::SocketAddr;

use clap::Args;
use clap::builder::BoolishValueParser;
use triple::Shape;

use super::{ExportArgs, RegistryArgs, value};
use crate::address::Advertised;
use crate::config::ProcessConfig;

/// The defaults in which server and client differ.
#[derive(Clone, Copy, Debug)]
pub struct Defaults {
    /// Of `--application`.
    pub application: &'static str,
    /// Of `--job-name`.
    pub job_name: &'static str,
    /// Of `--metrics-addr`: two ports, since both processes often share a host.
    pub metrics_addr: &'static str,
}

/// What was typed on the command line of a process, apart from its own options.
#[derive(Args, Clone, Debug)]
pub struct ProcessArgs {
    /// The registry.
    #[command(flatten)]
    pub(crate) registry: RegistryArgs,

    /// Measuring and exporting.
    #[command(flatten)]
    pub(crate) export: ExportArgs,

    /// The application's name, in the registry and in metrics' labels.
    #[arg(long, env, value_name = "NAME", required = false, value_parser = value::application_name, help_heading = "Process")]
    pub(crate) application: String,

    /// Where /live, /ready and /startup are served [default: nowhere]
    #[arg(long, env, value_name = "IP:PORT", value_parser = value::listening_address, help_heading = "Process")]
    pub(crate) probe_addr: Option<SocketAddr>,

    /// The threads that serve calls: one for each core with a pool for slow handlers, or one pool for all, or one for each core alone.
    #[arg(long, env, value_name = "SHAPE", default_value = "adaptive", value_parser = value::shape(), help_heading = "Process")]
    pub(crate) runtime: Shape,

    /// Write no line for each call.
    #[arg(long, env, value_name = "BOOL", default_value = "false", value_parser = BoolishValueParser::new(), help_heading = "Process")]
    pub(crate) quiet: bool,
}

impl ProcessArgs {
    /// Checks what a single option's parser cannot, and reads the files that options name.
    ///
    /// # Errors
    ///
    /// When a value cannot be used; the message names the option.
    pub fn into_config(self) -> anyhow::Result<ProcessConfig> {
        let Self {
            registry,
            export,
            application,
            probe_addr,
            runtime,
            quiet,
        } = self;
        Ok(ProcessConfig {
            application,
            advertised: Advertised::of(registry.advertise_ip),
            zookeeper: registry.into_config()?,
            measure: export.into_config()?,
            tls: None,
            probe_addr,
            runtime,
            quiet,
        })
    }
}
