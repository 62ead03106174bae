//! Which groups are to go: a judgement on one group and a clock, with no other input.

use std::str::FromStr;
use std::time::Duration;

use clap::Args;
use pushgateway::GroupingKey;
use regex::Regex;

use crate::clock::GatewayClock;
use crate::group::Group;
use crate::time;

/// What a group has to be for its deletion; all conditions hold together.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Selection")]
pub struct Selection {
    /// How long a group that is to go had no push: 90s, 10m, 1h 30m, or a number of seconds
    #[arg(long, env = "PGW_CLEANER_TTL", default_value = "10m", value_parser = time::parse, value_name = "DURATION")]
    pub ttl: Duration,

    /// How the job of a group that is to go begins; repeatable; * is for every job
    #[arg(long = "job-prefix", env = "PGW_CLEANER_JOB_PREFIX", default_values = ["dubbo_", "dubbo-"], value_delimiter = ',', value_name = "PREFIX")]
    pub job_prefixes: Vec<JobPrefix>,

    /// Only groups of which some label=value matches; repeatable; ^ and $ stand for its ends
    #[arg(
        long,
        env = "PGW_CLEANER_INCLUDE",
        value_delimiter = '\n',
        value_name = "REGEX"
    )]
    pub include: Vec<Regex>,

    /// Only groups of which no label=value matches; repeatable
    #[arg(
        long,
        env = "PGW_CLEANER_EXCLUDE",
        value_delimiter = '\n',
        value_name = "REGEX"
    )]
    pub exclude: Vec<Regex>,

    /// Never a group with exactly this label; repeatable
    #[arg(
        long,
        env = "PGW_CLEANER_PROTECT",
        value_delimiter = '\n',
        value_name = "LABEL=VALUE"
    )]
    pub protect: Vec<LabelValue>,

    /// Grouping label whose value is the group's own TTL
    #[arg(long, env = "PGW_CLEANER_TTL_LABEL", value_name = "LABEL")]
    pub ttl_label: Option<String>,
}

/// How a job has to begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobPrefix(String);

/// A label with exactly one value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelValue {
    label: String,
    value: String,
}

/// What was found about a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// It had no push for longer than its TTL: it is to go.
    Expired,
    /// It had a push within its TTL.
    Live,
    /// Its job begins with none of the prefixes.
    OtherJob,
    /// It matches no `--include`.
    NotIncluded,
    /// It matches an `--exclude`.
    Excluded,
    /// It carries a protected label.
    Protected,
    /// Its own TTL cannot be read.
    BadTtl,
    /// Its last push is not known.
    Unreadable,
}

impl Verdict {
    /// Every verdict, in the order of reports.
    pub const ALL: [Self; 8] = [
        Self::Expired,
        Self::Live,
        Self::OtherJob,
        Self::NotIncluded,
        Self::Excluded,
        Self::Protected,
        Self::BadTtl,
        Self::Unreadable,
    ];

    /// Returns the name in metrics and JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::Live => "live",
            Self::OtherJob => "other_job",
            Self::NotIncluded => "not_included",
            Self::Excluded => "excluded",
            Self::Protected => "protected",
            Self::BadTtl => "bad_ttl",
            Self::Unreadable => "unreadable",
        }
    }
}

impl Selection {
    /// Judges a group by what the gateway's clock shows.
    pub fn verdict(&self, group: &Group, clock: &GatewayClock) -> Verdict {
        let Self {
            ttl: _,
            job_prefixes,
            include,
            exclude,
            protect,
            ttl_label: _,
        } = self;
        let key = &group.key;
        if !job_prefixes
            .iter()
            .any(|JobPrefix(prefix)| key.job().starts_with(prefix))
        {
            return Verdict::OtherJob;
        }
        if !include.is_empty() && !matches_any(include, key) {
            return Verdict::NotIncluded;
        }
        if matches_any(exclude, key) {
            return Verdict::Excluded;
        }
        let carries = |wanted: &LabelValue| {
            group
                .keys()
                .flat_map(GroupingKey::labels)
                .any(|(label, value)| label == wanted.label && value == wanted.value)
        };
        if protect.iter().any(carries) {
            return Verdict::Protected;
        }
        let Some(last_sign) = group.last_sign(clock) else {
            return Verdict::Unreadable;
        };
        match self.ttl_of(group) {
            None => Verdict::BadTtl,
            Some(ttl) if clock.age(last_sign) > ttl => Verdict::Expired,
            Some(_) => Verdict::Live,
        }
    }

    /// Returns the group's own TTL if it carries one, or else the common one; `None` when its own cannot be read.
    pub fn ttl_of(&self, group: &Group) -> Option<Duration> {
        let Some(ttl_label) = &self.ttl_label else {
            return Some(self.ttl);
        };
        match group.key.labels().find(|(label, _)| label == ttl_label) {
            Some((_, own)) => time::parse(own).ok(),
            None => Some(self.ttl),
        }
    }
}

fn matches_any(patterns: &[Regex], key: &GroupingKey) -> bool {
    if patterns.is_empty() {
        return false;
    }
    key.labels().any(|(label, value)| {
        let text = format!("{label}={value}");
        patterns.iter().any(|pattern| pattern.is_match(&text))
    })
}

impl FromStr for JobPrefix {
    type Err = &'static str;

    /// Reads a prefix; `*` is for every job, and empty is an error, as an unset variable may look like it.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "" => Err("it is empty: write * for every job"),
            "*" => Ok(Self(String::new())),
            prefix => Ok(Self(prefix.to_owned())),
        }
    }
}

impl FromStr for LabelValue {
    type Err = &'static str;

    /// Reads `LABEL=VALUE`; an empty line, as lists in the environment often end with, is a label that no group has.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (label, value) = match text.split_once('=') {
            Some((label, value)) if !label.is_empty() => (label, value),
            None if text.is_empty() => ("", ""),
            _ => return Err("write LABEL=VALUE"),
        };
        Ok(Self {
            label: label.to_owned(),
            value: value.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests;
