//! How the program ends.

use std::process::ExitCode;

/// How the program ends, as scripts see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum ExitStatus {
    /// All is well: whatever was to go is gone, or there was nothing.
    Success = 0,
    /// Something that was to go is still there, or the program itself failed.
    Incomplete = 1,
    /// The options or what they name cannot be used. clap ends with the same number.
    Usage = 2,
    /// The gateway cannot be reached, refuses, or answers something that deletions must not rest on.
    Gateway = 3,
}

/// The lines of `--help` on this.
pub(crate) const HELP: &str = "\
Exit status:
  0  all is well: every group that was to go is gone, or there was none; a daemon was stopped
  1  some groups that were to go are still there
  2  the options, or the files that they name, cannot be used
  3  the Pushgateway is unreachable, refuses, or its answer cannot be relied on";

impl From<ExitStatus> for ExitCode {
    fn from(status: ExitStatus) -> Self {
        Self::from(status as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_lists_every_status() {
        for status in [
            ExitStatus::Success,
            ExitStatus::Incomplete,
            ExitStatus::Usage,
            ExitStatus::Gateway,
        ] {
            assert!(
                HELP.contains(&format!("\n  {}  ", status as u8)),
                "{status:?}"
            );
        }
    }
}
