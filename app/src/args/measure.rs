//! Options for what is measured, and for how much of it leaves the process.

use std::time::Duration;

use anyhow::bail;
use clap::Args;
use metrics_core::{Families, MetricsPath, WINDOW_RANGE};

use super::value::{self, Bounds};
use crate::measure::Measuring;

/// What was typed about measuring.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Metrics")]
pub struct MeasureArgs {
    /// The sliding window of rates and quantiles, in 10 panes.
    #[arg(long, env, value_name = "DURATION", default_value = "120s", value_parser = value::positive_duration)]
    pub(crate) metrics_window: Duration,

    /// The families of calls: all, or lean, without those that can be derived from the rest.
    #[arg(long, env, value_name = "all|lean", default_value = "all", value_parser = value::families())]
    pub(crate) metrics_families: Families,

    /// The upper bounds of the response times' buckets; none leaves the native histogram only.
    #[arg(
        long,
        env,
        value_name = "DURATION,…|none",
        default_value = "500us,1ms,2500us,5ms,10ms,25ms,50ms,100ms,250ms,500ms,1s,2500ms,5s,10s",
        value_parser = value::bounds
    )]
    pub(crate) metrics_buckets: Bounds,

    /// The path of the pull endpoint.
    #[arg(long, env, value_name = "PATH", default_value = "/prometheus")]
    pub(crate) metrics_path: MetricsPath,
}

impl MeasureArgs {
    /// Checks what a single option's parser cannot.
    ///
    /// # Errors
    ///
    /// When the window cannot be measured with.
    pub fn into_measuring(self) -> anyhow::Result<Measuring> {
        let Self {
            metrics_window: window,
            metrics_families: families,
            metrics_buckets: Bounds(buckets),
            metrics_path: path,
        } = self;
        if !WINDOW_RANGE.contains(&window) {
            bail!(
                "--metrics-window: {} is outside {} to {}",
                humantime::format_duration(window),
                humantime::format_duration(*WINDOW_RANGE.start()),
                humantime::format_duration(*WINDOW_RANGE.end()),
            );
        }
        Ok(Measuring {
            window,
            families,
            buckets,
            path,
        })
    }
}
