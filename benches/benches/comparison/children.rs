//! The programs: built, and run one at a time.

use std::env;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::allocators::Allocator;
use crate::settings::Setting;

/// Cargo built these two together with this one.
const BUILT: [(&str, &str); 2] = [
    ("with-system", env!("CARGO_BIN_EXE_with-system")),
    ("with-scrubjay", env!("CARGO_BIN_EXE_with-scrubjay")),
];
/// Those that Cargo alone cannot build.
const C_PEERS: &[&str] = &["with-hardened-malloc"];
/// More than any child writes: a journal that ends early would look cheap.
const LOG_LIMIT: &str = "68719476736";

/// What a child printed.
pub struct Figure {
    /// Nanoseconds an operation.
    pub nanoseconds: f64,
    /// Most resident memory in KiB.
    pub resident: u64,
}

/// Where the programs are.
pub struct Children {
    /// The folder of each profile.
    folders: Vec<(&'static str, PathBuf)>,
    with_peers: bool,
    /// Programs that could not be built.
    absent: Vec<&'static str>,
}

/// Whether Cargo could build what is asked for.
fn build(target: &Path, profile: &str, what: &[&str]) -> Result<bool, Box<dyn Error>> {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or("cargo".into()));
    command.args(["build", "-p", "scrubjay-benches"]).args(what);
    command.args(["--profile", profile, "--target-dir"]).arg(target);
    Ok(command.status()?.success())
}

impl Children {
    /// Those that stand beside this program already, without peers.
    pub fn built() -> Self {
        let folder = Path::new(BUILT[0].1).parent().map(Path::to_owned).unwrap_or_default();
        Self { folders: vec![("release", folder)], with_peers: false, absent: Vec::new() }
    }

    /// All of them, in some profiles; those of `C_PEERS` where they can be built.
    ///
    /// Not a matter for Cargo's own features: `cargo test --workspace` would
    /// have to build the peers as well, or `cargo bench` would lack them.
    pub fn build_all(profiles: &[&'static str]) -> Result<Self, Box<dyn Error>> {
        let release = Path::new(BUILT[0].1).parent().ok_or("the programs have no folder")?;
        let target = release.parent().ok_or("the programs have no target folder")?;
        let (mut folders, mut absent) = (Vec::new(), Vec::new());
        for &profile in profiles {
            eprintln!("building the workloads over each allocator, profile {profile}");
            if !build(target, profile, &["--bins", "--features", "peers"])? {
                return Err("the workloads cannot be built".into());
            }
            for &program in C_PEERS {
                if !build(target, profile, &["--bin", program, "--features", "c-peers"])? {
                    eprintln!("{program} is left out: it needs a C compiler and make");
                    absent.push(program);
                }
            }
            // The one profile whose folder is not called like it.
            let folder = if profile == "dev" { "debug" } else { profile };
            folders.push((profile, target.join(folder)));
        }
        Ok(Self { folders, with_peers: true, absent })
    }

    /// Whether this allocator can take part.
    pub fn have(&self, allocator: &Allocator) -> bool {
        let is_built = BUILT.iter().any(|(name, _)| *name == allocator.program);
        is_built || self.with_peers && !self.absent.contains(&allocator.program)
    }

    /// Runs one program once.
    pub fn run(&self, allocator: &Allocator, setting: &Setting) -> Result<Figure, Box<dyn Error>> {
        let folder = self.folders.iter().find(|(profile, _)| *profile == setting.profile);
        let (_, folder) = folder.ok_or("a profile that was not built")?;
        let mut command = Command::new(folder.join(allocator.program));
        for (name, _) in env::vars_os() {
            if name.to_string_lossy().starts_with("SCRUBJAY_") {
                command.env_remove(name);
            }
        }
        command.args(["--workload", setting.workload]);
        command.arg("--threads").arg(setting.threads.to_string());
        if setting.first {
            command.args(["--operations", "1", "--batches", "1"]);
        } else {
            command.arg("--batch-ms").arg(setting.batch_ms.to_string());
        }
        // The workload's own threads are the ones to be measured.
        command.env("TOKENIZERS_PARALLELISM", "false");
        if let Some(wipe) = allocator.wipe {
            command.env("SCRUBJAY_WIPE", wipe);
        }
        let log = Path::new(env!("CARGO_TARGET_TMPDIR")).join("comparison.jay");
        if allocator.journal {
            command.env("SCRUBJAY_LOG", &log).env("SCRUBJAY_LOG_LIMIT", LOG_LIMIT);
        }
        let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output()?;
        let said = String::from_utf8(output.stdout)?;
        let figure = said.trim().split_once(' ').filter(|_| output.status.success());
        let (nanoseconds, resident) = figure.ok_or_else(|| {
            let (name, workload) = (allocator.name, setting.workload);
            format!("{name} on {workload} ended with {} and said {said:?}", output.status)
        })?;
        if allocator.journal {
            // Whoever finds none has not measured a journal.
            fs::remove_file(&log).map_err(|error| format!("the journal's file: {error}"))?;
        }
        Ok(Figure { nanoseconds: nanoseconds.parse()?, resident: resident.parse()? })
    }
}
