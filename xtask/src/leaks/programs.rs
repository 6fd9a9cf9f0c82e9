//! The programs over the corpus: built, started, timed, read.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::verdict::Times;
use crate::workspace;

/// The folder of the programs, as they are built.
pub struct Programs(PathBuf);

/// How many rounds a process runs.
#[derive(Clone, Copy)]
pub struct Rounds {
    /// Before a checker inside looks.
    pub warm_up: u32,
    /// Behind that.
    pub judged: u32,
}

/// As many as are judged, without a warm-up round or with one.
pub const JUDGED: [Rounds; 2] =
    [Rounds { warm_up: 0, judged: 4 }, Rounds { warm_up: 1, judged: 3 }];
/// Those whose time is compared.
pub const TIMED: Rounds = Rounds { warm_up: 2, judged: 32 };

/// What a program left and printed.
pub struct Ran {
    /// How long it took.
    pub times: Times,
    /// Whether it says that something is left.
    pub is_left: bool,
    /// What it printed, and its status.
    pub output: Output,
}

impl Programs {
    /// Builds them in release.
    pub fn build() -> Result<Self> {
        let build = ["build", "--release", "-p"];
        let peers = ["scrubjay-corpus", "--features", "peers"];
        let ours = ["scrubjay-tests", "--bin", "corpus-over-scrubjay"];
        for what in [peers, ours] {
            workspace::run(&mut workspace::cargo(&[build, what].concat())?)?;
        }
        Ok(Self(workspace::target()?.join("release")))
    }

    /// The file of a program.
    pub fn path(&self, program: &str) -> PathBuf {
        self.0.join(program)
    }
}

/// Runs a program, or a checker around it, with what it is asked for.
pub fn run(command: &mut Command, case: &str, rounds: Rounds) -> Result<Ran> {
    command.args([case, &rounds.warm_up.to_string(), &rounds.judged.to_string()]);
    command.stdin(Stdio::null());
    let start = Instant::now();
    let output = command.output().with_context(|| workspace::shown(command))?;
    let process = start.elapsed();
    let printed = String::from_utf8_lossy(&output.stdout);
    let Some((rounds, is_left)) = printed.lines().last().and_then(judged) else {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("`{}` did not say what it saw: {said}", workspace::shown(command));
    };
    Ok(Ran { times: Times { rounds, process }, is_left, output })
}

/// Reads `judged: 1200 ns, 3 blocks, 72 bytes`.
fn judged(line: &str) -> Option<(Duration, bool)> {
    let (time, rest) = line.strip_prefix("judged: ")?.split_once(" ns, ")?;
    let (blocks, rest) = rest.split_once(" blocks, ")?;
    let (bytes, _) = rest.split_once(" bytes")?;
    let (blocks, bytes): (i64, i64) = (blocks.parse().ok()?, bytes.parse().ok()?);
    Some((Duration::from_nanos(time.parse().ok()?), blocks > 0 || bytes > 0))
}

/// A command that runs `program` in `folder`.
pub fn command_in(folder: &Path, program: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(folder);
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_program_says_is_read() {
        let said = judged("judged: 1200 ns, -3 blocks, 72 bytes");
        assert_eq!(said, Some((Duration::from_nanos(1_200), true)));
        assert!(matches!(judged("judged: 1 ns, 0 blocks, 0 bytes"), Some((_, false))));
        assert_eq!(judged("something is printed"), None);
    }
}
