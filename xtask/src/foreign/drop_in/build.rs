//! A package, built as it is or with scrubjay.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use super::programs::Program;
use crate::foreign::package::{Package, append};
use crate::workspace;

/// The three lines, in a module of their own: so they meet no name.
const THREE_LINES: &str = "
mod drop_in {
    use scrubjay::Scrubjay;
    #[global_allocator]
    static ALLOCATOR: Scrubjay = Scrubjay::new();
}
";

/// Which of the two builds.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Build {
    AsItIs,
    WithScrubjay,
}

impl Build {
    fn name(self) -> &'static str {
        match self {
            Self::AsItIs => "alone",
            Self::WithScrubjay => "dropped-in",
        }
    }
}

/// What was built.
pub struct Built {
    /// Where its sources stand: its tests look for their files there.
    pub source: PathBuf,
    /// The programs with its tests, each under a name that both builds have.
    pub tests: Vec<(String, PathBuf)>,
    /// Where its own programs are.
    programs: PathBuf,
}

impl Built {
    /// The file of one of its own programs.
    pub fn program(&self, name: &str) -> PathBuf {
        self.programs.join(name)
    }
}

/// Copies a package and builds it.
pub fn build(program: &Program, build: Build, folder: &Path) -> Result<Built> {
    let source = prepared(program, build, folder)?;
    let programs = folder.join(program.package.name).join(format!("{}-programs", build.name()));
    workspace::remove(&programs)?;
    let mut built = Built { source, tests: Vec::new(), programs };
    let tests = ["test", "--release", "--no-run", "--tests", "--quiet"];
    built.take(&artifacts(program, &built.source, folder, &tests)?, program)?;
    if let Some(name) = program.work.program() {
        let binary = ["build", "--release", "--bin", name, "--quiet"];
        built.take(&artifacts(program, &built.source, folder, &binary)?, program)?;
    }
    ensure!(!built.tests.is_empty(), "{} has no tests", program.package.name);
    Ok(built)
}

/// A copy of its sources, changed for a build. One that was made before is taken
/// again, so that cargo builds what changed.
fn prepared(program: &Program, build: Build, folder: &Path) -> Result<PathBuf> {
    let Package { name, version, .. } = program.package;
    let dependency = dependency()?;
    let made_by = format!("{version} {:?}{dependency}{THREE_LINES}", program.outdated);
    let source = folder.join(name).join(build.name());
    let mark = source.join("prepared");
    if fs::read_to_string(&mark).is_ok_and(|old| old == made_by) {
        return Ok(source);
    }
    let source = program.package.copy(folder, build.name())?;
    let manifest = source.join("Cargo.toml");
    if !fs::read_to_string(&manifest)?.lines().any(|line| line == "[workspace]") {
        append(&manifest, "\n[workspace]\n")?;
    }
    if build == Build::WithScrubjay {
        append(&manifest, &dependency)?;
        put_three_lines_in(program, &source)?;
    }
    for outdated in program.outdated {
        cargo(program, &source, folder, &["update", "--quiet", outdated])?;
    }
    fs::write(mark, made_by)?;
    Ok(source)
}

fn dependency() -> Result<String> {
    let allocator = workspace::root()?.join("allocator");
    Ok(format!("\n[dependencies.scrubjay]\npath = {allocator:?}\n"))
}

/// Puts the three lines into each root of a program.
fn put_three_lines_in(program: &Program, source: &Path) -> Result<()> {
    let mut command = workspace::cargo(&["metadata", "--no-deps", "--format-version", "1"])?;
    let metadata: Value = serde_json::from_str(&workspace::output(command.current_dir(source))?)?;
    let targets = metadata["packages"][0]["targets"].as_array().context("cargo lists targets")?;
    for target in targets {
        let root = Path::new(target["src_path"].as_str().context("a target has a root")?);
        let name = target["name"].as_str().context("a target has a name")?;
        match target["kind"][0].as_str() {
            // A library has an allocator where it is a program: in its own tests.
            Some("lib" | "rlib") => append(root, &format!("\n#[cfg(test)]{THREE_LINES}"))?,
            Some("bin" | "test") if !is_left_out(program, name) => {
                ensure_free(root)?;
                append(root, THREE_LINES)?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// An error if a root sets an allocator of its own, but where libc is musl.
fn ensure_free(root: &Path) -> Result<()> {
    let text = fs::read_to_string(root).with_context(|| root.display().to_string())?;
    let mut before = "";
    for line in text.lines() {
        if line.trim() == "#[global_allocator]" && !before.contains("target_env = \"musl\"") {
            bail!("{} sets an allocator of its own: leave it out", root.display());
        }
        before = line;
    }
    Ok(())
}

fn is_left_out(program: &Program, file: &str) -> bool {
    program.files_left_out.iter().any(|(name, _)| *name == file)
}

/// What cargo says of what it built.
fn artifacts(program: &Program, source: &Path, folder: &Path, what: &[&str]) -> Result<Vec<Value>> {
    let features = program.package.features.join(",");
    let more = [
        "--no-default-features",
        "--features",
        &features,
        "--message-format=json-render-diagnostics",
    ];
    let said = cargo(program, source, folder, &[what, &more].concat())?;
    said.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
}

fn cargo(program: &Program, source: &Path, folder: &Path, what: &[&str]) -> Result<String> {
    let mut command: Command = workspace::cargo(what)?;
    command.current_dir(source).env("CARGO_TARGET_DIR", folder.join("target"));
    // Nobody builds it again.
    command.env("CARGO_INCREMENTAL", "0");
    // What is found is told by function, the inlined ones included.
    command.env("CARGO_PROFILE_RELEASE_DEBUG", "line-tables-only");
    // It may deny what a later compiler warns of.
    command.env("RUSTFLAGS", "--cap-lints=allow");
    workspace::output(&mut command).with_context(|| program.package.name)
}

impl Built {
    /// Puts what was built aside: the other build has the same names. Tests may
    /// look for their package's programs one folder up.
    fn take(&mut self, artifacts: &[Value], program: &Program) -> Result<()> {
        let deps = self.programs.join("deps");
        fs::create_dir_all(&deps)?;
        for artifact in artifacts {
            let Some(file) = artifact["executable"].as_str() else { continue };
            let name = artifact["target"]["name"].as_str().context("a target has a name")?;
            let kind = artifact["target"]["kind"][0].as_str().context("a target has a kind")?;
            if artifact["profile"]["test"] != true {
                replace(Path::new(file), &self.programs.join(name))?;
            } else if !is_left_out(program, name) {
                let name = format!("{kind}-{name}");
                let place = deps.join(&name);
                replace(Path::new(file), &place)?;
                self.tests.push((name, place));
            }
        }
        self.tests.sort();
        Ok(())
    }
}

fn replace(file: &Path, place: &Path) -> Result<()> {
    if place.exists() {
        fs::remove_file(place)?;
    }
    fs::copy(file, place).with_context(|| file.display().to_string())?;
    Ok(())
}
