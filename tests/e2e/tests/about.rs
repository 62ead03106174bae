//! What every program tells about itself, and that it minds no reader who leaves.
#![expect(clippy::unwrap_used, reason = "these helpers run in tests only")]

use std::{
    io::Write as _,
    process::{Command, Output, Stdio},
};

use e2e::{PROGRAMS, Program};
use test_servers::{LONG, ZooKeeper, wrapped};

const FORMS: [&str; 6] = ["man", "bash", "elvish", "fish", "powershell", "zsh"];

fn told(program: &str, arguments: &[&str]) -> String {
    let output = Program::command(program)
        .args(arguments)
        .env("METRICS_USER", "hunter2")
        .env("PUSHGATEWAY_URL", "http://alice:hunter2@gateway")
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{program} {arguments:?}: {output:?}"
    );
    String::from_utf8(output.stdout).unwrap()
}

/// Runs a command with this text on its standard input.
fn fed(command: &mut Command, text: &str) -> Output {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
    child.wait_with_output().unwrap()
}

#[test]
fn the_version_names_the_commit_that_is_checked_out() {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").args(arguments).output();
        let text = output.ok().filter(|output| output.status.success())?.stdout;
        Some(String::from_utf8(text).unwrap().trim().to_owned())
    };
    let tracked = git(&["ls-files", "--error-unmatch", "Cargo.toml"]);
    let commit = tracked.and_then(|_| git(&["rev-parse", "--short=12", "HEAD"]));
    let version = env!("CARGO_PKG_VERSION");
    for program in PROGRAMS {
        let expected = match &commit {
            Some(commit) => format!("{program} {version} ({commit})\n"),
            None => format!("{program} {version}\n"),
        };
        assert_eq!(told(program, &["--version"]), expected);
    }
}

#[test]
fn manual_pages_and_completions_know_every_option_and_no_secret() {
    for program in PROGRAMS {
        let help = told(program, &["--help"]);
        assert!(!help.contains("--generate"), "it is for packages: {help}");
        let options: Vec<&str> = help
            .split_whitespace()
            .filter_map(|word| word.strip_prefix("--"))
            .filter(|word| word.starts_with(|c: char| c.is_ascii_lowercase()))
            .map(|word| {
                word.split(|c: char| !c.is_ascii_lowercase() && c != '-')
                    .next()
                    .unwrap()
            })
            .collect();
        assert!(options.len() > 5, "{help}");
        for form in FORMS {
            let text = told(program, &["--generate", form]);
            assert!(!text.contains("hunter2"), "{program} {form}");
            // In a manual page a hyphen is written with a backslash.
            let plain = text.replace('\\', "");
            for option in &options {
                assert!(plain.contains(option), "{program} {form} lacks {option}");
            }
        }
    }
}

#[test]
fn a_shell_and_a_formatter_take_what_is_generated() {
    for program in PROGRAMS {
        let completions = told(program, &["--generate", "bash"]);
        let output = fed(Command::new("bash").arg("-n"), &completions);
        assert!(output.status.success(), "{program}: {output:?}");
        let page = told(program, &["--generate", "man"]);
        assert!(page.contains(".TH ") && page.contains(".SH NAME"), "{page}");
    }
}

/// Starts a program whose standard output, or error, has lost its reader before the first byte.
fn unread(command: &Command, redirection: &str) -> Program {
    // The pipe's reader is gone when the named pipe is opened for both and closed again: bash's process substitution ends first.
    let script = format!(
        "exec {{pipe}}> >(exec true); wait $!; exec \"$@\" {redirection}&$pipe {{pipe}}>&-"
    );
    Program::start(&wrapped(&["bash", "-c", &script, "bash"], command))
}

#[tokio::test]
async fn a_reader_that_has_left_is_no_failure() {
    let mut commands = Vec::new();
    for program in PROGRAMS {
        for arguments in [
            &["--help"][..],
            &["--version"],
            &["--generate", "man"],
            &["--generate", "bash"],
        ] {
            let mut command = Program::command(program);
            command.args(arguments);
            commands.push(command);
        }
    }
    let mut demo = Program::demo();
    demo.args(["--for", "1m"]);
    commands.push(demo);
    for command in commands {
        let mut program = unread(&command, "1>");
        let code = program.wait(LONG).await;
        let stderr = program.stderr();
        assert_eq!(code, 0, "{command:?}: {stderr}");
        assert!(!stderr.contains("panicked"), "{command:?}: {stderr}");
    }
}

#[tokio::test]
async fn a_failure_whose_message_is_not_read_has_its_code() {
    for program in PROGRAMS {
        let mut program = unread(Program::command(program).arg("--no-such-option"), "2>");
        assert_eq!(program.wait(LONG).await, 2, "{program:?}");
    }
    let mut command = Program::command("pgw-cleaner");
    command.args(["--pushgateway-url", "http://127.0.0.1:1", "--ttl", "1m"]);
    assert_eq!(unread(&command, "2>").wait(LONG).await, 3);
}

#[tokio::test]
async fn a_server_whose_log_is_not_read_serves_on_and_leaves_in_order() {
    let zookeeper = ZooKeeper::start().await;
    let mut server = unread(
        Program::server(&zookeeper.address()).arg("--push=false"),
        "2>",
    );
    let mut client = Program::start(Program::client(&zookeeper.address()).args([
        "--push=false",
        "--count",
        "5",
    ]));
    assert_eq!(client.wait(LONG).await, 0, "{}", client.stderr());
    assert_eq!(client.summary().succeeded, 5, "{}", client.summary().line);
    server.stop().await;
}
