//! A listener in front of ZooKeeper that passes everything on and listens in, to learn a session's password.
#![expect(clippy::unwrap_used, reason = "these are the hands of tests")]

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// A session as the server granted it: what it takes to continue it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Granted {
    id: i64,
    password: Vec<u8>,
}

#[derive(Debug)]
pub(crate) struct Tap {
    address: String,
    target: String,
    last: Arc<Mutex<Option<Granted>>>,
    acceptor: JoinHandle<()>,
}

impl Tap {
    /// Listens on `port` of 127.0.0.1 (0: any) in front of `target`.
    pub(crate) async fn start(port: u16, target: String) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let last = Arc::default();
        let acceptor = tokio::spawn(accept(listener, target.clone(), Arc::clone(&last)));
        Self {
            address,
            target,
            last,
            acceptor,
        }
    }

    pub(crate) fn address(&self) -> String {
        self.address.clone()
    }

    /// Ends the last session that passed through here, as if it had expired: continues it on a connection of its own and
    /// closes it there. Returns the session.
    pub(crate) async fn end_session(&self) -> i64 {
        let Granted { id, password } = self.last.lock().clone().unwrap();
        let mut connect = Vec::new();
        connect.extend(0_i32.to_be_bytes()); // protocol
        connect.extend(0_i64.to_be_bytes()); // last transaction seen
        connect.extend(10_000_i32.to_be_bytes()); // timeout in milliseconds
        connect.extend(id.to_be_bytes());
        connect.extend(i32::try_from(password.len()).unwrap().to_be_bytes());
        connect.extend(&password);
        connect.push(0); // not read-only
        let mut close = Vec::new();
        close.extend(1_i32.to_be_bytes()); // number of the request
        close.extend((-11_i32).to_be_bytes()); // closeSession
        loop {
            let mut stream = TcpStream::connect(&self.target).await.unwrap();
            stream
                .write_all(&[framed(&connect), framed(&close)].concat())
                .await
                .unwrap();
            let mut answers = Vec::new();
            // The owner may take its session back in between, which breaks this connection.
            let _ = stream.read_to_end(&mut answers).await;
            // The server answers with session 0 when there is nothing left to continue.
            if answers.get(12..20).is_some_and(|session| session == [0; 8]) {
                return id;
            }
        }
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.acceptor.abort();
    }
}

fn framed(packet: &[u8]) -> Vec<u8> {
    let mut framed = i32::try_from(packet.len()).unwrap().to_be_bytes().to_vec();
    framed.extend(packet);
    framed
}

async fn accept(listener: TcpListener, target: String, last: Arc<Mutex<Option<Granted>>>) {
    while let Ok((client, _)) = listener.accept().await {
        tokio::spawn(pass(client, target.clone(), Arc::clone(&last)));
    }
}

async fn pass(
    mut client: TcpStream,
    target: String,
    last: Arc<Mutex<Option<Granted>>>,
) -> std::io::Result<()> {
    let mut server = TcpStream::connect(target).await?;
    // The first packet of each side is about the session: length, then protocol, timeout, session, password.
    let mut request = packet(&mut client).await?;
    server.write_all(&std::mem::take(&mut request)).await?;
    let answer = packet(&mut server).await?;
    let granted = Granted {
        id: i64::from_be_bytes(answer[12..20].try_into().unwrap()),
        password: answer[24..40].to_vec(),
    };
    if granted.id != 0 {
        *last.lock() = Some(granted);
    }
    client.write_all(&answer).await?;
    tokio::io::copy_bidirectional(&mut client, &mut server).await?;
    Ok(())
}

async fn packet(stream: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let length = stream.read_u32().await?;
    let mut packet = length.to_be_bytes().to_vec();
    packet.resize(4 + usize::try_from(length).unwrap(), 0);
    stream.read_exact(&mut packet[4..]).await?;
    Ok(packet)
}
