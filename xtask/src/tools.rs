//! Programs that a check needs: found, installed, or asked for.

use std::process::{Command, Stdio};

use anyhow::Result;

use crate::workspace;

/// Whether a program can be started.
pub fn has(program: &str, arguments: &[&str]) -> bool {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// Valgrind, installed first where that is possible without a question;
/// otherwise the reason why not.
pub fn valgrind() -> Result<(), String> {
    installed("valgrind")
}

/// heaptrack, likewise.
pub fn heaptrack() -> Result<(), String> {
    installed("heaptrack")
}

/// A program of the Debian package that is called like it.
fn installed(program: &str) -> Result<(), String> {
    if has(program, &["--version"]) {
        return Ok(());
    }
    let hint = format!("{program} is missing: install it with `apt-get install {program}`");
    if !(is_root() && has("apt-get", &["--version"])) {
        return Err(format!("{hint} (or your system's equivalent)"));
    }
    // A fresh container has no package list.
    let install = || -> Result<()> {
        workspace::run(&mut apt(&["update", "-qq"])?)?;
        workspace::run(&mut apt(&["install", "-qq", "-y", "--no-install-recommends", program])?)
    };
    install().map_err(|error| format!("{hint}; trying it gave: {error:#}"))
}

/// The parts of the Rust toolchain that a minimal profile leaves out.
pub fn rust_components() -> Result<()> {
    for (probe, component) in [("fmt", "rustfmt"), ("clippy", "clippy")] {
        if !has("cargo", &[probe, "--version"]) {
            workspace::run(&mut workspace::command("rustup", &["component", "add", component])?)?;
        }
    }
    Ok(())
}

/// The test runner that gives each test a process; otherwise the reason why not.
pub fn nextest() -> Result<(), String> {
    if has("cargo", &["nextest", "--version"]) {
        return Ok(());
    }
    Err("needs `cargo install --locked cargo-nextest`".to_owned())
}

/// Miri, added to a nightly toolchain where there is one; otherwise the reason
/// why not.
pub fn miri() -> Result<(), String> {
    let probe = ["+nightly", "miri", "--version"];
    if !has("cargo", &probe) && has("cargo", &["+nightly", "--version"]) {
        let arguments = ["component", "add", "--toolchain", "nightly", "miri", "rust-src"];
        let added =
            workspace::command("rustup", &arguments).and_then(|mut c| workspace::run(&mut c));
        added.map_err(|error| format!("{error:#}"))?;
    }
    if has("cargo", &probe) {
        return Ok(());
    }
    Err("needs `rustup toolchain install nightly --component miri,rust-src`".to_owned())
}

fn apt(arguments: &[&str]) -> Result<Command> {
    let mut command = workspace::command("apt-get", arguments)?;
    command.env("DEBIAN_FRONTEND", "noninteractive");
    Ok(command)
}

fn is_root() -> bool {
    // Asked without libc: this program starts nothing that a user may not.
    let mut command = Command::new("id");
    let output = command.arg("-u").stdin(Stdio::null()).output();
    output.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}
