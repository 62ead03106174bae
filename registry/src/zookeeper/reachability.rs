//! Why no ZooKeeper answers: the client says "no available hosts", whatever is wrong with each of them.

use std::time::Duration;

use tokio::{
    net::{TcpStream, lookup_host},
    time::timeout,
};

use crate::Error;

/// How long each host is tried. Longer delays the first line in the log; shorter calls a slow network silent.
const LIMIT: Duration = Duration::from_secs(2);

/// Names what is wrong with each host, if it was none of them that could be had.
pub(super) async fn explain(error: Error) -> Error {
    match error {
        Error::Unreachable { hosts, cause, .. } => {
            let mut reasons: Vec<String> = Vec::new();
            for host in hosts.split(',') {
                reasons.push(reason(host).await);
            }
            let reason = match reasons.as_slice() {
                [one] => one.clone(),
                many => hosts
                    .split(',')
                    .zip(many)
                    .map(|(host, reason)| format!("{host}: {reason}"))
                    .collect::<Vec<_>>()
                    .join("; "),
            };
            Error::Unreachable {
                hosts,
                reason,
                cause,
            }
        }
        other => other,
    }
}

async fn reason(host: &str) -> String {
    // Without a port, as an address may be written, it is ZooKeeper's own.
    let with_port = match host.rsplit_once(':') {
        Some((_, port)) if port.parse::<u16>().is_ok() => host.to_owned(),
        _ => format!("{host}:2181"),
    };
    let addresses: Vec<_> = match timeout(LIMIT, lookup_host(&with_port)).await {
        Err(_) => return format!("the name was not resolved within {LIMIT:?}"),
        Ok(Err(error)) => return format!("the name cannot be resolved: {error}"),
        Ok(Ok(addresses)) => addresses.collect(),
    };
    match timeout(LIMIT, TcpStream::connect(addresses.as_slice())).await {
        Err(_) => format!("no connection within {LIMIT:?}"),
        Ok(Err(error)) => error.to_string(),
        Ok(Ok(_)) => "it takes connections, and does not answer as ZooKeeper does".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    async fn text(hosts: &str) -> String {
        let error = Error::Unreachable {
            hosts: hosts.to_owned(),
            reason: String::new(),
            cause: zookeeper_client::Error::NoHosts,
        };
        explain(error).await.to_string()
    }

    #[tokio::test]
    async fn a_name_that_cannot_be_resolved_is_called_so() {
        for name in ["zookeeper.invalid:2181", "zookeeper.invalid"] {
            let text = text(name).await;
            let expected = format!("no ZooKeeper answers at {name}: the name cannot be resolved: ");
            assert!(text.starts_with(&expected), "{text}");
        }
    }

    #[tokio::test]
    async fn each_host_has_its_own_reason() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mute = listener.local_addr().unwrap();
        let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let refused = closed.local_addr().unwrap();
        drop(closed);
        let text = text(&format!("{mute},{refused}")).await;
        assert!(
            text.contains(&format!("{mute}: it takes connections")),
            "{text}"
        );
        assert!(
            text.contains(&format!("{refused}: Connection refused")),
            "{text}"
        );
    }
}
