//! The language model as a process of its own, up to the moment when it has
//! dropped everything, and then to its end.

use std::env;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

use anyhow::{Context, Result, bail};

/// Whether freed blocks are wiped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wiping {
    /// As it comes.
    Default,
    /// Off, and glibc keeps every byte it was given: it would unmap large
    /// blocks, and with them what they held. It takes no greater threshold than
    /// 32 MiB for the mapping of blocks.
    Off,
}

impl Wiping {
    fn environment(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Default => &[],
            Self::Off => &[
                ("SCRUBJAY_WIPE", "off"),
                (
                    "GLIBC_TUNABLES",
                    "glibc.malloc.mmap_threshold=33554432:\
                     glibc.malloc.trim_threshold=9223372036854775807",
                ),
            ],
        }
    }
}

/// A running language model that waits for its end.
pub struct Program {
    child: Child,
    input: Option<ChildStdin>,
    log: PathBuf,
}

impl Program {
    /// Starts the model in a folder of its own, hands it the prompts, shows
    /// what it says, and returns once it has dropped everything.
    pub fn run(
        program: &Path,
        folder: &Path,
        wiping: Wiping,
        arguments: &[&str],
        prompts: &[String],
    ) -> Result<Self> {
        fs::create_dir_all(folder)?;
        let mut command = Command::new(program);
        command.arg("--wait").args(arguments).arg("--directory").arg(folder);
        // Whoever runs the demo may have settings of their own.
        for (name, _) in env::vars_os() {
            let name = name.to_string_lossy().into_owned();
            if ["SCRUBJAY_", "GLIBC_", "MALLOC_"].iter().any(|own| name.starts_with(own)) {
                command.env_remove(name);
            }
        }
        command.envs(wiping.environment().iter().copied());
        command.env("SCRUBJAY_LOG", folder.join("run-%p.jay")).env("RAYON_NUM_THREADS", "2");
        println!("$ {}", crate::workspace::shown(&command));
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| program.display().to_string())?;
        let mut input = child.stdin.take().context("no standard input")?;
        let output = child.stdout.take().context("no standard output")?;
        let log = folder.join(format!("run-{}.jay", child.id()));
        for prompt in prompts {
            writeln!(input, "{prompt}")?;
        }
        writeln!(input)?;
        let program = Self { child, input: Some(input), log };
        for line in BufReader::new(output).lines() {
            let line = line?;
            println!("  {line}");
            if line == "dropped" {
                return Ok(program);
            }
        }
        bail!("the language model ended before it had dropped everything")
    }

    /// The process's number.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The log that it writes.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Lets it end.
    pub fn finish(mut self) -> Result<()> {
        drop(self.input.take());
        let status = self.child.wait()?;
        if !status.success() {
            bail!("the language model ended with {status}");
        }
        Ok(())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended already; either way it must not outlive the demo.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
