//! Another host, as far as the network goes: a network namespace and the one cable to it.

use std::process::Command;

use test_servers::CleanupIfKilled;

/// A network namespace, removed when this value is dropped or its process has ended.
#[derive(Debug)]
pub(crate) struct Namespace {
    name: String,
    subnet: String,
    _cleanup: CleanupIfKilled,
}

/// The cable's end inside of the namespace; its other end is named after the namespace.
const INSIDE: &str = "cable";

/// How many subnets are tried: another run on this machine may have taken some.
const ATTEMPTS: usize = 10;

impl Namespace {
    /// Makes a namespace; none where this user must not, or where the kernel has no such cables.
    pub(crate) fn create() -> Option<Self> {
        (0..ATTEMPTS).find_map(|_| {
            // A range that is set aside for tests between networks (RFC 2544).
            let subnet = format!("198.18.{}", fastrand::u8(..));
            // The name of an interface has at most 15 characters.
            let name = format!("flt{:08x}", fastrand::u32(..));
            let namespace = Self {
                _cleanup: CleanupIfKilled::new(["ip", "netns", "delete", &name]),
                name,
                subnet,
            };
            namespace.set_up().then_some(namespace)
        })
    }

    fn set_up(&self) -> bool {
        let Self { name, .. } = self;
        let (outside, inside) = (self.outside() + "/30", self.inside() + "/30");
        let steps: [&[&str]; 6] = [
            &["netns", "add", name],
            &[
                "link", "add", name, "type", "veth", "peer", "name", INSIDE, "netns", name,
            ],
            &["address", "add", &outside, "dev", name],
            &["link", "set", name, "up"],
            &["-n", name, "address", "add", &inside, "dev", INSIDE],
            &["-n", name, "link", "set", "lo", "up"],
        ];
        // Two hosts of one subnet would not be told apart.
        let taken = output(&["address", "show"]).is_none_or(|all| all.contains(&self.outside()));
        !taken && steps.iter().all(|step| output(step).is_some()) && self.plug_in()
    }

    /// Returns the address of this side.
    pub(crate) fn outside(&self) -> String {
        format!("{}.1", self.subnet)
    }

    /// Returns the address of the other side.
    pub(crate) fn inside(&self) -> String {
        format!("{}.2", self.subnet)
    }

    /// Returns the words before a command that runs it on the other side.
    pub(crate) fn entrance(&self) -> [&str; 4] {
        ["ip", "netns", "exec", &self.name]
    }

    /// Pulls the cable: packets vanish without an error.
    pub(crate) fn pull_out(&self) {
        assert!(
            self.set_cable("down"),
            "the cable of {self:?} can be pulled"
        );
    }

    /// Plugs it in again.
    pub(crate) fn plug_in(&self) -> bool {
        self.set_cable("up")
    }

    fn set_cable(&self, state: &str) -> bool {
        output(&["-n", &self.name, "link", "set", INSIDE, state]).is_some()
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        // The cable goes with it; what was never made cannot be removed.
        let _ = output(&["netns", "delete", &self.name]);
    }
}

/// Runs `ip`, and returns what it prints when it succeeds.
fn output(words: &[&str]) -> Option<String> {
    let output = Command::new("ip").args(words).output().ok()?;
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    output.status.success().then_some(printed)
}
