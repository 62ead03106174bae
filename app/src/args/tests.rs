//! Options as people type them.

use std::time::Duration;

use clap::Parser;

use super::*;
use crate::config::DeleteOnExit;

#[derive(Debug, Parser)]
#[command(name = "sample")]
struct Sample {
    #[command(flatten)]
    process: ProcessArgs,
}

impl CommandLine for Sample {
    type Config = ProcessArgs;

    const DEFAULTS: Defaults = Defaults {
        application: "dubbo-rust-sample",
        job_name: "dubbo_sample",
        metrics_addr: "[::]:9099",
    };

    fn into_config(self) -> anyhow::Result<ProcessArgs> {
        Ok(self.process)
    }
}

fn parsed(arguments: &[&str]) -> Result<ProcessArgs, clap::Error> {
    let mut matches = command::<Sample>()
        .try_get_matches_from(std::iter::once("sample").chain(arguments.iter().copied()))?;
    Ok(Sample::from_arg_matches_mut(&mut matches)?.process)
}

fn refused(arguments: &[&str]) -> String {
    let err = parsed(arguments).unwrap_err();
    assert_eq!(err.exit_code(), 2, "{err}");
    err.to_string()
}

#[test]
fn the_command_is_sound() {
    command::<Sample>().debug_assert();
}

#[test]
fn defaults_are_those_of_the_program() {
    let args = parsed(&[]).unwrap();
    assert!(args.export.push && args.export.metrics);
    assert_eq!(args.export.delete_on_exit, DeleteOnExit::Auto);
    assert!(!args.quiet);
    assert_eq!(args.application, "dubbo-rust-sample");
    assert_eq!(args.export.job_name, "dubbo_sample");
    assert_eq!(args.export.metrics_addr.to_string(), "[::]:9099");
    assert_eq!(args.export.push_interval, Duration::from_secs(10));
    assert_eq!(args.export.measure.metrics_window, Duration::from_secs(120));
    assert_eq!(args.registry.zk_address, "127.0.0.1:2181");
    assert_eq!(args.registry.zk_session_timeout, Duration::from_secs(10));
}

#[test]
fn every_option_has_an_environment_variable_of_its_name() {
    for arg in command::<Sample>().get_arguments() {
        let Some(long) = arg.get_long() else { continue };
        if long == "help" || long == "version" {
            continue;
        }
        let variable = arg.get_env().and_then(|name| name.to_str());
        let expected = match long {
            "advertise-ip" => "DUBBO_IP_TO_REGISTRY".to_owned(),
            _ => long.replace('-', "_").to_uppercase(),
        };
        assert_eq!(variable, Some(expected.as_str()), "--{long}");
        assert!(
            arg.is_hide_env_values_set(),
            "--{long} shows the environment's value"
        );
    }
}

#[test]
fn booleans_take_words_and_digits_and_stand_alone() {
    for (text, value) in [
        ("--push", true),
        ("--push=true", true),
        ("--push=1", true),
        ("--push=yes", true),
        ("--push=false", false),
        ("--push=0", false),
        ("--push=no", false),
    ] {
        assert_eq!(parsed(&[text]).unwrap().export.push, value, "{text}");
    }
    assert!(parsed(&["--quiet"]).unwrap().quiet);
    assert!(refused(&["--push=maybe"]).contains("--push"));
}

#[test]
fn the_group_is_deleted_as_it_is_said() {
    for (text, value) in [
        ("--delete-on-exit", DeleteOnExit::Always),
        ("--delete-on-exit=true", DeleteOnExit::Always),
        ("--delete-on-exit=1", DeleteOnExit::Always),
        ("--delete-on-exit=no", DeleteOnExit::Never),
        ("--delete-on-exit=AUTO", DeleteOnExit::Auto),
    ] {
        assert_eq!(
            parsed(&[text]).unwrap().export.delete_on_exit,
            value,
            "{text}"
        );
    }
    assert!(refused(&["--delete-on-exit=maybe"]).contains("auto, true or false"));
}

#[test]
fn wrong_values_are_refused_with_the_options_name() {
    for (option, value) in [
        ("--push-interval", "10"),
        ("--push-interval", "0s"),
        ("--metrics-window", "fast"),
        ("--metrics-families", "some"),
        ("--metrics-buckets", ""),
        ("--metrics-buckets", "1ms,2ms,2ms"),
        ("--metrics-buckets", "1ms,fast"),
        ("--metrics-buckets", "0s,1ms"),
        ("--metrics-buckets", "3h"),
        ("--metrics-path", ""),
        ("--metrics-path", "metrics"),
        ("--metrics-path", "/"),
        ("--metrics-path", "/a/../b"),
        ("--metrics-path", "/{name}"),
        ("--metrics-path", "/a b"),
        ("--metrics-addr", "9099"),
        ("--probe-addr", "localhost:8080"),
        ("--advertise-ip", "my-host"),
        ("--advertise-ip", "0.0.0.0"),
        ("--advertise-ip", "255.255.255.255"),
        ("--advertise-ip", "fe80::1"),
        ("--runtime", "tokio"),
        ("--application", ""),
        ("--application", "a/b"),
        ("--application", "two words"),
        ("--application", "the-providers"),
        ("--job-name", ""),
        ("--instance", " "),
    ] {
        let message = refused(&[option, value]);
        assert!(message.contains(option), "{option} {value}: {message}");
    }
}

#[test]
fn addresses_are_read_in_each_of_their_forms() {
    for (text, ip) in [
        ("192.168.1.20", "192.168.1.20"),
        ("::1", "::1"),
        ("[fd00::2]", "fd00::2"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
    ] {
        let args = parsed(&["--advertise-ip", text]).unwrap();
        assert_eq!(args.registry.advertise_ip, Some(ip.parse().unwrap()));
        assert_eq!(value::listening_ip(text), Ok(ip.parse().unwrap()));
    }
    for text in [
        "",
        "localhost",
        "127.0.0.1:20000",
        "[::1",
        "fe80::1%eth0",
        "1.2.3",
    ] {
        let message = value::listening_ip(text).unwrap_err();
        assert!(message.contains(":: for all addresses"), "{message}");
    }
    assert!(refused(&["--metrics-addr=:9099"]).contains("such as 127.0.0.1:9099"));
    assert!(refused(&["--advertise-ip=::ffff:0.0.0.0"]).contains("cannot connect"));
}

#[test]
fn the_last_of_several_values_counts() {
    let args = parsed(&[
        "--push=false",
        "--job-name",
        "a",
        "--push",
        "--job-name",
        "b",
    ])
    .unwrap();
    assert!(args.export.push);
    assert_eq!(args.export.job_name, "b");
}

#[test]
fn no_option_carries_a_secret() {
    for option in ["--zk-auth", "--pushgateway-pass", "--metrics-pass"] {
        let message = refused(&[&format!("{option}=digest:user:hunter2")]);
        assert!(!message.contains("hunter2"), "{message}");
    }
}

#[test]
fn what_is_exported_is_chosen_by_options() {
    let measuring = |given: &[&str]| {
        let args = parsed(given).unwrap().export.measure;
        args.into_measuring().unwrap()
    };
    let usual = measuring(&[]);
    assert_eq!(usual.buckets, metrics_core::DEFAULT_BUCKETS);
    assert_eq!(usual.families, metrics_core::Families::All);
    assert_eq!(usual.path.as_str(), metrics_core::METRICS_PATH);
    let chosen = measuring(&[
        "--metrics-families=lean",
        "--metrics-buckets=5ms, 0.1,1s",
        "--metrics-path=/metrics",
    ]);
    assert_eq!(chosen.buckets, [0.005, 0.1, 1.0], "durations, or seconds");
    assert_eq!(chosen.families, metrics_core::Families::Lean);
    assert_eq!(chosen.path.as_str(), "/metrics");
    let native = measuring(&["--metrics-buckets=none"]);
    assert_eq!(native.buckets, [0.0; 0]);
}
