//! One run of what a package does: its tests, or its work.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use scrubjay_tests::memory;

use super::build::Built;
use super::cost::{Cost, forget_our_peak};
use super::programs::{Program, Work};
use super::server;
use crate::foreign::package::passed_of;
use crate::workspace;

/// What takes longer hangs, and is killed: also a way to fail.
const PATIENCE: Duration = Duration::from_mins(15);

/// Settings of scrubjay's, beside which there are no others.
pub type Settings = [(&'static str, String)];

/// What runs, and where it may write.
pub struct Runner<'a> {
    pub program: &'a Program,
    pub built: &'a Built,
    /// What is searched and served.
    pub tree: &'a Path,
    /// What the programs say goes there.
    pub output: PathBuf,
}

impl Runner<'_> {
    /// Runs all tests; answers the names of those that pass, sorted. A failure
    /// is an error.
    pub fn suite(&self, settings: &Settings) -> Result<(Vec<String>, Cost)> {
        let (mut passed, mut cost) = (Vec::new(), Cost::default());
        for (name, file) in &self.built.tests {
            let mut command = self.command(file, settings);
            command.args(["--format", "pretty", "--color", "never"]);
            for (test, _) in self.program.tests_left_out {
                command.args(["--skip", test]);
            }
            command.current_dir(&self.built.source);
            command.env("CARGO_MANIFEST_DIR", &self.built.source);
            cost.add(self.run(&mut command)?);
            let said = String::from_utf8_lossy(&fs::read(&self.output)?).into_owned();
            passed.extend(passed_of(&said).map(|test| format!("{name}: {test}")));
        }
        passed.sort_unstable();
        Ok((passed, cost))
    }

    /// Does once what is timed; answers what it came to: the same in each build.
    pub fn work(&self, settings: &Settings) -> Result<(String, Cost)> {
        match &self.program.work {
            Work::Suite => {
                let (passed, cost) = self.suite(settings)?;
                Ok((passed.join("\n"), cost))
            }
            Work::Tree { program, arguments } => {
                let mut command = self.command(&self.built.program(program), settings);
                command.args(*arguments).current_dir(self.tree);
                let cost = self.run(&mut command)?;
                let said = fs::read_to_string(&self.output)?;
                // Threads tell in any order.
                let mut lines: Vec<_> = said.lines().collect();
                lines.sort_unstable();
                Ok((lines.join("\n"), cost))
            }
            Work::Server { program, arguments } => {
                let mut command = self.command(&self.built.program(program), settings);
                command.args(*arguments).arg("--root").arg(self.tree);
                self.say_into_file(&mut command)?;
                server::load(&mut command, self.tree)
            }
        }
    }

    fn command(&self, file: &Path, settings: &Settings) -> Command {
        let mut command = Command::new(file);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("SCRUBJAY_") {
                command.env_remove(name);
            }
        }
        // Some tests panic on purpose: nobody wants the symbols of that.
        command.env_remove("RUST_BACKTRACE").env_remove("RUST_LIB_BACKTRACE");
        command.stdin(Stdio::null());
        command.envs(settings.iter().map(|(name, value)| (name, value)));
        command
    }

    fn run(&self, command: &mut Command) -> Result<Cost> {
        self.say_into_file(command)?;
        forget_our_peak()?;
        let start = Instant::now();
        let child = command.spawn().with_context(|| workspace::shown(command))?;
        let (status, usage) = memory::wait_for(child, PATIENCE)?;
        let wall = start.elapsed();
        ensure!(wall < PATIENCE, "`{}` does not end", workspace::shown(command));
        if !status.success() {
            let said = String::from_utf8_lossy(&fs::read(&self.output)?).into_owned();
            bail!("`{}` ended with {status}:\n{}", workspace::shown(command), end_of(&said));
        }
        Ok(Cost { wall, processor: usage.processor, resident: usage.resident })
    }

    fn say_into_file(&self, command: &mut Command) -> Result<()> {
        let file = File::create(&self.output).with_context(|| self.output.display().to_string())?;
        command.stderr(file.try_clone()?).stdout(file);
        Ok(())
    }
}

/// What tells of a failure in what tests said.
fn end_of(said: &str) -> &str {
    let start = said.find("\nfailures:").unwrap_or(said.len().saturating_sub(2_000));
    let start = (start..=said.len()).find(|&at| said.is_char_boundary(at)).unwrap_or(0);
    &said[start..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_failure_its_reasons_are_shown() {
        let said = "test a ... FAILED\n\nfailures:\n\n---- a ----\nleft: 1";
        assert_eq!(end_of(said), "\nfailures:\n\n---- a ----\nleft: 1");
        assert_eq!(end_of("aborted"), "aborted");
        assert_eq!(end_of(&"é".repeat(2_001)).len(), 2_000);
    }
}
