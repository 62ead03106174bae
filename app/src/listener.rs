//! Listening sockets, and what to say when one cannot be had.

use std::{
    io,
    net::{SocketAddr, TcpListener},
};

use anyhow::anyhow;

/// Listens on `address`, which `option` chose, as [`guarded_http::listen`] does.
///
/// # Errors
///
/// When the address cannot be had; the message names address and option, and says what to do.
pub fn listen(address: SocketAddr, option: &str) -> anyhow::Result<TcpListener> {
    guarded_http::listen(address).map_err(|err| {
        let advice = match err.kind() {
            io::ErrorKind::AddrInUse => {
                format!(
                    "end the process that uses port {}, or choose another with {option}",
                    address.port()
                )
            }
            io::ErrorKind::AddrNotAvailable => {
                format!("choose an address of this host with {option}")
            }
            io::ErrorKind::PermissionDenied => {
                format!("choose a port above 1023 with {option}")
            }
            _ => format!("see {option}"),
        };
        anyhow!("cannot listen on {address}: {err}; {advice}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_in_use_is_named_with_its_option() {
        let first = listen("127.0.0.1:0".parse().unwrap(), "--port").unwrap();
        let address = first.local_addr().unwrap();
        let message = listen(address, "--port").unwrap_err().to_string();
        assert!(message.contains(&address.to_string()), "{message}");
        assert!(
            message.ends_with("or choose another with --port"),
            "{message}"
        );
    }

    #[test]
    fn an_address_of_another_host_is_named_with_its_option() {
        let message = listen("192.0.2.1:0".parse().unwrap(), "--metrics-addr")
            .unwrap_err()
            .to_string();
        assert!(message.contains("192.0.2.1:0"), "{message}");
        assert!(message.ends_with("with --metrics-addr"), "{message}");
    }
}
