//! An address of this machine that is not 127.0.0.1, which Dubbo for Java refuses to register.

use std::net::UdpSocket;
use std::process::Command;

use test_servers::CleanupIfKilled;

/// How many subnets are tried: another run on this machine may have taken some.
const ATTEMPTS: usize = 10;

/// A network interface that leads nowhere, removed when this value is dropped or its process has ended; or, where this user
/// must not make one, an address that the machine has.
#[derive(Debug)]
pub struct Link {
    address: String,
    made: Option<(String, CleanupIfKilled)>,
}

impl Link {
    /// Makes an interface with an address of its own.
    ///
    /// # Panics
    /// When it can't, and the machine has no address but 127.0.0.1.
    pub fn up() -> Self {
        (0..ATTEMPTS)
            .find_map(|_| Self::make())
            .or_else(Self::of_the_machine)
            .expect("this test needs root, for a network interface of its own, or a network")
    }

    /// Returns its address.
    pub fn address(&self) -> &str {
        &self.address
    }

    fn make() -> Option<Self> {
        // A range that is set aside for tests between networks (RFC 2544).
        let number = std::process::id() ^ fastrand::u32(..);
        let address = format!("198.19.{}.1", number % 256);
        // The name of an interface has at most 15 characters.
        let name = format!("jvm{number:08x}");
        let other_end = format!("jve{number:08x}");
        let cleanup = CleanupIfKilled::new(["ip", "link", "delete", &name]);
        let taken = ip(&["address", "show"])?.contains(&address);
        let steps: [&[&str]; 3] = [
            &[
                "link", "add", &name, "type", "veth", "peer", "name", &other_end,
            ],
            &["address", "add", &format!("{address}/30"), "dev", &name],
            &["link", "set", &name, "up"],
        ];
        let link = Self {
            address,
            made: Some((name.clone(), cleanup)),
        };
        (!taken && steps.iter().all(|step| ip(step).is_some())).then_some(link)
    }

    fn of_the_machine() -> Option<Self> {
        // Nothing is sent: the kernel only chooses the address that it would send from.
        let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
        socket.connect("198.19.255.1:9").ok()?;
        let address = socket.local_addr().ok()?.ip();
        (!address.is_loopback()).then(|| Self {
            address: address.to_string(),
            made: None,
        })
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        if let Some((name, _)) = &self.made {
            // What was never made cannot be removed.
            let _ = ip(&["link", "delete", name]);
        }
    }
}

/// Runs `ip`, and returns what it prints when it succeeds.
fn ip(words: &[&str]) -> Option<String> {
    let output = Command::new("ip").args(words).output().ok()?;
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    output.status.success().then_some(printed)
}
