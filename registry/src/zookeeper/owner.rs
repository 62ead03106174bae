//! Whether a connection on loopback comes from this process.

use std::net::SocketAddr;

/// Returns whether the socket at `peer`, which is connected to `local`, is one of this process. False where the system does not tell.
#[cfg(target_os = "linux")]
pub(super) fn is_ours(peer: SocketAddr, local: Option<SocketAddr>) -> bool {
    let (SocketAddr::V4(peer), Some(SocketAddr::V4(local))) = (peer, local) else {
        return false;
    };
    let Ok(table) = std::fs::read_to_string("/proc/self/net/tcp") else {
        return false;
    };
    let inode = table.lines().find_map(|line| inode(line, peer, local));
    inode.is_some_and(|inode| is_open(&inode))
}

/// Returns the number of the socket in this line of the kernel's table, if it is connected so.
#[cfg(target_os = "linux")]
fn inode(line: &str, from: std::net::SocketAddrV4, to: std::net::SocketAddrV4) -> Option<String> {
    // The kernel writes the address as a number of the machine's own byte order.
    let written = |address: std::net::SocketAddrV4| {
        let number = u32::from_ne_bytes(address.ip().octets());
        format!("{number:08X}:{:04X}", address.port())
    };
    let mut fields = line.split_ascii_whitespace().skip(1);
    let matches = fields.next()? == written(from) && fields.next()? == written(to);
    let inode = fields.nth(6)?;
    matches.then(|| inode.to_owned())
}

/// Returns whether this process has the socket open.
#[cfg(target_os = "linux")]
fn is_open(inode: &str) -> bool {
    let Ok(files) = std::fs::read_dir("/proc/self/fd") else {
        return false;
    };
    let name = format!("socket:[{inode}]");
    files
        .flatten()
        .filter_map(|file| std::fs::read_link(file.path()).ok())
        .any(|target| target.as_os_str() == &*name)
}

/// Other systems have no such table.
#[cfg(not(target_os = "linux"))]
pub(super) fn is_ours(_: SocketAddr, _: Option<SocketAddr>) -> bool {
    false
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::process::{Command, Stdio};

    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    #[tokio::test]
    async fn a_connection_of_this_process_is_told_from_another_processs() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let local = listener.local_addr().unwrap();
        let own = TcpStream::connect(local).await.unwrap();
        let (_near, peer) = listener.accept().await.unwrap();
        assert_eq!(own.local_addr().unwrap(), peer);
        assert!(is_ours(peer, Some(local)));
        let mut other = Command::new("bash")
            .arg("-c")
            .arg(format!(
                "exec 3<>/dev/tcp/127.0.0.1/{}; read -r line",
                local.port()
            ))
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let (_near, peer) = listener.accept().await.unwrap();
        assert!(!is_ours(peer, Some(local)));
        other.kill().unwrap();
        other.wait().unwrap();
    }
}
