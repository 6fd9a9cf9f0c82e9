//! The command line, as the tests run it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

/// The binary `scrubjay` of the same build as the test: beside it after
/// `cargo test --workspace`, else built now.
///
/// # Panics
/// If it can be neither found nor built.
pub fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        let test = std::env::current_exe().expect("a test knows its own path");
        let profile = test.ancestors().nth(2).expect("tests stand in target/<profile>/deps");
        let binary = profile.join("scrubjay");
        if !binary.exists() {
            build(profile);
        }
        binary
    })
}

fn build(profile: &Path) {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["build", "--quiet", "--package", "scrubjay-cli", "--target-dir"]);
    cargo.arg(profile.parent().expect("a profile has a target folder"));
    if profile.ends_with("release") {
        cargo.arg("--release");
    }
    let status = cargo.status().expect("cargo runs");
    assert!(status.success(), "the command line builds");
}

/// Runs the command line to its end. Without a cache of symbols: what an older
/// build of it left there would be what this one is judged by.
///
/// # Panics
/// If it does not start.
pub fn run<A: AsRef<std::ffi::OsStr>>(arguments: impl IntoIterator<Item = A>) -> Output {
    let mut command = Command::new(binary());
    command.env_remove("XDG_CACHE_HOME").env_remove("HOME").args(arguments);
    command.output().expect("the command line starts")
}
