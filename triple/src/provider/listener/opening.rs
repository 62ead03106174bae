//! The first bytes of a connection, which tell HTTP/1.1 from HTTP/2.
//!
//! hyper-util reads them with no deadline: a peer that connects and says nothing, or half of HTTP/2's preface, would keep its
//! connection for ever. So the provider looks at them first, without taking them.

use std::io;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::sleep;

/// What a client says first on every HTTP/2 connection (RFC 9113, section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Between two looks at a preface that has arrived in part; the kernel has no way to wait for the rest of it.
const PAUSE: Duration = Duration::from_millis(20);

/// Waits until the peer has said which protocol it speaks.
///
/// # Errors
///
/// When the connection ends or breaks before that.
pub(super) async fn arrived(stream: &TcpStream) -> io::Result<()> {
    let mut bytes = [0; PREFACE.len()];
    loop {
        let length = stream.peek(&mut bytes).await?;
        if length == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let is_part = length < PREFACE.len() && PREFACE.starts_with(&bytes[..length]);
        if !is_part {
            return Ok(());
        }
        sleep(PAUSE).await;
    }
}
