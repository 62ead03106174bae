//! Which faults are looked at, and how long each lasts.

use std::time::Duration;

use faults::{COSTLY, FAULTS, Fault};

/// What an operator expects of the alerts in a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Is done on purpose, or lasts for moments: nothing may page.
    Planned,
    /// Lasts for minutes and costs no call, or fewer than the objective allows.
    Harmless,
    /// Costs more calls than the objective allows: an alert must say so.
    Costly,
}

/// A fault, and how long it lasts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case {
    pub(crate) kind: Kind,
    pub(crate) fault: &'static Fault,
}

/// Faults that are expected in the operation of a cluster, with their own short times: a rolling restart, a ZooKeeper that is away for 15 s,
/// a Pushgateway that starts again.
const PLANNED: [&str; 5] = [
    "provider-terminated",
    "zookeeper-killed",
    "zookeeper-stopped",
    "pushgateway-emptied",
    "pushgateway-down",
];

// === impl Case ===

impl Case {
    /// Returns all cases, those that cost calls first.
    pub(crate) fn all() -> Vec<Self> {
        let costly = COSTLY.iter().map(|fault| match fault.name {
            // It costs time: other providers are called instead.
            "provider-slow" => (Kind::Harmless, fault),
            _ => (Kind::Costly, fault),
        });
        let planned = FAULTS
            .iter()
            .filter(|fault| PLANNED.contains(&fault.name))
            .map(|fault| (Kind::Planned, fault));
        let held = FAULTS
            .iter()
            // A restart and a rolling restart have no length of their own.
            .filter(|fault| !["provider-terminated", "pushgateway-emptied"].contains(&fault.name))
            .map(|fault| (Kind::Harmless, fault));
        costly
            .chain(planned)
            .chain(held)
            .map(|(kind, fault)| Self { kind, fault })
            .collect()
    }

    /// Returns its name, which is that of a file too.
    pub(crate) fn name(&self) -> String {
        match self.kind {
            Kind::Planned => format!("{}-planned", self.fault.name),
            Kind::Harmless | Kind::Costly => self.fault.name.to_owned(),
        }
    }

    /// Returns how long it should last; nothing for its own time.
    pub(crate) fn hold(&self, hold: Duration) -> Option<Duration> {
        (self.kind != Kind::Planned).then_some(hold)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_fault_is_looked_at_under_a_name_of_its_own() {
        let cases = Case::all();
        let names: BTreeSet<_> = cases.iter().map(Case::name).collect();
        assert_eq!(names.len(), cases.len());
        for fault in FAULTS.iter().chain(COSTLY) {
            assert!(
                cases.iter().any(|case| case.fault.name == fault.name),
                "{}",
                fault.name
            );
        }
    }
}
