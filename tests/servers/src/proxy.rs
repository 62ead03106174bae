//! A TCP proxy that misbehaves on request.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::sleep;

/// A listener on a port of this machine that passes every connection on to a target, for as long as this value lives.
#[derive(Debug)]
pub struct TcpProxy {
    address: SocketAddr,
    state: watch::Sender<State>,
    acceptor: JoinHandle<()>,
}

#[derive(Clone, Debug)]
struct State {
    target: Arc<str>,
    mode: Mode,
    /// How often all connections were cut: a connection that misses a short [`Mode::Cut`] still sees that it was one.
    cuts: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Pass,
    Block,
    Cut,
    Delay(Duration),
    Corrupt,
}

// === impl TcpProxy ===

impl TcpProxy {
    /// Starts a proxy on 127.0.0.1 in front of `target`, written `host:port`; it passes everything on.
    ///
    /// # Panics
    /// When no port can be bound.
    pub async fn start(target: impl Into<String>) -> Self {
        Self::start_on(Ipv4Addr::LOCALHOST.into(), target).await
    }

    /// Starts a proxy on another address of this machine.
    ///
    /// # Panics
    /// When it is no address of this machine.
    pub async fn start_on(address: IpAddr, target: impl Into<String>) -> Self {
        let target: String = target.into();
        let listener = TcpListener::bind((address, 0))
            .await
            .expect("port 0 can be bound");
        let address = listener
            .local_addr()
            .expect("a bound listener has an address");
        let (state, states) = watch::channel(State {
            target: target.into(),
            mode: Mode::Pass,
            cuts: 0,
        });
        let acceptor = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(serve(client, states.clone()));
            }
        });
        Self {
            address,
            state,
            acceptor,
        }
    }

    /// Returns the address that it listens on, such as `127.0.0.1:port`.
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// Holds everything silently: connections stay open and new ones are accepted, and no byte moves.
    pub fn block(&self) {
        self.state.send_modify(|state| state.mode = Mode::Block);
    }

    /// Closes all connections, and every new one at once.
    pub fn cut(&self) {
        self.state.send_modify(|state| {
            state.mode = Mode::Cut;
            state.cuts += 1;
        });
    }

    /// Holds every piece of data back for `delay`, in each direction.
    pub fn delay(&self, delay: Duration) {
        self.state
            .send_modify(|state| state.mode = Mode::Delay(delay));
    }

    /// Flips a bit in every piece of data, in each direction.
    pub fn corrupt(&self) {
        self.state.send_modify(|state| state.mode = Mode::Corrupt);
    }

    /// Closes all connections, and passes new ones on to another target.
    pub fn redirect(&self, target: impl Into<String>) {
        let target: String = target.into();
        self.state.send_modify(|state| {
            state.target = target.into();
            state.cuts += 1;
        });
    }

    /// Passes everything on again, what a block held first; connections that were cut stay closed.
    pub fn restore(&self) {
        self.state.send_modify(|state| state.mode = Mode::Pass);
    }
}

impl Drop for TcpProxy {
    fn drop(&mut self) {
        self.acceptor.abort();
        // The connections end when the sender of the state is gone.
    }
}

async fn serve(client: TcpStream, mut states: watch::Receiver<State>) {
    let State { target, cuts, .. } = states.borrow_and_update().clone();
    let pass = pass(client, target, states.clone());
    // Dropping the streams closes both sides; a failed peer has done so already, and no one waits for the result.
    tokio::select! {
        _ = pass => {}
        _ = states.wait_for(|state| state.mode == Mode::Cut || state.cuts != cuts) => {}
    }
}

async fn pass(
    client: TcpStream,
    target: Arc<str>,
    mut states: watch::Receiver<State>,
) -> io::Result<()> {
    gate(&mut states).await?;
    let server = TcpStream::connect(&*target).await?;
    // Small pieces, as they come: a proxy must not add delays of its own.
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    tokio::try_join!(
        pump(from_client, to_server, states.clone()),
        pump(from_server, to_client, states),
    )?;
    Ok(())
}

async fn pump(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut states: watch::Receiver<State>,
) -> io::Result<()> {
    let mut chunk = vec![0; 16 * 1024];
    loop {
        let length = from.read(&mut chunk).await?;
        let mode = gate(&mut states).await?;
        if length == 0 {
            return to.shutdown().await;
        }
        if mode == Mode::Corrupt {
            chunk[fastrand::usize(..length)] ^= 1 << fastrand::u8(..8);
        }
        to.write_all(&chunk[..length]).await?;
    }
}

/// Waits as long as the mode asks for, and returns it.
async fn gate(states: &mut watch::Receiver<State>) -> io::Result<Mode> {
    let state = states.wait_for(|state| state.mode != Mode::Block).await;
    let mode = state.map_err(|_| io::ErrorKind::NotConnected)?.mode;
    if let Mode::Delay(delay) = mode {
        sleep(delay).await;
    }
    Ok(mode)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::LONG;
    use tokio::time::{Instant, timeout};

    const MOMENT: Duration = Duration::from_millis(100);

    /// Returns the address of a server that sends everything back.
    async fn echo() -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let (mut from, mut to) = stream.split();
                    tokio::io::copy(&mut from, &mut to).await
                });
            }
        });
        address
    }

    async fn say(stream: &mut TcpStream, word: &[u8]) -> io::Result<Vec<u8>> {
        stream.write_all(word).await?;
        let mut answer = vec![0; word.len()];
        stream.read_exact(&mut answer).await?;
        Ok(answer)
    }

    #[tokio::test]
    async fn bytes_pass_in_both_directions() {
        let proxy = TcpProxy::start(echo().await).await;
        let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
        assert_eq!(say(&mut stream, b"hello").await.unwrap(), b"hello");
    }

    #[tokio::test]
    async fn a_block_is_silent_and_loses_nothing() {
        let proxy = TcpProxy::start(echo().await).await;
        let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
        say(&mut stream, b"before").await.unwrap();
        proxy.block();
        let mut second = TcpStream::connect(proxy.address()).await.unwrap();
        stream.write_all(b"held").await.unwrap();
        let mut answer = [0; 4];
        timeout(MOMENT, stream.read(&mut answer))
            .await
            .expect_err("no byte moves");
        timeout(MOMENT, say(&mut second, b"new"))
            .await
            .expect_err("not on a new connection either");
        proxy.restore();
        timeout(LONG, stream.read_exact(&mut answer))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(&answer, b"held");
    }

    #[tokio::test]
    async fn a_cut_closes_old_and_new_connections() {
        let proxy = TcpProxy::start(echo().await).await;
        let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
        say(&mut stream, b"before").await.unwrap();
        proxy.cut();
        timeout(LONG, say(&mut stream, b"after"))
            .await
            .unwrap()
            .expect_err("it is closed");
        let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
        timeout(LONG, say(&mut stream, b"new"))
            .await
            .unwrap()
            .expect_err("it is closed at once");
        proxy.restore();
        let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
        say(&mut stream, b"again").await.expect("it passes again");
        proxy.cut();
        proxy.restore();
        timeout(LONG, say(&mut stream, b"after"))
            .await
            .unwrap()
            .expect_err("a short cut is a cut too");
    }

    #[tokio::test]
    async fn a_delay_counts_in_each_direction() {
        let proxy = TcpProxy::start(echo().await).await;
        let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
        say(&mut stream, b"before").await.unwrap();
        proxy.delay(MOMENT);
        let start = Instant::now();
        say(&mut stream, b"slow").await.unwrap();
        assert!(start.elapsed() >= 2 * MOMENT, "there and back");
    }

    #[tokio::test]
    async fn a_corrupted_piece_differs_in_one_bit() {
        let proxy = TcpProxy::start(echo().await).await;
        let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
        say(&mut stream, b"before").await.unwrap();
        proxy.corrupt();
        // There and back: the second bit may undo the first, but not each time.
        let mut flipped = Vec::new();
        while flipped.is_empty() || flipped.iter().all(|bits| *bits == 0) {
            let answer = say(&mut stream, b"0123456789").await.unwrap();
            let bits: u32 = answer
                .iter()
                .zip(b"0123456789")
                .map(|(a, b)| (a ^ b).count_ones())
                .sum();
            assert!(bits <= 2, "{bits} bits differ");
            flipped.push(bits);
        }
    }

    #[tokio::test]
    async fn a_redirected_proxy_passes_new_connections_on_to_its_new_target() {
        let proxy = TcpProxy::start("127.0.0.1:1").await;
        let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
        timeout(LONG, say(&mut stream, b"nobody"))
            .await
            .unwrap()
            .expect_err("nobody listens there");
        proxy.redirect(echo().await);
        let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
        assert_eq!(say(&mut stream, b"hello").await.unwrap(), b"hello");
    }

    #[tokio::test]
    async fn a_dropped_proxy_closes_its_connections() {
        let proxy = TcpProxy::start(echo().await).await;
        let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
        say(&mut stream, b"before").await.unwrap();
        drop(proxy);
        timeout(LONG, say(&mut stream, b"after"))
            .await
            .unwrap()
            .expect_err("it is closed");
    }
}
