//! Every command of the README, followed as a reader would, on servers of the test's own.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use docs::{Code, Document};
use e2e::Program;
use stack::{Native, all_yaml, path, tool};
use test_servers::{LONG, Process, eventually, get};

/// A reader who does what the README says, in its order, and leaves running what runs until it is stopped.
#[derive(Debug, Default)]
struct Reader {
    native: Native,
    environment: BTreeMap<String, String>,
    servers: Vec<Program>,
    clients: Vec<Program>,
    /// The commands that were followed, by their first words.
    followed: BTreeMap<String, u32>,
}

impl Reader {
    /// Follows one command.
    ///
    /// # Panics
    ///
    /// When it does not do what it should, or this test does not say how to follow it.
    async fn follow(&mut self, command: &str) {
        let words: Vec<&str> = command.split_whitespace().collect();
        let kind = match words.as_slice() {
            ["export", setting] => {
                self.export(setting);
                "export"
            }
            ["cargo", "run", "-p", program, arguments @ ..] => {
                self.run(
                    program,
                    arguments.strip_prefix(&["--"]).unwrap_or(arguments),
                )
                .await;
                program
            }
            // The pages of all packages are made by ./test.sh.
            ["cargo", "doc", arguments @ .., "--open"] => {
                if let ["-p", package] = arguments {
                    tool("cargo", "cargo", ["pkgid", package]);
                } else {
                    assert!(arguments.is_empty(), "{command}");
                }
                "cargo doc"
            }
            // No daemon is needed: what it would start is read by the real program.
            ["docker-compose", "up", "-d"] => {
                tool("docker-compose", "docker-compose", ["config", "--quiet"]);
                "docker-compose"
            }
            ["prometheus_grafana/native.sh", subcommand] => {
                let (code, printed) = self.native.run(subcommand);
                assert_eq!(code, 0, "{printed}");
                "native.sh"
            }
            // What runs this test, and what takes longer than a test may: they are there, and can be read by bash.
            [script, ..] if script.starts_with("./") => {
                tool("bash", "bash", ["-n", script]);
                let file = path(script).metadata().expect("bash has read it");
                let mode = file.permissions().mode();
                assert_eq!(mode & 0o111, 0o111, "{script} can be executed");
                "script"
            }
            ["kubectl", "apply", "-f", file] => {
                assert!(!all_yaml(file).is_empty(), "{file} holds objects");
                "kubectl"
            }
            ["kubectl", "apply", "-k", folder] => {
                assert!(!stack::manifests(folder).is_empty(), "{command}");
                "kubectl"
            }
            ["curl", ..] => {
                self.curl(command).await;
                "curl"
            }
            _ => panic!("the test does not follow {command:?}"),
        };
        *self.followed.entry(kind.to_owned()).or_default() += 1;
    }

    /// Sets a variable; an address is the one that the stack has here.
    fn export(&mut self, setting: &str) {
        let (name, value) = setting.split_once('=').expect("a variable has a value");
        let value = match value.trim_matches('"') {
            "127.0.0.1:2181" => self.native.zookeeper.clone(),
            "127.0.0.1:9091" => self.native.pushgateway.clone(),
            other => other.to_owned(),
        };
        self.environment.insert(name.to_owned(), value);
    }

    /// Runs one of our programs with these arguments. Of several values the last counts, which puts it on free ports.
    async fn run(&mut self, name: &str, arguments: &[&str]) {
        let mut command = match name {
            "demo" => Program::demo(),
            _ => Program::command(name),
        };
        command.args(arguments).envs(&self.environment);
        let free = "127.0.0.1:0";
        match name {
            "demo" => {
                let mut demo = Program::start(command.args(["--for", "2s"]));
                assert_eq!(demo.wait(LONG).await, 0, "{}", demo.stderr());
            }
            "server" => {
                // An error on purpose would be one of this test.
                command.args(["--port", "0", "--metrics-addr", free, "--error-rate", "0"]);
                let server = Program::start(&command);
                server.logged("registered").await;
                self.servers.push(server);
            }
            "client" => {
                let client = Program::start(command.args(["--metrics-addr", free]));
                client.greeted(1).await;
                self.clients.push(client);
            }
            "pgw-cleaner" => {
                let mut cleaner = Program::start(&command);
                assert_eq!(cleaner.wait(LONG).await, 0, "{}", cleaner.stderr());
                assert!(
                    cleaner.stdout().contains("2 groups"),
                    "{}",
                    cleaner.stdout()
                );
            }
            other => panic!("the test does not run {other}"),
        }
    }

    /// Calls the provider by hand.
    async fn curl(&self, command: &str) {
        let address = self.servers[0].provider_address().await;
        assert!(command.contains("localhost:20000"), "{command}");
        let here = command.replace("localhost:20000", &address);
        let mut curl = Process::spawn(Command::new("bash").args(["-c", &here]));
        assert_eq!(curl.wait(LONG).await, 0, "{}", curl.stderr());
        assert!(
            curl.stdout().contains("\"greeting\":\"Dubbo\""),
            "{}",
            curl.stdout()
        );
    }

    /// Looks for what the README says one should see.
    async fn look(&self) {
        let groups = get(&format!("http://{}/metrics", self.native.pushgateway))
            .await
            .expect("the Pushgateway answers")
            .body;
        for side in ["provider", "consumer"] {
            let pushed = format!("dubbo_{side}_requests_succeed_total{{");
            assert!(groups.lines().any(|line| line.starts_with(&pushed) && line.contains("job=\"dubbo-service\"")), "{side}");
            // By push and by pull.
            let query = format!("count(count by (job) (dubbo_{side}_requests_succeed_total))");
            let url = format!(
                "http://{}/api/v1/query?query={}",
                self.native.prometheus,
                query.replace(' ', "%20")
            );
            eventually(LONG, &query, async || {
                let answer = get(&url).await?.body;
                if answer.contains(",\"2\"]") {
                    Ok(())
                } else {
                    Err(answer)
                }
            })
            .await;
        }
    }
}

#[tokio::test]
async fn the_readmes_commands_do_what_it_says() {
    let mut reader = Reader::default();
    for block in Document::read("README.md").blocks("bash") {
        for command in block.lines().filter(|line| !line.starts_with('#')) {
            reader.follow(command).await;
        }
    }
    let followed: Vec<(&str, u32)> = reader
        .followed
        .iter()
        .map(|(kind, count)| (kind.as_str(), *count))
        .collect();
    for expected in [
        ("client", 2),
        ("demo", 1),
        ("docker-compose", 1),
        ("export", 5),
        ("native.sh", 1),
        ("pgw-cleaner", 2),
        ("server", 3),
    ] {
        assert!(followed.contains(&expected), "{expected:?} in {followed:?}");
    }
    // Commands in a sentence start nothing that would have to be waited for.
    let sentences = Document::read("README.md").code();
    let starts = ["kubectl apply", "cargo doc", "./"];
    let begins = |code: &&String| starts.iter().any(|start| code.starts_with(start));
    for command in sentences.iter().filter(begins) {
        reader.follow(command).await;
    }
    reader.look().await;
    for program in reader.clients.iter_mut().chain(&mut reader.servers) {
        program.stop().await;
    }
}

#[test]
fn packages_and_scripts_in_commands_of_any_document_exist() {
    let code = Code::read();
    let mut commands = 0;
    for document in Document::all() {
        for line in document.code() {
            let words: Vec<&str> = line.split_whitespace().collect();
            let package = words
                .windows(2)
                .find(|pair| pair[0] == "-p" && words.contains(&"cargo"));
            if let Some([_, name]) = package {
                assert!(
                    code.has(&format!("\nname = \"{name}\"\n")),
                    "{}: {line}",
                    document.path
                );
                commands += 1;
            }
            if let Some(script) = words.first().filter(|word| word.ends_with(".sh")) {
                assert!(
                    path(script).exists() || document.relative(script).exists(),
                    "{}: {line}",
                    document.path
                );
                commands += 1;
            }
        }
    }
    assert!(commands > 10, "{commands} commands");
}
