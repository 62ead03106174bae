//! The readings of a pass: the first one, which selects, and the later ones, which look at what was selected.

use std::collections::HashMap;

use pushgateway::GroupingKey;
use tokio_util::sync::CancellationToken;

use super::{Cleaner, pause, pauses};
use crate::clock::GatewayClock;
use crate::error::PassError;
use crate::group::Group;
use crate::listing::{Listing, ListingError};
use crate::report::{Outcome, Report, Row};
use crate::select::{Selection, Verdict};

/// How often a reading is tried again after a failure that may pass.
const RETRIES: usize = 3;

/// How a selected group stands in a later reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum GroupState {
    /// It is not there.
    Gone,
    /// It is as it was, and still to go.
    Expired,
    /// It is as it was, and no longer to go.
    Spared,
    /// It had a push.
    Pushed,
    /// Its labels are uncertain, and another group may be meant by them.
    Ambiguous,
}

/// The selected groups in a later reading.
struct Recheck<'s> {
    selection: &'s Selection,
    clock: GatewayClock,
    /// The selected groups, and where each key leads.
    groups: Vec<&'s Group>,
    by_key: HashMap<&'s GroupingKey, usize>,
    states: Vec<GroupState>,
}

// === impl Cleaner ===

impl Cleaner {
    /// Reads all groups, counts the verdicts, and makes a row of each group that is to go.
    pub(super) async fn survey(
        &mut self,
        report: &mut Report,
        stop: &CancellationToken,
    ) -> Result<(), PassError> {
        let (clock, groups) = self.read(report, stop).await?;
        report.gateway_time = Some(clock.now);
        for group in groups {
            self.judge(group, &clock, report);
        }
        report.rows.sort_by(|one, other| {
            other
                .age
                .cmp(&one.age)
                .then_with(|| one.group.key.cmp(&other.group.key))
        });
        self.metrics.surveyed(&report.verdicts);
        Ok(())
    }

    /// Reads all groups again, and says how the given rows stand now.
    pub(super) async fn states(
        &mut self,
        rows: &[usize],
        report: &mut Report,
        stop: &CancellationToken,
    ) -> Result<(GatewayClock, Vec<GroupState>), PassError> {
        let (clock, groups) = self.read(report, stop).await?;
        let selected = rows.iter().map(|&row| &report.rows[row].group).collect();
        let mut recheck = Recheck::new(&self.selection, clock, selected);
        groups.into_iter().for_each(|group| recheck.see(&group));
        Ok((clock, recheck.states))
    }

    /// Makes one reading, again after failures that may pass.
    async fn read(
        &mut self,
        report: &mut Report,
        stop: &CancellationToken,
    ) -> Result<(GatewayClock, Vec<Group>), PassError> {
        let mut pauses = pauses(RETRIES);
        loop {
            report.readings += 1;
            let reading = async {
                let listing = Listing::open(&self.gateway, self.deletion.list_timeout).await?;
                let clock = self.clocks.see(listing.clock()).map_err(|step| {
                    let address = self.gateway.address().to_string();
                    ListingError::ClockStepped { address, step }
                })?;
                Ok::<_, ListingError>((clock, listing.groups().await?))
            };
            match stop.run_until_cancelled(reading).await {
                None => return Err(PassError::Stopped),
                Some(Ok(reading)) => return Ok(reading),
                Some(Err(error)) => match pauses.next() {
                    Some(time) if error.is_transient() => pause(Some(time), stop).await?,
                    _ => {
                        // A step counts from its own reading.
                        if !matches!(error, ListingError::ClockStepped { .. }) {
                            self.interrupt();
                        }
                        return Err(error.into());
                    }
                },
            }
        }
    }

    /// Counts a group's verdict, and makes a row of it when it is to go.
    fn judge(&self, group: Group, clock: &GatewayClock, report: &mut Report) {
        let verdict = self.selection.verdict(&group, clock);
        *report.verdicts.entry(verdict).or_default() += 1;
        match (
            verdict,
            group.last_sign(clock),
            self.selection.ttl_of(&group),
        ) {
            (Verdict::Expired, Some(last_sign), Some(ttl)) => report.rows.push(Row {
                age: clock.age(last_sign),
                group,
                ttl,
                outcome: Outcome::Kept,
                attempts: 0,
            }),
            (Verdict::BadTtl | Verdict::Unreadable, ..) => {
                tracing::warn!(group = %group.key, "{}", verdict.name());
            }
            _ => {}
        }
    }
}

// === impl Recheck ===

impl<'s> Recheck<'s> {
    fn new(selection: &'s Selection, clock: GatewayClock, groups: Vec<&'s Group>) -> Self {
        let keys = groups.iter().enumerate();
        let by_key = keys
            .flat_map(|(at, group)| group.keys().map(move |key| (key, at)))
            .collect();
        let states = vec![GroupState::Gone; groups.len()];
        Self {
            selection,
            clock,
            groups,
            by_key,
            states,
        }
    }

    fn see(&mut self, group: &Group) {
        for key in group.keys() {
            let Some(&at) = self.by_key.get(key) else {
                continue;
            };
            let selected = self.groups[at];
            let is_same = (&selected.key, &selected.also) == (&group.key, &group.also);
            self.states[at] = if !is_same || self.states[at] == GroupState::Ambiguous {
                GroupState::Ambiguous
            } else if (selected.last_push, selected.last_failure)
                != (group.last_push, group.last_failure)
            {
                GroupState::Pushed
            } else if self.selection.verdict(group, &self.clock) == Verdict::Expired {
                GroupState::Expired
            } else {
                GroupState::Spared
            };
        }
    }
}
