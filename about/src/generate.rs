//! What packages and shells are given.

use std::io;

use clap::{Command, ValueEnum};
use clap_complete::Shell;
use clap_mangen::Man;

/// What can be generated of a command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Form {
    /// The manual page, as roff.
    Man,
    /// Completions for bash.
    Bash,
    /// Completions for elvish.
    Elvish,
    /// Completions for fish.
    Fish,
    /// Completions for PowerShell.
    Powershell,
    /// Completions for zsh.
    Zsh,
}

impl Form {
    /// Returns the text for a program.
    ///
    /// # Errors
    /// Never in practice: memory takes whatever is written to it.
    pub(crate) fn of(self, mut command: Command) -> io::Result<Vec<u8>> {
        let mut text = Vec::new();
        let shell = match self {
            Self::Man => {
                Man::new(command).render(&mut text)?;
                return Ok(text);
            }
            Self::Bash => Shell::Bash,
            Self::Elvish => Shell::Elvish,
            Self::Fish => Shell::Fish,
            Self::Powershell => Shell::PowerShell,
            Self::Zsh => Shell::Zsh,
        };
        let name = command.get_name().to_owned();
        clap_complete::generate(shell, &mut command, name, &mut text);
        Ok(text)
    }
}
