//! A batch job that pushes its figures: `cargo run -p metrics-core --example push`, with a Pushgateway on 127.0.0.1:9091.
//!
//! The last figures stay on the gateway. Ctrl-C ends the job early, and deletes them.

use std::time::Duration;

use metrics_core::{
    AtStop, Config, DEFAULT_PUSH_INTERVAL, MethodKey, Metrics, Outcome, Pusher, Side,
};
use pushgateway::{Access, Gateway, GroupingKey};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let metrics = Metrics::new(Config::default())?;
    let gateway = Gateway::new(&Access::new("127.0.0.1:9091".parse()?))?;
    let key = GroupingKey::new("example").with("instance", std::process::id().to_string());
    let pusher = Pusher::new(&metrics, gateway, key, DEFAULT_PUSH_INTERVAL);
    let job = async {
        tokio::select! {
            () = job(&metrics) => AtStop::Keep,
            _ = tokio::signal::ctrl_c() => AtStop::Delete,
        }
    };
    pusher.run(job).await;
    Ok(())
}

/// Does a hundred pieces of work, each measured as a call.
async fn job(metrics: &Metrics) {
    let method = metrics.method(Side::Consumer, &MethodKey::new("example.Job", "work"));
    for _ in 0..100 {
        let call = method.start();
        tokio::time::sleep(Duration::from_millis(20)).await;
        call.end(Outcome::SUCCESS);
    }
}
