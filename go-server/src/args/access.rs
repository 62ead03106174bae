//! Options for who may call the server, and how much.

use std::num::{NonZeroU32, NonZeroUsize};
use std::str::FromStr;

use anyhow::{anyhow, bail};
use clap::Args;
use clap::builder::BoolishValueParser;
use triple::{Access, AccessRule, AllowedCaller, CallLimit};

/// What was typed about callers.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Callers")]
pub(super) struct AccessArgs {
    /// Who may call what, separated by commas; `certificate:` takes --tls-client-ca, and anyone can say to be an application
    /// [default: everyone may call everything]
    #[arg(
        long,
        env,
        value_name = "[INTERFACE=]application:NAME|certificate:NAME",
        value_delimiter = ','
    )]
    allow_callers: Vec<String>,

    /// Offer the reflection service, which tells what services, methods and messages there are.
    #[arg(long, env, value_name = "BOOL", default_value = "true", value_parser = BoolishValueParser::new())]
    reflection: bool,

    /// How many calls run at a time, or `adaptive`: as many as do not make each other wait; others are refused at once with
    /// RESOURCE_EXHAUSTED [default: no limit]
    #[arg(long, env, value_name = "CALLS|adaptive")]
    max_calls: Option<MaxCalls>,

    /// How many calls may be in flight on one connection; more of them wait in the consumer.
    #[arg(long, env, value_name = "CALLS", default_value = "1024")]
    max_calls_per_connection: NonZeroU32,
}

/// How many calls run at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MaxCalls {
    /// So many.
    Number(NonZeroUsize),
    /// As many as do not make each other wait.
    Adaptive,
}

impl FromStr for MaxCalls {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        if text == "adaptive" {
            return Ok(Self::Adaptive);
        }
        let number = text.parse().map(Self::Number);
        number.map_err(|_| anyhow!("must be a number of calls from 1 on, or `adaptive`"))
    }
}

impl MaxCalls {
    /// Makes the layer that holds to it.
    #[must_use]
    pub fn limit(self) -> CallLimit {
        match self {
            Self::Number(calls) => CallLimit::new(calls.get()),
            Self::Adaptive => CallLimit::adaptive(),
        }
    }
}

/// Who may call, and how much.
#[derive(Debug)]
pub struct Admission {
    /// Who may call what; everyone everything without.
    pub access: Option<Access>,
    /// Whether the reflection service is offered.
    pub reflection: bool,
    /// How many calls run at a time; no limit without.
    pub calls: Option<MaxCalls>,
    /// How many calls may be in flight on one connection.
    pub calls_per_connection: u32,
}

impl AccessArgs {
    /// Checks the rules; `certificates` says whether callers are asked for them.
    pub(super) fn admission(self, certificates: bool) -> anyhow::Result<Admission> {
        let Self {
            allow_callers,
            reflection,
            max_calls,
            max_calls_per_connection,
        } = self;
        Ok(Admission {
            access: access(&allow_callers, certificates)?,
            reflection,
            calls: max_calls,
            calls_per_connection: max_calls_per_connection.get(),
        })
    }
}

fn access(texts: &[String], certificates: bool) -> anyhow::Result<Option<Access>> {
    let mut rules = Vec::new();
    for text in texts.iter().map(|text| text.trim()) {
        match text.parse::<AccessRule>() {
            Ok(rule) => rules.push(rule),
            Err(error) => bail!("--allow-callers: {text:?} {error}"),
        }
    }
    if rules.is_empty() {
        return Ok(None);
    }
    let shown = |rule: &AccessRule| matches!(rule.caller, AllowedCaller::Certificate(_));
    if !certificates && rules.iter().any(shown) {
        bail!(
            "--allow-callers names a certificate, and no caller is asked for one: set --tls-client-ca"
        );
    }
    let access = Access::new(rules);
    let offered = |name: &str| name == greet::INTERFACE || triple::COMPANIONS.contains(&name);
    if let Some(unknown) = access.interfaces().find(|name| !offered(name)) {
        bail!(
            "--allow-callers: this server offers no {unknown:?}, but {} and {}",
            greet::INTERFACE,
            triple::COMPANIONS.join(", ")
        );
    }
    Ok(Some(access))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_of_calls_is_a_number_or_adaptive() {
        let number = |calls| MaxCalls::Number(NonZeroUsize::new(calls).unwrap());
        for (text, expected) in [
            ("1", number(1)),
            ("64", number(64)),
            ("adaptive", MaxCalls::Adaptive),
        ] {
            assert_eq!(text.parse::<MaxCalls>().unwrap(), expected);
        }
        for text in [
            "",
            "0",
            "-1",
            "1.5",
            "Adaptive",
            "auto",
            "99999999999999999999",
        ] {
            let error = text.parse::<MaxCalls>().unwrap_err().to_string();
            assert!(error.contains("from 1 on, or `adaptive`"), "{text}");
        }
    }

    fn checked(rules: &[&str], certificates: bool) -> Result<bool, String> {
        let rules: Vec<_> = rules.iter().map(ToString::to_string).collect();
        let access = access(&rules, certificates).map_err(|error| format!("{error:#}"))?;
        Ok(access.is_some())
    }

    #[test]
    fn rules_that_could_not_mean_what_they_say_are_refused() {
        assert_eq!(checked(&[], false), Ok(false));
        assert_eq!(
            checked(&["greet.GreetService=application:web"], false),
            Ok(true)
        );
        assert_eq!(
            checked(&["grpc.health.v1.Health=certificate:probe"], true),
            Ok(true)
        );
        for (rules, expected) in [
            (["web"], "--allow-callers: \"web\" must be such as"),
            (["greet.Greet=application:web"], "offers no \"greet.Greet\""),
            (["certificate:web"], "set --tls-client-ca"),
        ] {
            let error = checked(&rules, false).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
    }
}
