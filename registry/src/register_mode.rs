//! Which of Dubbo's two registrations a provider makes.

use std::{fmt, str::FromStr};

/// Where a provider is registered, in Dubbo's words (`register-mode`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RegisterMode {
    /// One node for the instance, with its services behind its metadata: what Dubbo 3 and dubbo-go 3 read.
    Instance,
    /// One node for each service, as Dubbo 2 and consumers with `FORCE_INTERFACE` read them.
    Interface,
    /// Both, as Dubbo for Java does: every consumer finds the provider, for one more node for each service.
    #[default]
    All,
}

impl RegisterMode {
    /// The modes by name.
    pub const NAMES: [&str; 3] = ["instance", "interface", "all"];

    pub(crate) fn has_instance(self) -> bool {
        self != Self::Interface
    }

    pub(crate) fn has_interfaces(self) -> bool {
        self != Self::Instance
    }
}

impl fmt::Display for RegisterMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Instance => "instance",
            Self::Interface => "interface",
            Self::All => "all",
        })
    }
}

impl FromStr for RegisterMode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "instance" => Ok(Self::Instance),
            "interface" => Ok(Self::Interface),
            "all" => Ok(Self::All),
            _ => Err(format!("must be one of {}", Self::NAMES.join(", "))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_is_that_of_a_mode() {
        for name in RegisterMode::NAMES {
            assert_eq!(name.parse::<RegisterMode>().unwrap().to_string(), name);
        }
        assert!("ALL".parse::<RegisterMode>().is_err());
    }
}
