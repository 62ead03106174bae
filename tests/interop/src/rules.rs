//! A Prometheus with the mixin's rules that scrapes peers.

use test_servers::{LONG, Prometheus, eventually};

use crate::{Consumer, Provider};

/// The share of its calls that a provider of [`Scraped`] answers with a business error.
pub const BUSINESS: f64 = 0.1;

/// A Prometheus with the rules, on scrapes of a provider and a consumer each second.
#[derive(Debug)]
pub struct Scraped {
    prometheus: Prometheus,
}

impl Scraped {
    /// Starts it.
    ///
    /// # Panics
    /// When the consumer is ours, which pushes.
    pub async fn start(provider: &Provider, consumer: &Consumer) -> Self {
        let mut config =
            "global: {scrape_interval: 1s, evaluation_interval: 1s}\nrule_files: [rules/*.yml]\nscrape_configs:\n".to_owned();
        let consumer = consumer.scraped_at().expect("a peer is scraped");
        for (job, (port, path)) in [
            ("dubbo-provider", provider.scraped_at()),
            ("dubbo-consumer", consumer),
        ] {
            config += &format!(
                "- job_name: {job}\n  metrics_path: {path}\n  static_configs: [{{targets: ['127.0.0.1:{port}']}}]\n"
            );
        }
        Self {
            prometheus: Prometheus::start_with_files(&config, &stack::short_rules()).await,
        }
    }

    /// Waits until the recorded series of this side say what happens: calls, of which a tenth are business errors and none is the provider's
    /// fault, with times, of a process that is known.
    ///
    /// # Panics
    /// When they do not within two minutes, with what they say.
    pub async fn says_what_happens(&self, side: &str, application: &str) {
        let of = format!(
            "{{side=\"{side}\",interface=\"greet.GreetService\",method=\"Greet\",application_name=\"{application}\"}}"
        );
        let calls = format!("sum(dubbo:requests:rate5m{of})");
        let expected = [
            (format!("{calls} > bool 1"), 1.0, 1.0),
            (
                format!("sum(dubbo:requests_business_failed:rate5m{of}) / {calls}"),
                BUSINESS / 2.0,
                BUSINESS * 2.0,
            ),
            (
                format!("sum(dubbo:requests_faulty:rate5m{of}) / {calls}"),
                0.0,
                0.01,
            ),
            (
                format!(
                    "sum(dubbo:errors:rate5m{{side=\"{side}\",application_name=\"{application}\",error_type=\"business\",fault=\"caller\"}}) / {calls}"
                ),
                BUSINESS / 2.0,
                BUSINESS * 2.0,
            ),
            (
                format!("sum(dubbo:request_duration_seconds_sum:rate5m{of}) / {calls}"),
                0.001,
                1.0,
            ),
            (
                format!("max(dubbo:request_duration_seconds:p99{of})"),
                0.001,
                5.0,
            ),
            (
                format!(
                    "max(dubbo:availability_missed:ratio5m{{side=\"{side}\",application_name=\"{application}\"}})"
                ),
                0.0,
                0.01,
            ),
            (
                format!(
                    "count(dubbo:interface_processes{{side=\"{side}\",interface=\"greet.GreetService\"}})"
                ),
                1.0,
                1.0,
            ),
            ("count(dubbo:process_up)".to_owned(), 2.0, 2.0),
        ];
        eventually(2 * LONG, "what the recorded series say", async || {
            let mut wrong = Vec::new();
            for (query, least, most) in &expected {
                let samples = self.prometheus.query(query).await;
                let value = samples.first().map(|sample| sample.value);
                if !value.is_some_and(|value| value >= *least && value <= *most) {
                    wrong.push(format!("{query}: {value:?}, not {least} to {most}"));
                }
            }
            if wrong.is_empty() { Ok(()) } else { Err(wrong) }
        })
        .await;
    }
}
