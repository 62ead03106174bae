//! A password or token.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::error::Error;

/// A password or token, given as text or as a file; `Debug` never shows it.
///
/// A file is read for each use, so that a rotated secret is used at once; what can be read only once, such as a pipe or
/// `/dev/stdin`, is kept. Line ends behind a secret are dropped wherever it comes from: editors, `echo` and Kubernetes' own tools
/// add them.
#[derive(Clone)]
pub struct Secret(Source);

#[derive(Clone)]
enum Source {
    Text(String),
    File(PathBuf),
}

impl Secret {
    /// Makes a secret of a text.
    pub fn text(text: impl Into<String>) -> Self {
        let mut text = text.into();
        text.truncate(without_line_ends(&text).len());
        Self(Source::Text(text))
    }

    /// Makes a secret that is read from a file when it is needed.
    ///
    /// The file is read once now, to find a wrong name at the start rather than at the first use. Where it is a pipe or a terminal, a
    /// second reading would find nothing: then what was read is kept.
    ///
    /// # Errors
    /// When it cannot be read as UTF-8 text, or holds nothing but line ends.
    pub fn file(path: impl Into<PathBuf>) -> Result<Self, Error> {
        let path = path.into();
        let text = of_file(&path, std::fs::read_to_string(&path))?;
        if text.is_empty() {
            return Err(Error::Unusable {
                path,
                reason: "it is empty".to_owned(),
            });
        }
        let is_regular = std::fs::metadata(&path).is_ok_and(|metadata| metadata.is_file());
        Ok(Self(if is_regular {
            Source::File(path)
        } else {
            Source::Text(text)
        }))
    }

    /// Returns the secret.
    ///
    /// # Errors
    /// When its file cannot be read as UTF-8 text.
    pub async fn read(&self) -> Result<String, Error> {
        match &self.0 {
            Source::Text(text) => Ok(text.clone()),
            Source::File(path) => of_file(path, tokio::fs::read_to_string(path).await),
        }
    }

    /// Returns the secret, and blocks while its file is read.
    ///
    /// # Errors
    /// When its file cannot be read as UTF-8 text.
    pub fn read_now(&self) -> Result<String, Error> {
        match &self.0 {
            Source::Text(text) => Ok(text.clone()),
            Source::File(path) => of_file(path, std::fs::read_to_string(path)),
        }
    }
}

/// Returns a secret, or the name of its user, without the line ends behind it.
#[must_use]
pub fn without_line_ends(text: &str) -> &str {
    text.trim_end_matches(['\r', '\n'])
}

fn of_file(path: &Path, read: std::io::Result<String>) -> Result<String, Error> {
    match read {
        Ok(text) => Ok(without_line_ends(&text).to_owned()),
        Err(source) => Err(Error::File {
            path: path.to_owned(),
            source,
        }),
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_file_is_read_anew_and_without_its_line_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("password");
        std::fs::write(&path, "first\n").unwrap();
        let secret = Secret::file(&path).unwrap();
        assert_eq!(secret.read().await.unwrap(), "first");
        std::fs::write(&path, "second\r\n").unwrap();
        assert_eq!(secret.read().await.unwrap(), "second");
        assert_eq!(secret.read_now().unwrap(), "second");
        std::fs::remove_file(&path).unwrap();
        assert!(secret.read().await.is_err());
    }

    #[test]
    fn a_file_that_is_not_there_is_named_at_the_start() {
        let err = Secret::file("/does/not/exist").unwrap_err();
        assert_eq!(err.to_string(), "cannot read /does/not/exist");
    }

    #[test]
    fn a_file_without_a_secret_is_refused_at_the_start() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("password");
        for nothing in ["", "\n", "\r\n\n"] {
            std::fs::write(&path, nothing).unwrap();
            let err = Secret::file(&path).unwrap_err().to_string();
            assert!(err.ends_with("password: it is empty"), "{err}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn what_comes_through_a_pipe_is_kept() {
        use std::io::Write as _;
        use std::os::fd::AsRawFd as _;

        let (reader, mut writer) = std::io::pipe().unwrap();
        writer.write_all(b"typed\n").unwrap();
        drop(writer);
        let secret = Secret::file(format!("/dev/fd/{}", reader.as_raw_fd())).unwrap();
        for _ in 0..2 {
            assert_eq!(secret.read_now().unwrap(), "typed");
        }
    }

    #[test]
    fn debug_shows_no_secret() {
        assert_eq!(format!("{:?}", Secret::text("hunter2")), "Secret(..)");
    }
}
