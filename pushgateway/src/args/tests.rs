//! The options as people give them, and what must never be seen of them.

use clap::{CommandFactory as _, Parser};

use super::*;

#[derive(Debug, Parser)]
struct Program {
    #[command(flatten)]
    gateway: GatewayArgs,
}

fn parse(options: &[&str]) -> Result<GatewayArgs, clap::Error> {
    let line = std::iter::once("program").chain(options.iter().copied());
    Program::try_parse_from(line).map(|program| program.gateway)
}

fn access(options: &[&str], password: Option<&str>) -> Result<Access, ArgsError> {
    parse(options).unwrap().access_in(|name| {
        assert_eq!(name, PASSWORD.variable);
        password.map(OsString::from)
    })
}

/// Returns user and password as a request would carry them.
async fn basic(access: &Access) -> Option<(String, String)> {
    match &access.credentials {
        Credentials::Basic { user, password } => {
            Some((user.clone(), password.read().await.unwrap()))
        }
        _ => None,
    }
}

#[tokio::test]
async fn options_win_over_the_url() {
    let url = ["--pushgateway-url", "https://one:first@gateway/base"];
    let with_user = [url[0], url[1], "--pushgateway-user", "two"];
    let pair = |user: &str, password: &str| Some((user.to_owned(), password.to_owned()));
    assert_eq!(
        basic(&access(&url, None).unwrap()).await,
        pair("one", "first")
    );
    assert_eq!(
        basic(&access(&url, Some("second")).unwrap()).await,
        pair("one", "second")
    );
    assert_eq!(
        basic(&access(&with_user, Some("second")).unwrap()).await,
        pair("two", "second")
    );
    assert_eq!(basic(&access(&[], None).unwrap()).await, None);
}

#[tokio::test]
async fn line_ends_behind_user_and_password_are_dropped() {
    let options = ["--pushgateway-user", "one\n"];
    let pair = Some(("one".to_owned(), "first".to_owned()));
    assert_eq!(
        basic(&access(&options, Some("first\r\n")).unwrap()).await,
        pair
    );
    let none = access(&["--pushgateway-user", "\n"], None).unwrap();
    assert_eq!(basic(&none).await, None);
}

#[tokio::test]
async fn the_password_file_is_read_anew_and_without_its_line_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("password");
    std::fs::write(&path, "first\n").unwrap();
    let options = [
        "--pushgateway-user",
        "one",
        "--pushgateway-pass-file",
        path.to_str().unwrap(),
    ];
    let access = access(&options, None).unwrap();
    assert_eq!(
        basic(&access).await,
        Some(("one".to_owned(), "first".to_owned()))
    );
    std::fs::write(&path, "second\r\n").unwrap();
    assert_eq!(
        basic(&access).await,
        Some(("one".to_owned(), "second".to_owned()))
    );
}

#[test]
fn contradictions_are_refused() {
    let file = [
        "--pushgateway-user",
        "one",
        "--pushgateway-pass-file",
        "/does/not/exist",
    ];
    assert!(matches!(
        access(&file, None),
        Err(ArgsError::Credentials(credentials::Error::Option { .. }))
    ));
    assert!(matches!(
        access(&file, Some("secret")),
        Err(ArgsError::Credentials(credentials::Error::Twice { .. }))
    ));
    assert!(matches!(
        access(&[], Some("secret")),
        Err(ArgsError::NoUser)
    ));
}

#[test]
fn empty_values_count_as_not_given() {
    let options = [
        "--pushgateway-user",
        "",
        "--pushgateway-pass-file",
        "",
        "--pushgateway-ca-file",
        "",
    ];
    let access = access(&options, Some("")).unwrap();
    assert!(matches!(access.credentials, Credentials::None));
    assert!(access.tls.ca_file.is_none());
}

#[test]
fn an_invalid_url_is_a_usage_error_that_does_not_repeat_it() {
    for url in [
        "http://u:hunter2@gateway:port",
        "ftp://u:hunter2@gateway",
        "",
    ] {
        let error = parse(&["--pushgateway-url", url]).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains("hunter2"), "{shown}");
        assert!(shown.contains("--pushgateway-url"), "{shown}");
    }
}

#[test]
fn no_secret_reaches_debug() {
    let options = ["--pushgateway-url", "http://alice:hunter2@gateway"];
    let shown = format!(
        "{:?} {:?}",
        parse(&options).unwrap(),
        access(&options, Some("hunter3")).unwrap()
    );
    assert!(
        !shown.contains("hunter") && !shown.contains("alice"),
        "{shown}"
    );
}

#[test]
fn help_names_the_variables_and_the_default_and_no_option_takes_a_password() {
    let help = Program::command().render_long_help().to_string();
    for name in [
        "PUSHGATEWAY_URL",
        "PUSHGATEWAY_USER",
        "PUSHGATEWAY_PASS",
        "PUSHGATEWAY_PASS_FILE",
        "127.0.0.1:9091",
    ] {
        assert!(help.contains(name), "{help}");
    }
    assert!(parse(&["--pushgateway-pass", "x"]).is_err());
    assert!(
        Program::command()
            .get_arguments()
            .filter(|arg| arg.get_env().is_some())
            .all(clap::Arg::is_hide_env_values_set)
    );
}
