//! What can be typed, and what the help says about it.

use clap::CommandFactory as _;

use super::*;

fn parse(options: &[&str]) -> Result<Args, clap::Error> {
    Args::try_parse_from(std::iter::once("pgw-cleaner").chain(options.iter().copied()))
}

#[test]
fn the_table_of_options_is_sound() {
    Args::command().debug_assert();
}

#[test]
fn help_is_as_documented() {
    insta::assert_snapshot!(Args::command().render_help().to_string());
}

#[test]
fn every_option_has_its_variable_and_hides_the_value() {
    let command = Args::command();
    for argument in command
        .get_arguments()
        .filter(|argument| argument.get_long().is_some())
    {
        let long = argument.get_long().unwrap();
        if matches!(long, "help" | "version") {
            continue;
        }
        let name = long.to_uppercase().replace('-', "_");
        // Those that other programs of the sample read as well keep their names.
        let shared = [
            "PUSHGATEWAY_",
            "METRICS_TLS_",
            "METRICS_USER",
            "METRICS_PASS",
        ];
        let variable = match shared.iter().any(|start| name.starts_with(start)) {
            true => name,
            false => format!("PGW_CLEANER_{name}"),
        };
        assert_eq!(
            argument.get_env().and_then(|name| name.to_str()),
            Some(variable.as_str())
        );
        assert!(argument.is_hide_env_values_set(), "--{long}");
    }
}

#[test]
fn the_readme_has_every_option_with_its_defaults() {
    let readme = include_str!("../../README.md");
    for argument in Args::command().get_arguments() {
        let Some(long) = argument.get_long() else {
            continue;
        };
        let row = readme
            .lines()
            .find(|line| line.starts_with('|') && line.contains(&format!("`--{long}`")));
        if matches!(long, "help" | "version") {
            continue;
        }
        let row = row.unwrap_or_else(|| panic!("--{long} is missing"));
        for default in argument.get_default_values() {
            assert!(
                row.contains(&default.to_string_lossy().into_owned()),
                "--{long}: {row}"
            );
        }
    }
}

#[test]
fn booleans_take_every_common_word() {
    for (option, value) in [
        ("--dry-run", true),
        ("--dry-run=true", true),
        ("--dry-run=1", true),
        ("--dry-run=yes", true),
        ("--dry-run=false", false),
        ("--dry-run=0", false),
        ("--dry-run=no", false),
    ] {
        assert_eq!(
            parse(&[option]).unwrap().deletion.dry_run,
            value,
            "{option}"
        );
    }
    assert!(!parse(&["--verify=no", "--daemon"]).unwrap().deletion.verify);
}

#[test]
fn what_makes_no_sense_is_a_usage_error_that_names_the_option() {
    for options in [
        &["--ttl", "0"][..],
        &["--ttl", "soon"],
        &["--ttl="],
        &["--job-prefix", ""],
        &["--include", "("],
        &["--exclude", "*"],
        &["--protect", "instance"],
        &["--protect", "=x"],
        &["--max-deletes=-1"],
        &["--workers", "0"],
        &["--batch-size", "0"],
        &["--max-window", "0s"],
        &["--interval", "0"],
        &["--metrics-addr", "9105"],
        &["--output", "xml"],
        &["--dry-run=maybe"],
        &["--pushgateway-url", "ftp://x"],
        &["--password", "x"],
        &["a-word"],
    ] {
        let error = parse(options).expect_err(&format!("{options:?}"));
        assert_eq!(error.exit_code(), 2, "{options:?}");
        let name = options[0].split('=').next().unwrap();
        assert!(error.to_string().contains(name), "{options:?}: {error}");
    }
}
