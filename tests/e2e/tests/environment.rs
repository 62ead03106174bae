//! What an environment may hold: empty variables, and those of other programs.
#![expect(clippy::unwrap_used, reason = "these helpers run in tests only")]

use std::collections::BTreeSet;
use std::process::{Command, Output};

use e2e::{PROGRAMS, Program};
use test_servers::free_port;

/// Variables that carry secrets, which no help shows as an option's, and those of logs and colours.
const BESIDE: [&str; 5] = [
    "ZK_AUTH",
    "PUSHGATEWAY_PASS",
    "METRICS_PASS",
    "RUST_LOG",
    "NO_COLOR",
];

/// Returns every variable that a program reads.
fn variables(program: &str) -> BTreeSet<String> {
    let help = Program::help(program);
    let of_options = help
        .split("[env: ")
        .skip(1)
        .filter_map(|rest| rest.split_once(']'))
        .map(|(name, _)| name.to_owned());
    of_options.chain(BESIDE.map(str::to_owned)).collect()
}

/// Returns a command that ends by itself, and the exit code that it ends with when nothing is set.
fn ending(program: &str) -> (Command, i32) {
    let mut command = Program::command(program);
    let code = match program {
        "demo" => {
            command.args(["--for", "100ms", "--provider-addr", "127.0.0.1:0"]);
            command.args(["--provider-metrics-addr", "127.0.0.1:0"]);
            command.args(["--consumer-metrics-addr", "127.0.0.1:0"]);
            0
        }
        "pgw-cleaner" => {
            command.args(["--pushgateway-url", &format!("127.0.0.1:{}", free_port())]);
            3
        }
        // This host has no such address, which is found only after everything has been read.
        _ => {
            command.args(["--push=false", "--metrics-addr", "192.0.2.1:0"]);
            1
        }
    };
    (command, code)
}

fn run(command: &mut Command) -> (Option<i32>, String) {
    let Output { status, stderr, .. } = command.output().unwrap();
    (status.code(), String::from_utf8_lossy(&stderr).into_owned())
}

#[test]
fn empty_variables_are_not_set_for_every_option_of_every_program() {
    for program in PROGRAMS {
        let variables = variables(program);
        assert!(variables.len() > 10, "{program}: {variables:?}");
        let (mut command, code) = ending(program);
        command.envs(variables.iter().map(|name| (name, "")));
        let (ended, stderr) = run(&mut command);
        assert_eq!(ended, Some(code), "{program}: {stderr}");
    }
}

#[test]
fn help_names_a_variable_that_is_empty() {
    for program in PROGRAMS {
        let variables = variables(program);
        let mut command = Program::command(program);
        command.envs(variables.iter().map(|name| (name, "")));
        let output = command.arg("--help").output().unwrap();
        let help = String::from_utf8(output.stdout).unwrap();
        assert_eq!(help, Program::help(program));
    }
}

#[test]
fn the_cleaner_reads_no_variable_of_a_common_name() {
    let (mut command, code) = ending("pgw-cleaner");
    for (name, value) in [
        ("INSECURE", "true"),
        ("TIMEOUT", "soon"),
        ("OUTPUT", "xml"),
        ("VERIFY", "maybe"),
        ("TTL", "soon"),
        ("INTERVAL", "often"),
        ("DAEMON", "true"),
        ("METRICS_ADDR", "nowhere"),
    ] {
        command.env(name, value);
    }
    let (ended, stderr) = run(&mut command);
    assert_eq!(ended, Some(code), "{stderr}");
    assert!(!stderr.contains("certificate"), "{stderr}");
    command.env("PGW_CLEANER_INSECURE", "true");
    let (_, stderr) = run(&mut command);
    assert!(stderr.contains("any certificate is accepted"), "{stderr}");
}

#[test]
fn a_secret_that_is_a_line_end_alone_is_not_set() {
    let (mut command, code) = ending("client");
    command.env("ZK_AUTH", "\n").env("METRICS_PASS", "\r\n");
    let (ended, stderr) = run(&mut command);
    assert_eq!(ended, Some(code), "{stderr}");
}
