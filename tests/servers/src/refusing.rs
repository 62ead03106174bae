//! An HTTP server that refuses everything.

use std::io;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// Starts a server that reads each request whole and answers it with this status; returns its `127.0.0.1:port`.
///
/// It lives as long as the runtime that this is called on.
///
/// # Panics
/// When no port can be bound.
pub async fn refusing(status: u16) -> String {
    let listener = TcpListener::bind("127.0.0.1:0")
        .await
        .expect("port 0 can be bound");
    let address = listener
        .local_addr()
        .expect("a bound listener has an address")
        .to_string();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(refuse(stream, status));
        }
    });
    address
}

async fn refuse(stream: TcpStream, status: u16) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    let (mut length, mut line) = (0, String::new());
    while stream.read_line(&mut line).await? > 2 {
        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or_default();
        }
        line.clear();
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    let answer = format!("HTTP/1.1 {status} No\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    stream.write_all(answer.as_bytes()).await
}
