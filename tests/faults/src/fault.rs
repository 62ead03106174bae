//! The table of all faults.

use std::pin::Pin;
use std::rc::Rc;
use std::thread;
use std::time::Duration;

use crate::report::Report;
use crate::watch::{self, Watch};
use crate::{
    collection, costly, gateway, machine, network, overload, peers, process, refusing, registry,
    renewal,
};

/// How long a fault lasts, and how much it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    /// As long as it must to be noticed: for tests.
    Short,
    /// Longer than anything that is waited for: for the runner.
    Full,
}

impl Length {
    /// Returns the one or the other.
    pub(crate) fn of<T>(self, short: T, full: T) -> T {
        match self {
            Self::Short => short,
            Self::Full => full,
        }
    }

    /// Returns the one or the other number of seconds.
    pub(crate) fn seconds(self, short: u64, full: u64) -> Duration {
        let held = watch::current().and_then(|watch| watch.hold());
        held.unwrap_or_else(|| Duration::from_secs(self.of(short, full)))
    }
}

type Running = Pin<Box<dyn Future<Output = Report>>>;

/// Something that goes wrong.
#[derive(Clone, Copy, Debug)]
pub struct Fault {
    /// Its name on the command line.
    pub name: &'static str,
    /// What is promised when it happens, beside that no observation is ever lost.
    pub promise: &'static str,
    run: fn(Length) -> Running,
}

impl Fault {
    /// Returns the fault of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        FAULTS.iter().chain(COSTLY).find(|fault| fault.name == name)
    }

    /// Makes it happen, in a thread of its own: what panics in there is a broken promise.
    #[must_use]
    pub fn happen(&self, length: Length) -> Report {
        self.happen_under(length, || None)
    }

    /// Makes it happen while the watch that `watch` returns looks on.
    #[must_use]
    pub fn happen_under(
        &self,
        length: Length,
        watch: impl FnOnce() -> Option<Rc<dyn Watch>> + Send + 'static,
    ) -> Report {
        let run = self.run;
        let running = thread::spawn(move || {
            if let Some(watch) = watch() {
                watch::begin(watch);
            }
            tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("the operating system has an event queue left")
                .block_on(run(length))
        });
        running.join().unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
            Report::panicked(text.unwrap_or("a panic without a text"))
        })
    }
}

macro_rules! faults {
    ($(#[$doc:meta])* $list:ident: $($name:literal, $function:path, $promise:literal;)*) => {
        $(#[$doc])*
        pub const $list: &[Fault] = &[
            $(Fault { name: $name, promise: $promise, run: |length| Box::pin($function(length)) },)*
        ];
    };
}

faults! {
    /// All faults that cost no call, in the order in which they are run.
    FAULTS:
    "zookeeper-killed", registry::killed, "no call fails; every provider registers again when it is back";
    "zookeeper-emptied", registry::emptied, "no call fails; everything is written again, and newcomers find it";
    "zookeeper-stopped", registry::stopped, "no call fails while it hangs; every provider is registered afterwards";
    "zookeeper-cut-off", registry::cut_off, "a broken connection of one provider costs no call and no session";
    "session-expired", registry::expired, "a provider that lost its session registers again; no call fails";
    "pushgateway-down", gateway::down, "no call fails; one line in the log; pushing goes on when it is back";
    "pushgateway-stopped", gateway::stopped, "no call fails while it hangs; each push has a deadline";
    "pushgateway-401", gateway::unauthorized, "no call fails; one line in the log, without the password";
    "pushgateway-500", gateway::failing, "no call fails; one line in the log; pushing goes on when it works again";
    "pushgateway-disk-full", gateway::disk_full, "no call fails, and pushing goes on";
    "pushgateway-emptied", gateway::emptied, "the next push brings everything back, counted from the start";
    "prometheus-away", collection::away, "no call fails; the counters that it reads afterwards are exact";
    "scrape-storm", collection::storm, "no call fails; every scrape is whole, and no counter steps back";
    "provider-killed", process::killed, "no call fails: those in flight are made again elsewhere";
    "provider-stopped", process::stopped, "no call fails: each is made again elsewhere at its deadline, and calls come back later";
    "provider-terminated", process::terminated, "no call fails, even without retries";
    "provider-refusing", refusing::calls, "no call fails; it is found out within tens of calls, and tried again with growing pauses";
    "provider-overloaded", overload::overloaded, "no call fails; it answers nine tenths of what it can, within twice the time; the rest is refused";
    "connections-renewed", renewal::renewed, "no call fails, even without retries, and none is run twice";
    "connection-silent", renewal::silent, "no call fails or waits for its deadline: the silence is found out by pings";
    "consumer-killed", process::consumer_killed, "the provider's calls in flight end, and are counted";
    "provider-cut-off", network::cut_off, "no call fails while a consumer can't reach one of its providers";
    "host-cut-off", network::host_cut_off, "no call fails while a provider's host reaches no other host";
    "network-slow", network::slow, "no call fails while every packet takes its time";
    "network-corrupted", network::corrupted, "no process crashes, all calls are counted, and calls succeed again";
    "clock-jumps", machine::clock_jumps, "no call fails, and no figure but a timestamp moves with the wall clock";
    "descriptors-exhausted", machine::descriptors_exhausted, "calls on open connections go on; new ones are served when there is room";
    "connections-hoarded", peers::hoarded, "connected clients are served; the scrape works; the rest is refused";
    "slow-peers", peers::slow, "a client that sends nothing, or too slowly, is disconnected; no call fails";
    "oversized-requests", peers::oversized, "what is too large is refused; memory stays; no call fails";
    "http2-abuse", peers::abuse, "floods of resets and of headers end their own connection; no call fails";
    "garbage", peers::garbage, "no port minds what is sent to it; no call fails";
}

faults! {
    /// Faults that cost calls, since nothing is left that could answer them: for the measure of alerts.
    COSTLY:
    "providers-killed", costly::killed, "calls succeed again once a provider is back";
    "providers-stopped", costly::stopped, "calls succeed again once the providers go on";
    "providers-terminated", costly::terminated, "calls succeed again once a provider is back";
    "providers-cut-off", costly::cut_off, "calls succeed again once the way is there";
    "provider-faulty", costly::faulty, "calls succeed again once the faulty provider is gone";
    "provider-rejecting", costly::rejecting, "calls succeed again once the rejecting provider is gone";
    "provider-slow", costly::slow, "calls are fast again once the slow provider is gone";
    "provider-crashing", costly::crashing, "calls succeed again once providers stay";
}
