//! What a user gets wrong: a clear message, and the documented exit code.
#![expect(clippy::unwrap_used, reason = "these helpers run in tests only")]

use std::process::Output;

use e2e::Program;
use test_servers::{LONG, ZooKeeper};

fn run(program: &str, arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    Program::command(program)
        .args(arguments)
        .envs(environment.iter().copied())
        .output()
        .unwrap()
}

#[test]
fn a_wrong_value_is_refused_with_the_options_name_and_code_2() {
    for (program, option, value) in [
        ("server", "--port", "http"),
        ("server", "--port", "70000"),
        ("server", "--error-rate", "1.5"),
        ("server", "--delay", "10"),
        ("server", "--push-interval", "0s"),
        ("server", "--pushgateway-url", "ftp://host"),
        ("server", "--pushgateway-url", "http://"),
        ("server", "--zk-address", "host:port"),
        ("server", "--zk-address", ""),
        ("server", "--runtime", "threads"),
        ("server", "--metrics-window", "1ms"),
        ("client", "--concurrency", "0"),
        ("client", "--count", "-1"),
        ("client", "--timeout", "0s"),
        ("client", "--loadbalance", "best"),
        ("client", "--connections", "0"),
        ("client", "--direct", "127.0.0.1:20000"),
        ("client", "--advertise-ip", "localhost"),
        ("demo", "--rate", "0"),
        ("demo", "--for", "soon"),
    ] {
        let output = run(program, &[&format!("{option}={value}")], &[]);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(
            output.status.code(),
            Some(2),
            "{program} {option}={value}: {stderr}"
        );
        assert!(
            stderr.contains(option),
            "{program} {option}={value}: {stderr}"
        );
        assert!(output.stdout.is_empty(), "errors go to stderr");
    }
}

#[test]
fn a_wrong_value_in_the_environment_is_refused_like_an_option() {
    for (program, variable, value) in [
        ("server", "PUSH", "maybe"),
        ("client", "INTERVAL", "often"),
        ("client", "DUBBO_IP_TO_REGISTRY", "not-an-ip"),
        ("server", "ZK_AUTH", "no-scheme"),
        ("server", "METRICS_TLS_CERT", "/no/such/file"),
        ("client", "METRICS_USER", "nobody"),
        ("client", "METRICS_PASS", "hunter2"),
        ("server", "METRICS_PASS_FILE", "/no/such/file"),
    ] {
        let output = run(program, &[], &[("PUSH", "false"), (variable, value)]);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(
            output.status.code(),
            Some(2),
            "{variable}={value}: {stderr}"
        );
        assert!(!stderr.contains("hunter2"), "{variable}: {stderr}");
    }
}

#[test]
fn an_unknown_option_is_refused() {
    for program in ["server", "client", "demo"] {
        let output = run(program, &["--no-such-option"], &[]);
        assert_eq!(output.status.code(), Some(2), "{program}");
    }
}

#[test]
fn help_names_variables_and_defaults_but_no_value_of_the_environment() {
    let secrets = [
        ("PUSHGATEWAY_URL", "http://user:hunter2@host:9091"),
        ("PUSHGATEWAY_USER", "hunter2"),
        ("PUSHGATEWAY_PASS", "hunter2"),
        ("ZK_AUTH", "digest:user:hunter2"),
        ("METRICS_USER", "hunter2"),
        ("METRICS_PASS", "hunter2"),
        ("METRICS_PASS_FILE", "hunter2"),
        ("JOB_NAME", "hunter2"),
    ];
    for program in ["server", "client"] {
        let output = run(program, &["--help"], &secrets);
        let help = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(0));
        assert!(!help.contains("hunter2"), "{help}");
        for named in [
            "[env: ZK_ADDRESS]",
            "[default: 127.0.0.1:2181]",
            "Exit codes:",
        ] {
            assert!(help.contains(named), "{named} is missing in\n{help}");
        }
    }
}

#[tokio::test]
async fn a_port_in_use_is_one_line_that_names_port_and_option() {
    let zookeeper = ZooKeeper::start().await;
    let taken = std::net::TcpListener::bind("0.0.0.0:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let address = format!("127.0.0.1:{port}");
    for (program, option, value) in [
        ("server", "--port", port.to_string()),
        ("server", "--metrics-addr", address.clone()),
        ("server", "--probe-addr", address.clone()),
        ("client", "--metrics-addr", address.clone()),
        ("client", "--probe-addr", address.clone()),
    ] {
        let mut command = match program {
            "server" => Program::server(&zookeeper.address()),
            _ => Program::client(&zookeeper.address()),
        };
        command
            .env("RUST_LOG", "off")
            .args(["--push=false", option, &value]);
        let mut process = Program::start(&command);
        assert_eq!(
            process.wait(LONG).await,
            1,
            "{option}: {}",
            process.stderr()
        );
        let stderr = process.stderr();
        assert_eq!(stderr.lines().count(), 1, "{option}: {stderr}");
        assert!(stderr.starts_with("error: "), "{option}: {stderr}");
        for part in [port.to_string().as_str(), option] {
            assert!(stderr.contains(part), "{option}: {stderr}");
        }
    }
}

#[test]
fn the_demo_names_a_taken_port_and_its_option() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for option in [
        "--provider-addr",
        "--provider-metrics-addr",
        "--consumer-metrics-addr",
    ] {
        let mut command = Program::demo();
        command.args([option, &address]);
        let output = command.args(["--for", "1m"]).output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{stderr}");
        assert!(
            stderr.contains(&address) && stderr.contains(option),
            "{stderr}"
        );
    }
}
