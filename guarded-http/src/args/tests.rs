//! The options as people give them.

use std::error::Error;
use std::path::Path;

use clap::{CommandFactory as _, Parser};
use tempfile::TempDir;

use super::*;

#[derive(Debug, Parser)]
struct Program {
    #[command(flatten)]
    protection: ProtectionArgs,
}

/// An option with its value.
type Typed<'a> = (&'a str, &'a str);

/// A folder with a certificate, its key, and the key of another.
fn files() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let [made, other] =
        [(); 2].map(|()| rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap());
    let write = |name: &str, text: String| std::fs::write(folder.path().join(name), text).unwrap();
    write("cert.pem", made.cert.pem());
    write("key.pem", made.signing_key.serialize_pem());
    write("other.pem", other.signing_key.serialize_pem());
    write("password", "hunter2\n".to_owned());
    folder
}

fn protection(
    folder: &Path,
    options: &[Typed<'_>],
    password: &str,
) -> Result<Protection, ProtectionError> {
    let typed = options.iter().flat_map(|(option, value)| {
        let is_file = *option != "--metrics-user" && !value.is_empty();
        let path = folder.join(value).into_os_string();
        [(*option).into(), if is_file { path } else { value.into() }]
    });
    let program = Program::try_parse_from(std::iter::once("program".into()).chain(typed)).unwrap();
    program.protection.protection_in(|name| {
        assert_eq!(name, "METRICS_PASS");
        Some(password.into())
    })
}

/// Returns everything that an error may show to people.
fn shown(error: &ProtectionError) -> String {
    let causes = std::iter::successors(Some(error as &dyn Error), |cause| (*cause).source());
    let texts: Vec<String> = causes.map(ToString::to_string).collect();
    texts.join(": ")
}

#[test]
fn nothing_stands_before_the_endpoint_unless_it_is_asked_for() {
    let folder = files();
    let options = [
        ("--metrics-tls-cert", ""),
        ("--metrics-tls-key", ""),
        ("--metrics-user", ""),
        ("--metrics-pass-file", ""),
    ];
    for options in [&options[..], &[]] {
        let protection = protection(folder.path(), options, "").unwrap();
        assert!(protection.tls.is_none() && protection.login.is_none());
    }
}

#[tokio::test]
async fn certificate_and_login_are_made_of_their_files() {
    let folder = files();
    let options = [
        ("--metrics-tls-cert", "cert.pem"),
        ("--metrics-tls-key", "key.pem"),
        ("--metrics-user", "prometheus"),
        ("--metrics-pass-file", "password"),
    ];
    let protection = protection(folder.path(), &options, "").unwrap();
    assert!(protection.tls.is_some() && protection.login.is_some());
    assert!(
        !format!("{protection:?}").contains("hunter2"),
        "{protection:?}"
    );
}

#[test]
fn what_is_wrong_is_said_in_one_line_with_its_option() {
    let folder = files();
    let cert = ("--metrics-tls-cert", "cert.pem");
    let user = ("--metrics-user", "prometheus");
    let cases: [(&[Typed<'_>], &str, &[&str]); 10] = [
        (
            &[cert],
            "",
            &["--metrics-tls-cert and --metrics-tls-key belong together"],
        ),
        (
            &[("--metrics-tls-key", "key.pem")],
            "",
            &["belong together: set both"],
        ),
        (
            &[cert, ("--metrics-tls-key", "missing.pem")],
            "",
            &["--metrics-tls-key", "cannot read", "missing.pem"],
        ),
        (
            &[cert, ("--metrics-tls-key", "cert.pem")],
            "",
            &["--metrics-tls-key", "cert.pem: it holds no private key"],
        ),
        (
            &[
                ("--metrics-tls-cert", "key.pem"),
                ("--metrics-tls-key", "key.pem"),
            ],
            "",
            &["--metrics-tls-cert", "key.pem: it holds no certificate"],
        ),
        (
            &[cert, ("--metrics-tls-key", "other.pem")],
            "",
            &["other.pem", "cert.pem", "KeyMismatch"],
        ),
        (
            &[user],
            "",
            &[
                "--metrics-user is set, but no password",
                "METRICS_PASS",
                "--metrics-pass-file",
            ],
        ),
        (&[], "hunter2", &["no user: add --metrics-user"]),
        (
            &[user, ("--metrics-pass-file", "password")],
            "hunter3",
            &["METRICS_PASS and --metrics-pass-file are both set"],
        ),
        (
            &[("--metrics-user", "a:b")],
            "hunter2",
            &["--metrics-user: ", "no colon"],
        ),
    ];
    for (options, password, parts) in cases {
        let shown = shown(&protection(folder.path(), options, password).unwrap_err());
        assert!(
            !shown.contains("hunter") && !shown.contains('\n'),
            "{shown}"
        );
        for part in parts {
            assert!(shown.contains(part), "{part} is missing in {shown:?}");
        }
    }
}

#[test]
fn every_option_has_its_variable_and_none_takes_a_password() {
    let mut options = 0;
    for arg in Program::command().get_arguments() {
        let Some(long) = arg.get_long() else { continue };
        let variable = arg.get_env().and_then(|name| name.to_str());
        assert_eq!(variable, Some(&*long.replace('-', "_").to_uppercase()));
        assert!(arg.is_hide_env_values_set(), "--{long}");
        options += 1;
    }
    assert_eq!(options, 5);
    assert!(Program::try_parse_from(["program", "--metrics-pass", "x"]).is_err());
}

#[test]
fn certificates_of_scrapers_take_tls() {
    let folder = files();
    let authority = ("--metrics-tls-client-ca", "cert.pem");
    let err = protection(folder.path(), &[authority], "").unwrap_err();
    assert_eq!(
        shown(&err),
        "--metrics-tls-client-ca takes TLS: set --metrics-tls-cert and --metrics-tls-key"
    );
    let tls = [
        ("--metrics-tls-cert", "cert.pem"),
        ("--metrics-tls-key", "key.pem"),
        authority,
    ];
    assert!(protection(folder.path(), &tls, "").unwrap().tls.is_some());
}
