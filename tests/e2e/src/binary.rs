//! Our own programs, as cargo builds them, fresh.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    time::SystemTime,
};

use parking_lot::Mutex;

/// Returns the path of one of the workspace's programs, built from the sources as they are now.
///
/// `cargo test --workspace` has built it. When only some packages are tested it may be old or missing, and is built here,
/// with the profile of the test.
///
/// # Panics
///
/// When it cannot be built.
#[must_use]
pub fn binary(name: &str) -> PathBuf {
    static BUILDING: Mutex<()> = Mutex::new(());
    let folder = profile_folder();
    let path = folder.join(name);
    let _one_at_a_time = BUILDING.lock();
    if !is_fresh(&path) {
        build(name, &folder);
    }
    path
}

/// Returns the folder of this program's profile: a test lies in its `deps`, a program beside the others.
fn profile_folder() -> PathBuf {
    let program = env::current_exe().expect("a program knows where it is");
    let folder = program
        .parent()
        .expect("cargo puts a program into the folder of its profile");
    if folder.file_name().is_some_and(|name| name == "deps") {
        return folder
            .parent()
            .expect("the folder deps lies in the folder of its profile")
            .to_owned();
    }
    folder.to_owned()
}

/// Compares the program with the sources that cargo has listed beside it.
fn is_fresh(path: &Path) -> bool {
    let Some(built) = modified(path) else {
        return false;
    };
    let Ok(listed) = fs::read_to_string(path.with_extension("d")) else {
        return false;
    };
    let Some((_, sources)) = listed.split_once(':') else {
        return false;
    };
    // A space inside a path is escaped, so that such a path is not found and the program counts as old.
    sources
        .split_whitespace()
        .all(|source| modified(Path::new(source)).is_some_and(|changed| changed <= built))
}

fn modified(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).ok()?.modified().ok()
}

fn build(name: &str, profile_folder: &Path) {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let target = profile_folder
        .parent()
        .expect("a profile's folder lies in the target folder");
    let profile = match profile_folder.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev",
        Some(profile) => profile,
    };
    let mut command = Command::new(cargo);
    // What cargo tells this test about its own package: build scripts look at it, and crates would be compiled again.
    for (variable, _) in env::vars_os() {
        let name = variable.to_string_lossy();
        if name.starts_with("CARGO_MANIFEST_") || name.starts_with("CARGO_PKG_") {
            command.env_remove(&variable);
        }
    }
    let output = command
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        // All of them with all features, as ./test.sh builds them: another choice would compile the dependencies once more.
        .args([
            "build",
            "--quiet",
            "--workspace",
            "--all-features",
            "--bins",
        ])
        .args(["--profile", profile, "--target-dir"])
        .arg(target)
        .output()
        .expect("cargo, which started this test, can be started");
    assert!(
        output.status.success(),
        "cannot build {name}:\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
