//! Options for measuring, and for how the figures leave the process.

use std::{net::SocketAddr, time::Duration};

use clap::Args;
use clap::builder::BoolishValueParser;
use guarded_http::ProtectionArgs;
use pushgateway::{GatewayArgs, GroupingKey};

use super::{MeasureArgs, value};
use crate::config::{DeleteOnExit, Export, Measure, Pull, Push};
use crate::instance;

/// What was typed about metrics.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Metrics")]
pub(crate) struct ExportArgs {
    /// Push to the Pushgateway (true), or serve the pull endpoint (false): strictly one of the two.
    #[arg(long, env, value_name = "BOOL", default_value = "true", value_parser = BoolishValueParser::new())]
    pub(crate) push: bool,

    /// Where the Pushgateway is, and how to get in.
    #[command(flatten)]
    pub(crate) gateway: GatewayArgs,

    /// The job in the grouping key of what is pushed.
    #[arg(long, env, value_name = "NAME", required = false, value_parser = value::not_empty)]
    pub(crate) job_name: String,

    /// The instance in the grouping key [default: HOST:PID-RANDOM, which no other process has]
    #[arg(long, env, value_name = "NAME", value_parser = value::not_empty)]
    pub(crate) instance: Option<String>,

    /// The time between two pushes.
    #[arg(long, env, value_name = "DURATION", default_value = "10s", value_parser = value::positive_duration)]
    pub(crate) push_interval: Duration,

    /// Delete the own group from the Pushgateway at the stop; auto keeps the last figures of a process that ended by itself.
    #[arg(
        long,
        env,
        value_name = "auto|BOOL",
        default_value = "auto",
        default_missing_value = "true",
        num_args = 0..=1,
        require_equals = true,
        value_parser = value::delete_on_exit
    )]
    pub(crate) delete_on_exit: DeleteOnExit,

    /// Measure calls; false is for comparison.
    #[arg(long, env, value_name = "BOOL", default_value = "true", value_parser = BoolishValueParser::new())]
    pub(crate) metrics: bool,

    /// Where the pull endpoint listens. [::] is all addresses of both families.
    #[arg(long, env, value_name = "IP:PORT", required = false, value_parser = value::listening_address)]
    pub(crate) metrics_addr: SocketAddr,

    /// Serve no status page at / of the pull endpoint.
    #[arg(long, env, value_name = "BOOL", default_value = "false", value_parser = BoolishValueParser::new())]
    pub(crate) no_page: bool,

    /// TLS and a login before the pull endpoint.
    #[command(flatten)]
    pub(crate) protection: ProtectionArgs,

    /// What is measured, and how much of it is exported.
    #[command(flatten)]
    pub(crate) measure: MeasureArgs,
}

impl ExportArgs {
    /// Checks what a single option's parser cannot. None where nothing is measured.
    pub(super) fn into_config(self) -> anyhow::Result<Option<Measure>> {
        let Self {
            push,
            gateway,
            job_name,
            instance,
            push_interval,
            delete_on_exit,
            metrics,
            metrics_addr,
            no_page,
            protection,
            measure,
        } = self;
        let measuring = measure.into_measuring()?;
        if !metrics {
            return Ok(None);
        }
        let export = if push {
            let instance = instance.unwrap_or_else(instance::name);
            Export::Push(Box::new(Push {
                access: gateway.access()?,
                key: GroupingKey::new(job_name).with("instance", instance),
                interval: push_interval,
                delete_on_exit,
            }))
        } else {
            Export::Pull(Pull {
                address: metrics_addr,
                page: !no_page,
                protection: protection.protection()?,
            })
        };
        Ok(Some(Measure { measuring, export }))
    }
}
