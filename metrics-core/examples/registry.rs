//! The figures among those of an app that has a registry already: `cargo run -p metrics-core --example registry`.

use metrics_core::{Config, KnownService, Metrics, ProviderLayer};
use prometheus::{Registry, TextEncoder};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let registry = Registry::new();
    let metrics = Metrics::new(Config::default())?;
    registry.register(Box::new(metrics.collector()))?;

    // A name that is not in the descriptors is an error here, and not a service that is never measured.
    let service = KnownService::described(greet::INTERFACE, greet::FILE_DESCRIPTOR_SET)?;
    let _layer = ProviderLayer::new(&metrics, &[service]);

    let text = TextEncoder::new().encode_to_string(&registry.gather())?;
    std::io::Write::write_all(&mut std::io::stdout(), text.as_bytes())?;
    Ok(())
}
