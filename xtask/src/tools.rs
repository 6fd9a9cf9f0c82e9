//! Programs that a check needs: found, installed, or asked for.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs};

use anyhow::{Context, Result};

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

/// The C library of HDF5 and its headers, likewise.
pub fn hdf5() -> Result<(), String> {
    package("libhdf5-dev", || {
        let headers = ["/usr/include/hdf5/serial/hdf5.h", "/usr/include/hdf5.h"];
        env::var_os("HDF5_DIR").is_some()
            || has("pkg-config", &["--exists", "hdf5"])
            || headers.iter().any(|header| Path::new(header).is_file())
    })
}

/// A program of the Debian package that is called like it.
fn installed(program: &str) -> Result<(), String> {
    package(program, || has(program, &["--version"]))
}

/// A Debian package, unless what is wanted of it is there already.
fn package(name: &str, is_there: impl Fn() -> bool) -> Result<(), String> {
    if is_there() {
        return Ok(());
    }
    let hint = format!("{name} is missing: install it with `apt-get install {name}`");
    if !(is_root() && has("apt-get", &["--version"])) {
        return Err(format!("{hint} (or your system's equivalent)"));
    }
    // A fresh container has no package list.
    let install = || -> Result<()> {
        workspace::run(&mut apt(&["update", "-qq"])?)?;
        workspace::run(&mut apt(&["install", "-qq", "-y", "--no-install-recommends", name])?)
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

/// A Python of its own in this folder, with packages from PyPI; otherwise the reason
/// why not.
pub fn python(folder: &Path, packages: &[&str]) -> Result<PathBuf, String> {
    let python = folder.join("bin/python");
    let install = || -> Result<()> {
        let folder = folder.to_str().context("a path of text")?;
        workspace::run(&mut workspace::command("python3", &["-m", "venv", folder])?)?;
        let python = python.to_str().context("a path of text")?;
        let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
        workspace::run(workspace::command(python, &pip)?.args(packages))
    };
    let hint = format!("needs Python with venv, and {}", packages.join(", "));
    install().map_err(|error| format!("{hint}; trying it gave: {error:#}"))?;
    Ok(python)
}

/// A program of a Debian package: the system's own, or one that is unpacked into this
/// folder, so that no service of the package is started; otherwise the reason why not.
pub fn unpacked(package: &str, program: &str, folder: &Path) -> Result<PathBuf, String> {
    let places = env::var_os("PATH").unwrap_or_default();
    let mut places: Vec<PathBuf> = env::split_paths(&places).collect();
    places.push(folder.join("usr/bin"));
    let found = || places.iter().map(|place| place.join(program)).find(|path| path.is_file());
    if let Some(path) = found() {
        return Ok(path);
    }
    let unpack = || -> Result<()> {
        workspace::remove(folder)?;
        fs::create_dir_all(folder)?;
        if is_root() {
            workspace::run(&mut apt(&["update", "-qq"])?)?;
        }
        workspace::run(apt(&["download", "-qq", package])?.current_dir(folder))?;
        for entry in fs::read_dir(folder)? {
            let archive = entry?.path();
            let mut command = workspace::command("dpkg-deb", &["--extract"])?;
            workspace::run(command.arg(archive).arg(folder))?;
        }
        Ok(())
    };
    let hint = format!("{program} is missing: it is part of Debian's package {package}");
    unpack().map_err(|error| format!("{hint}; trying it gave: {error:#}"))?;
    found().ok_or(hint)
}

/// The standard library for a target, added where there is rustup; otherwise the
/// reason why not.
pub fn target(target: &str) -> Result<(), String> {
    let add = || -> Result<()> {
        workspace::run(&mut workspace::command("rustup", &["target", "add", target])?)
    };
    if is_host(target) {
        return Ok(());
    }
    add().map_err(|error| format!("{error:#}"))
}

fn is_host(target: &str) -> bool {
    let host = workspace::command("rustc", &["--print", "host-tuple"])
        .and_then(|mut command| workspace::output(&mut command));
    host.is_ok_and(|host| host.trim() == target)
}

/// A toolchain of this version, installed where there is rustup; otherwise the
/// reason why not.
pub fn toolchain(version: &str) -> Result<(), String> {
    if has("cargo", &[&format!("+{version}"), "--version"]) {
        return Ok(());
    }
    let arguments = ["toolchain", "install", version, "--profile", "minimal", "--no-self-update"];
    let installed =
        workspace::command("rustup", &arguments).and_then(|mut c| workspace::run(&mut c));
    installed.map_err(|error| format!("needs `rustup toolchain install {version}`: {error:#}"))
}

/// A C library for 32-bit programs, and a linker that finds it; otherwise the
/// reason why not.
pub fn narrow_linker(folder: &Path) -> Result<(), String> {
    let hint = "needs a 32-bit C library: `apt-get install gcc-multilib`";
    fs::create_dir_all(folder).map_err(|error| error.to_string())?;
    let output = folder.join("narrow.so").display().to_string();
    let links = ["-m32", "-shared", "-x", "c", "/dev/null", "-o", &output];
    if has("cc", &links) { Ok(()) } else { Err(hint.to_owned()) }
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
