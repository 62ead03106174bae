//! Condition rules: `when => then`, the conditions of a call and of the providers that it may go to.

use super::{
    Call,
    document::{self, MAX_VALUES, Map, invalid},
    pattern::{glob, range},
};
use crate::Malformed;

/// From this version on, rules have another form, which is not read.
const MULTIPLE_DESTINATIONS: &str = "v3.1";

/// The condition rule of one service or application.
#[derive(Clone, Debug)]
pub(super) struct ConditionRule {
    /// Whether a call for which no provider is left goes nowhere, rather than anywhere.
    pub(super) force: bool,
    pub(super) conditions: Vec<Condition>,
}

/// One line of a rule.
#[derive(Clone, Debug)]
pub(super) struct Condition {
    /// What a call has to be; every call without one.
    pub(super) when: Vec<Matcher>,
    /// What a provider has to be; `None` where there is no provider for such calls.
    pub(super) then: Option<Vec<Matcher>>,
}

/// One value and what it has to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Matcher {
    key: Key,
    matches: Vec<String>,
    mismatches: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Key {
    Param(String),
    Method,
    Attachment(String),
}

impl ConditionRule {
    /// Reads a rule; `None` for one that is switched off or has no conditions.
    pub(super) fn parse(data: &[u8]) -> Result<Option<Self>, Malformed> {
        let value = document::parse(data)?;
        let map = Map::of(&value)?;
        let version = map.text("configVersion")?.unwrap_or_default();
        if *version.to_ascii_lowercase() >= *MULTIPLE_DESTINATIONS {
            return Err(invalid(format!(
                "configVersion {version} is not supported, only versions below {MULTIPLE_DESTINATIONS}"
            )));
        }
        let conditions = map.texts("conditions")?;
        let values = |text: &String| text.matches(['&', '=', ',']).count();
        if conditions.iter().map(values).sum::<usize>() > MAX_VALUES {
            return Err(invalid(format!("it has more than {MAX_VALUES} values")));
        }
        let conditions = conditions.iter().map(|text| Condition::parse(text));
        let rule = Self {
            force: map.flag("force", false)?,
            conditions: conditions.collect::<Result<_, _>>()?,
        };
        let enabled = map.flag("enabled", true)? && map.flag("valid", true)?;
        Ok(Some(rule).filter(|rule| enabled && !rule.conditions.is_empty()))
    }
}

impl Condition {
    fn parse(text: &str) -> Result<Self, Malformed> {
        if text.trim().is_empty() {
            return Err(invalid("a condition is empty"));
        }
        let (when, then) = text.split_once("=>").unwrap_or(("", text));
        let when = match when.trim() {
            "" | "true" => Vec::new(),
            when => matchers(when)?,
        };
        let then = match then.trim() {
            "" | "false" => None,
            then => Some(matchers(then)?),
        };
        let calls = |matcher: &Matcher| !matches!(matcher.key, Key::Param(_));
        if then.iter().flatten().any(calls) {
            return Err(invalid(format!(
                "{text:?}: method and attachments belong before =>"
            )));
        }
        Ok(Self { when, then })
    }
}

/// Reads `key=value,value & key!=value`.
fn matchers(text: &str) -> Result<Vec<Matcher>, Malformed> {
    let wrong = |what: &str| invalid(format!("{text:?}: {what}"));
    let mut matchers: Vec<Matcher> = Vec::new();
    let mut current = 0;
    let mut values: Option<bool> = None;
    for (separator, content) in tokens(text) {
        let matcher = matchers.get_mut(current);
        match (separator, matcher) {
            ("" | "&", _) => {
                let key = Key::parse(content)?;
                current = matchers
                    .iter()
                    .position(|m| m.key == key)
                    .unwrap_or(matchers.len());
                if current == matchers.len() {
                    matchers.push(Matcher {
                        key,
                        matches: Vec::new(),
                        mismatches: Vec::new(),
                    });
                }
                values = None;
            }
            ("=", Some(matcher)) => {
                matcher.matches.push(content.to_owned());
                values = Some(true);
            }
            ("!=", Some(matcher)) => {
                matcher.mismatches.push(content.to_owned());
                values = Some(false);
            }
            (",", Some(matcher)) => match values {
                Some(true) => matcher.matches.push(content.to_owned()),
                Some(false) => matcher.mismatches.push(content.to_owned()),
                None => return Err(wrong("a comma before the first value")),
            },
            _ => return Err(wrong(&format!("{separator:?} before {content:?}"))),
        }
    }
    let without = |matcher: &Matcher| matcher.matches.is_empty() && matcher.mismatches.is_empty();
    if matchers.is_empty() || matchers.iter().any(without) {
        return Err(wrong("a condition has no value"));
    }
    Ok(matchers)
}

/// Splits a text into separators, which may be empty, and what follows each.
fn tokens(text: &str) -> Vec<(&str, &str)> {
    let separates = |c: char| matches!(c, '&' | '!' | '=' | ',');
    let mut rest = text.trim_start();
    let mut tokens = Vec::new();
    while !rest.is_empty() {
        let (separator, after) = rest.split_at(rest.find(|c| !separates(c)).unwrap_or(rest.len()));
        let after = after.trim_start();
        let end = after
            .find(|c: char| separates(c) || c.is_whitespace())
            .unwrap_or(after.len());
        let (content, after) = after.split_at(end);
        tokens.push((separator, content));
        rest = after.trim_start();
    }
    tokens
}

impl Key {
    fn parse(text: &str) -> Result<Self, Malformed> {
        let name = ["consumer.", "provider."]
            .iter()
            .find_map(|prefix| text.strip_prefix(prefix))
            .unwrap_or(text);
        if name.starts_with("arguments[") {
            return Err(invalid(format!(
                "{name}: arguments of a call are not looked at"
            )));
        }
        let attachment = name
            .strip_prefix("attachments[")
            .and_then(|rest| rest.split_once(']'));
        Ok(match (attachment, name) {
            (Some((key, _)), _) => Self::Attachment(key.to_ascii_lowercase()),
            (None, "method" | "methods") => Self::Method,
            (None, name) => Self::Param(name.to_owned()),
        })
    }
}

impl Matcher {
    /// Returns whether it looks at the call, and not only at the caller.
    pub(super) fn looks_at_calls(&self) -> bool {
        !matches!(self.key, Key::Param(_))
    }

    /// Looks at what a matcher before `=>` names of a call.
    pub(super) fn matches_call(&self, call: &Call<'_>) -> bool {
        let value = match &self.key {
            Key::Method => Some(call.method),
            Key::Attachment(name) => call.attachment(name),
            Key::Param(_) => None,
        };
        self.decide(value, true, |_| None)
    }

    /// Looks at a parameter of the caller, before `=>`.
    pub(super) fn matches_caller<'v>(&self, param: impl Fn(&str) -> Option<&'v str>) -> bool {
        match &self.key {
            Key::Param(key) => self.decide(param(key), true, |_| None),
            Key::Method | Key::Attachment(_) => false,
        }
    }

    /// Looks at a parameter of a provider, after `=>`; `$name` stands for a parameter of the caller.
    pub(super) fn matches_provider<'v, 'c>(
        &self,
        param: impl Fn(&str) -> Option<std::borrow::Cow<'v, str>>,
        caller: impl Fn(&str) -> Option<&'c str>,
    ) -> bool {
        match &self.key {
            Key::Param(key) => self.decide(param(key).as_deref(), false, caller),
            Key::Method | Key::Attachment(_) => false,
        }
    }

    /// A value that is missing matches nothing, not even `!=`, as in Dubbo.
    fn decide<'c>(
        &self,
        value: Option<&str>,
        default: bool,
        caller: impl Fn(&str) -> Option<&'c str>,
    ) -> bool {
        let Some(value) = value else {
            return false;
        };
        let hit = |pattern: &String| match pattern.strip_prefix('$') {
            // Ranges that cannot be read count as met after `=>` only.
            _ if pattern.contains('~') => range(pattern, value, !default),
            Some(name) if !default => caller(name).is_some_and(|pattern| glob(pattern, value)),
            _ => glob(pattern, value),
        };
        !self.mismatches.iter().any(hit)
            && (self.matches.is_empty() || self.matches.iter().any(hit))
    }
}
