//! Where a program looks for a secret.

use std::ffi::OsString;
use std::path::Path;

use crate::error::Error;
use crate::secret::{Secret, without_line_ends};

/// The two places in which a program looks for a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SecretSource {
    /// The environment variable that holds it, such as `METRICS_PASS`.
    pub variable: &'static str,
    /// The option that names a file with it, such as `--metrics-pass-file`.
    pub option: &'static str,
}

impl SecretSource {
    /// Returns the secret that this process was given, if any; empty values and those that are a line end alone count as not given.
    ///
    /// # Errors
    /// When it was given twice, or cannot be read.
    pub fn find(self, file: Option<&Path>) -> Result<Option<Secret>, Error> {
        self.find_in(|name| std::env::var_os(name), file)
    }

    /// Does what [`find`](Self::find) does, in an environment that the caller provides.
    ///
    /// # Errors
    /// The same.
    pub fn find_in(
        self,
        environment: impl Fn(&str) -> Option<OsString>,
        file: Option<&Path>,
    ) -> Result<Option<Secret>, Error> {
        let Self { variable, option } = self;
        let text = environment(variable).map(OsString::into_string);
        let is_empty = |text: &str| without_line_ends(text).is_empty();
        let text = text.filter(|text| !text.as_deref().is_ok_and(is_empty));
        let file = file.filter(|path| !path.as_os_str().is_empty());
        match (text, file) {
            (Some(_), Some(_)) => Err(Error::Twice { variable, option }),
            (Some(Ok(text)), None) => Ok(Some(Secret::text(text))),
            (Some(Err(_)), None) => Err(Error::Encoding { variable }),
            (None, Some(path)) => match Secret::file(path) {
                Ok(secret) => Ok(Some(secret)),
                Err(error) => Err(Error::Option {
                    option,
                    source: Box::new(error),
                }),
            },
            (None, None) => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: SecretSource = SecretSource {
        variable: "PASS",
        option: "--pass-file",
    };

    fn found(variable: &str, file: &Path) -> Result<Option<Secret>, Error> {
        let environment = |name: &str| {
            assert_eq!(name, "PASS");
            Some(variable.into())
        };
        SOURCE.find_in(environment, Some(file))
    }

    #[test]
    fn a_secret_comes_from_the_variable_or_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secret");
        std::fs::write(&file, "from a file\n").unwrap();
        let nothing = Path::new("");
        let read = |secret: Option<Secret>| secret.unwrap().read_now().unwrap();
        assert_eq!(read(found("typed", nothing).unwrap()), "typed");
        assert_eq!(read(found("typed\r\n", nothing).unwrap()), "typed");
        assert_eq!(read(found("two words \n", nothing).unwrap()), "two words ");
        assert!(found("\n", nothing).unwrap().is_none());
        assert_eq!(read(found("\n", &file).unwrap()), "from a file");
        assert_eq!(read(found("", &file).unwrap()), "from a file");
        assert!(found("", nothing).unwrap().is_none());
    }

    #[test]
    fn what_is_wrong_is_said_without_the_secret() {
        let folder = tempfile::tempdir().unwrap();
        let both = found("hunter2", folder.path()).unwrap_err();
        assert_eq!(
            both.to_string(),
            "PASS and --pass-file are both set: keep one of them"
        );
        let folder = found("", folder.path()).unwrap_err();
        assert_eq!(folder.to_string(), "--pass-file");
        assert!(matches!(folder, Error::Option { .. }), "{folder:?}");
        assert!(!format!("{both:?}").contains("hunter2"));
    }

    #[cfg(unix)]
    #[test]
    fn a_variable_that_is_no_text_is_refused() {
        use std::os::unix::ffi::OsStringExt as _;

        let bytes = OsString::from_vec(b"hunter2\xff".to_vec());
        let err = SOURCE.find_in(|_| Some(bytes.clone()), None).unwrap_err();
        assert_eq!(err.to_string(), "PASS is not UTF-8 text");
        assert!(!format!("{err:?}").contains("hunter2"));
    }
}
