//! What is no document: sources, scripts, configuration.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use stack::path;

/// Folders that hold nothing of the project's own.
const OTHERS: [&str; 3] = [".git", "target", "node_modules"];

/// The text of every file of the project that is no document.
#[derive(Debug)]
pub struct Code(Vec<String>);

impl Code {
    /// Reads all of it.
    #[must_use]
    pub fn read() -> Self {
        let files = files(&path("."));
        let code = files
            .iter()
            .filter(|file| file.extension() != Some(OsStr::new("md")));
        // A file that is no text names nothing.
        Self(
            code.filter_map(|file| fs::read_to_string(file).ok())
                .collect(),
        )
    }

    /// Returns whether this stands somewhere, by itself and not as a part of a longer word.
    #[must_use]
    pub fn has_word(&self, word: &str) -> bool {
        let part = |c: char| c.is_alphanumeric() || c == '_';
        self.0.iter().any(|text| {
            text.match_indices(word).any(|(at, _)| {
                !text[..at].ends_with(part) && !text[at + word.len()..].starts_with(part)
            })
        })
    }

    /// Returns whether this text stands somewhere.
    #[must_use]
    pub fn has(&self, text: &str) -> bool {
        self.0.iter().any(|code| code.contains(text))
    }
}

/// Returns the paths of all Rust sources of the project.
#[must_use]
pub fn sources() -> Vec<PathBuf> {
    let mut sources = files(&path("."));
    sources.retain(|file| file.extension() == Some(OsStr::new("rs")));
    sources
}

/// Returns the files below a folder, in no order.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|err| panic!("{}: {err}", folder.display()));
    let mut found = Vec::new();
    for entry in entries.flatten() {
        let path = entry.path();
        // A link may lead in circles.
        let Ok(kind) = entry.file_type() else {
            continue;
        };
        if kind.is_dir() && !OTHERS.iter().any(|other| path.ends_with(other)) {
            found.extend(files(&path));
        } else if kind.is_file() {
            found.push(path);
        }
    }
    found
}
