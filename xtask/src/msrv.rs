//! The oldest Rust that the packages promise to build with.

use std::fs;

use anyhow::{Context, Result};
use toml::{Table, Value};

use crate::step::Outcome;
use crate::{tools, workspace};

const MANIFEST: &str = "Cargo.toml";

/// Compiles all but `excluded` packages by it, with every feature and test.
pub fn check(excluded: &[&str]) -> Result<Outcome> {
    let version = version()?;
    if let Err(why) = tools::toolchain(&version) {
        return Ok(Outcome::Skipped(why));
    }
    let toolchain = format!("+{version}");
    let arguments = [toolchain.as_str(), "check", "--workspace", "--all-targets"];
    let mut command = workspace::command("cargo", &arguments)?;
    for package in excluded {
        command.args(["--exclude", package]);
    }
    // Features that change other packages' builds are those of packages left out.
    command.arg("--all-features");
    command.env("CARGO_TARGET_DIR", workspace::target()?.join("msrv"));
    workspace::run(&mut command)?;
    Ok(Outcome::Done)
}

fn version() -> Result<String> {
    let text = fs::read_to_string(workspace::root()?.join(MANIFEST)).context(MANIFEST)?;
    let manifest: Table = text.parse().context(MANIFEST)?;
    let version = manifest.get("workspace").and_then(|workspace| {
        workspace.get("package")?.get("rust-version").and_then(Value::as_str)
    });
    Ok(version.context("[workspace.package] has no rust-version")?.to_owned())
}
