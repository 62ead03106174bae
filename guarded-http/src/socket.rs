//! Listening sockets, for one family of addresses or for both.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use socket2::{Domain, Protocol, Socket, Type};

use crate::sys;

/// Connections that wait to be accepted; the system may cut it down.
const BACKLOG: i32 = 1024;

/// Listens on an address; the socket is ready for tokio (non-blocking).
///
/// `[::]` is for all addresses of both families, whatever the system's default is, and for those of IPv4 on a host without IPv6.
///
/// # Errors
/// When the address cannot be had.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let all = address.ip().is_unspecified() && address.is_ipv6();
    match bound(address) {
        // A kernel without IPv6 makes no such socket; one that has it switched off knows no such address.
        Err(err) if all && err.kind() != io::ErrorKind::AddrInUse => {
            let ipv4 = (Ipv4Addr::UNSPECIFIED, address.port()).into();
            // What is wrong with both is said of the address that was asked for.
            bound(ipv4).map_err(|_| err)
        }
        bound => bound,
    }
}

fn bound(address: SocketAddr) -> io::Result<TcpListener> {
    let domain = Domain::for_address(address);
    let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    sys::take_over(&socket)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;

    use super::*;

    fn listening(address: &str) -> TcpListener {
        listen(address.parse().unwrap()).unwrap()
    }

    #[test]
    fn all_addresses_are_those_of_both_families() {
        let listener = listening("[::]:0");
        let address = listener.local_addr().unwrap();
        TcpStream::connect(("127.0.0.1", address.port())).unwrap();
        // Where the host has no IPv6 the socket says so.
        if address.is_ipv6() {
            TcpStream::connect(("::1", address.port())).unwrap();
        }
    }

    #[test]
    fn a_port_in_use_is_an_error_whichever_family_it_is_in_use_for() {
        for (first, second) in [
            ("[::]", "[::]"),
            ("[::]", "0.0.0.0"),
            ("0.0.0.0", "[::]"),
            ("127.0.0.1", "[::]"),
        ] {
            let taken = listening(&format!("{first}:0"));
            let port = taken.local_addr().unwrap().port();
            let err = listen(format!("{second}:{port}").parse().unwrap()).unwrap_err();
            assert_eq!(err.kind(), io::ErrorKind::AddrInUse, "{first} {second}");
        }
    }

    #[test]
    fn an_address_of_another_host_is_an_error() {
        let err = listen("192.0.2.1:0".parse().unwrap()).unwrap_err();
        assert_eq!(err.kind(), io::ErrorKind::AddrNotAvailable);
    }
}
