//! The language model of the allocator's examples, as a whole program: built
//! over each allocator that has a column, and timed from its start to its end.

use std::env;
use std::error::Error;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::figure::Figure;

/// The workload's name.
pub const NAME: &str = "language model";

/// The example's feature for each program of the comparison.
const VARIANTS: [(&str, &str); 3] =
    [("with-scrubjay", ""), ("with-system", "system"), ("with-dhat", "dhat")];

/// The programs of one build.
pub struct Model {
    folder: PathBuf,
}

impl Model {
    /// Whether there is one over this allocator.
    pub fn is_over(program: &str) -> bool {
        VARIANTS.iter().any(|(name, _)| *name == program)
    }

    /// Builds it into the examples' folder of a target folder: minutes, the
    /// first time. `None` where nothing is built there and it may not be.
    pub fn build(
        target: &Path,
        flags: Option<&str>,
        may_take_minutes: bool,
    ) -> Result<Option<Self>, Box<dyn Error>> {
        let target = target.join("examples");
        let built = target.join("release/language-model");
        if !built.exists() && !may_take_minutes {
            return Ok(None);
        }
        let folder = target.join("comparison");
        fs::create_dir_all(&folder)?;
        for (program, feature) in VARIANTS {
            let mut command = Command::new(env::var_os("CARGO").unwrap_or("cargo".into()));
            command.args(["build", "--release", "--package", "language-model"]);
            command.args(["--features", feature, "--manifest-path"]);
            command.arg(
                Path::new(env!("CARGO_MANIFEST_DIR")).join("../allocator/examples/Cargo.toml"),
            );
            command.arg("--target-dir").arg(&target);
            if let Some(flags) = flags {
                command.env("RUSTFLAGS", flags);
            }
            if !command.status()?.success() {
                return Err("the language model cannot be built".into());
            }
            fs::copy(&built, folder.join(program))?;
        }
        Ok(Some(Self { folder }))
    }

    /// Where it is, over an allocator.
    pub fn program(&self, program: &str) -> PathBuf {
        self.folder.join(program)
    }
}

/// Runs the command that was made for [`Model::program`].
pub fn run(mut command: Command, temporary: &Path) -> Result<Figure, Box<dyn Error>> {
    let folder = temporary.join("model");
    fs::create_dir_all(&folder)?;
    command.args(["--steps", "3", "--layers", "1", "--threads", "1", "--directory"]);
    command.arg(&folder).env("RAYON_NUM_THREADS", "1");
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::inherit());
    let start = Instant::now();
    let mut child = command.spawn()?;
    if let Some(mut input) = child.stdin.take() {
        input.write_all(b"where did I hide the acorn\n\n")?;
    }
    let status = child.wait()?;
    let nanoseconds = start.elapsed().as_nanos() as f64;
    let report: serde_json::Value = serde_json::from_slice(&fs::read(folder.join("report.json"))?)?;
    fs::remove_dir_all(&folder)?;
    if !status.success() {
        return Err(format!("the language model ended with {status}").into());
    }
    let count = |name: &str| report["total"][name].as_f64().unwrap_or(0.0);
    let events = count("allocated_blocks") + count("freed_blocks");
    Ok(Figure { nanoseconds, resident: 0, events })
}
