//! LeakSanitizer, which rustc links in where it is a nightly one.

use std::path::PathBuf;

use anyhow::Result;
use scrubjay_corpus::Case;

use super::Tool;
use super::programs::{self, TIMED};
use super::verdict::{Times, Verdict, is_site};
use crate::{tools, workspace};

/// The status that a process gets for a leak.
const FOUND: i32 = 23;

/// By which cargo tells what it starts that another toolchain is chosen.
const CHOSEN: [&str; 3] = ["RUSTUP_TOOLCHAIN", "CARGO", "RUSTC"];

/// LeakSanitizer, if a nightly toolchain can build for this machine.
pub fn tool() -> Result<Result<Box<dyn Tool>, String>> {
    if !tools::has("cargo", &["+nightly", "--version"]) {
        return Ok(Err("LeakSanitizer needs `rustup toolchain install nightly`".to_owned()));
    }
    let target = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let folder = workspace::target()?.join("leaks").join("sanitizer");
    // Not by the cargo that runs this: a nightly one knows the flag.
    let mut build = workspace::command("cargo", &["+nightly", "build", "--release"])?;
    build.args(["-p", "scrubjay-corpus", "--bin", "plain", "--target", &target]);
    build.env("RUSTFLAGS", "-Z sanitizer=leak").env("CARGO_TARGET_DIR", &folder);
    for name in CHOSEN {
        build.env_remove(name);
    }
    workspace::run(&mut build)?;
    let program = folder.join(target).join("release").join("plain");
    Ok(Ok(Box::new(Sanitizer { program })))
}

struct Sanitizer {
    program: PathBuf,
}

impl Tool for Sanitizer {
    fn rows(&self) -> &'static [&'static str] {
        &["LeakSanitizer (nightly)"]
    }

    fn version(&self) -> Result<String> {
        let mut command = workspace::command("cargo", &["+nightly", "--version"])?;
        for name in CHOSEN {
            command.env_remove(name);
        }
        Ok(format!("LeakSanitizer of {}", workspace::output(&mut command)?.trim()))
    }

    fn judge(&self, case: &Case) -> Result<(Vec<Verdict>, Times)> {
        let mut command = programs::command_in(&super::folder()?, &self.program);
        command.env("LSAN_OPTIONS", format!("exitcode={FOUND}"));
        // It looks at the end of the process, at all rounds: so those that are
        // timed are judged, too.
        let ran = programs::run(&mut command, case.name, TIMED)?;
        let said = String::from_utf8_lossy(&ran.output.stderr);
        let verdict = Verdict {
            is_alarm: ran.output.status.code() == Some(FOUND),
            site: Some(said.lines().any(|line| is_site(case, line))),
        };
        Ok((vec![verdict], ran.times))
    }
}
