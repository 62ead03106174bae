//! A command that another program starts, such as `prlimit`.

use std::process::Command;

/// What every child sees of the test's own environment: where programs, the user's and temporary files are.
const INHERITED: [&str; 3] = ["HOME", "PATH", "TMPDIR"];

/// Returns the command that runs `prefix`, followed by the program and the arguments of `command`, in its folder.
///
/// It sees the variables that `command` sets, `HOME`, `PATH` and `TMPDIR`, and nothing else of the environment of the test: there
/// may be addresses and passwords in it that mean the same to our programs as their options do. Whether `command` would inherit
/// it can't be seen from outside.
///
/// # Panics
/// When `prefix` is empty.
pub fn wrapped(prefix: &[&str], command: &Command) -> Command {
    let (program, arguments) = prefix.split_first().expect("a prefix names a program");
    let mut wrapped = Command::new(program);
    wrapped
        .args(arguments)
        .arg(command.get_program())
        .args(command.get_args())
        .env_clear();
    for name in INHERITED {
        if let Some(value) = std::env::var_os(name) {
            wrapped.env(name, value);
        }
    }
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => wrapped.env(name, value),
            None => wrapped.env_remove(name),
        };
    }
    if let Some(folder) = command.get_current_dir() {
        wrapped.current_dir(folder);
    }
    wrapped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_command_sets_is_seen_and_where_programs_are() {
        // Cargo tells every test about its package, so that there is something to inherit.
        assert!(std::env::vars_os().count() > INHERITED.len());
        let mut command = Command::new("sh");
        command
            .args(["-c", "export -p; pwd", "a b"])
            .env("WHO", "world")
            .env_remove("HOME")
            .current_dir("/");
        let output = wrapped(&["env", "FROM=prefix"], &command).output().unwrap();
        let printed = String::from_utf8(output.stdout).unwrap();
        let mut names: Vec<&str> = printed
            .lines()
            .filter_map(|line| line.strip_prefix("export "))
            .filter_map(|line| line.split('=').next())
            // Shells set these by themselves.
            .filter(|name| !["OLDPWD", "PWD", "SHLVL", "_", "TMPDIR"].contains(name))
            .collect();
        names.sort_unstable();
        assert_eq!(names, ["FROM", "PATH", "WHO"], "{printed}");
        assert!(printed.ends_with("/\n"), "{printed}");
    }
}
