//! The programs: built, and run one at a time.

use std::env;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::Table;
use crate::allocators::{Allocator, Under};
use crate::figure::Figure;
use crate::heaptrack::Heaptrack;
use crate::model::{self, Model};
use crate::settings::{Build, Setting};

/// Cargo built these two together with this one.
const BUILT: [(&str, &str); 2] = [
    ("with-system", env!("CARGO_BIN_EXE_with-system")),
    ("with-scrubjay", env!("CARGO_BIN_EXE_with-scrubjay")),
];
/// Those that Cargo alone cannot build.
const C_PEERS: &[&str] = &["with-hardened-malloc", "with-jemalloc"];
/// What is built apart, with a feature that nobody else is to have.
const CHECKED: &str = "with-leak-check";
/// Where what children write goes.
const TEMPORARY: &str = env!("CARGO_TARGET_TMPDIR");
/// More than any child writes: a journal that ends early would look cheap.
const LOG_LIMIT: &str = "68719476736";

/// The programs of one build.
struct Programs {
    build: &'static str,
    folder: PathBuf,
    model: Option<Model>,
}

/// Where the programs are.
pub struct Children {
    builds: Vec<Programs>,
    with_peers: bool,
    /// Programs that could not be built.
    absent: Vec<&'static str>,
    heaptrack: Option<Heaptrack>,
}

/// Whether Cargo could build what is asked for.
fn build(target: &Path, how: &Build, what: &[&str]) -> Result<bool, Box<dyn Error>> {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or("cargo".into()));
    command.args(["build", "-p", "scrubjay-benches"]).args(what);
    command.args(["--profile", how.profile, "--target-dir"]).arg(target);
    if let Some(flags) = how.flags {
        command.env("RUSTFLAGS", flags);
    }
    Ok(command.status()?.success())
}

impl Children {
    /// Those that stand beside this program already, without peers.
    pub fn built() -> Self {
        let folder = Path::new(BUILT[0].1).parent().map(Path::to_owned).unwrap_or_default();
        let programs = Programs { build: "release", folder, model: None };
        Self { builds: vec![programs], with_peers: false, absent: Vec::new(), heaptrack: None }
    }

    /// All of them, in some builds; those of `C_PEERS` where they can be built,
    /// heaptrack where it is installed, the language model if a setting asks
    /// for it (and, unless it may take minutes, where it has been built before).
    ///
    /// Not a matter for Cargo's own features: `cargo test --workspace` would
    /// have to build the peers as well, or `cargo bench` would lack them.
    pub fn build_all(
        table: &Table,
        settings: &[Setting],
        may_take_minutes: bool,
    ) -> Result<Self, Box<dyn Error>> {
        let release = Path::new(BUILT[0].1).parent().ok_or("the programs have no folder")?;
        let target = release.parent().ok_or("the programs have no target folder")?;
        let takes_part = |program: &str| table.allocators.iter().any(|one| one.program == program);
        let (mut builds, mut absent) = (Vec::new(), Vec::new());
        for &how in table.builds {
            eprintln!("building the workloads over each allocator: {}", how.name);
            let folder = how.flags.map_or("", |_| how.name).replace(' ', "-");
            let target = target.join(folder);
            if !build(&target, how, &["--bins", "--features", "peers"])? {
                return Err("the workloads cannot be built".into());
            }
            for &program in C_PEERS.iter().filter(|program| takes_part(program)) {
                if !build(&target, how, &["--bin", program, "--features", "c-peers"])? {
                    eprintln!("{program} is left out: it needs a C compiler and make");
                    absent.push(program);
                }
            }
            if takes_part(CHECKED)
                && !build(&target, how, &["--bin", CHECKED, "--features", "peers,leak-check"])?
            {
                return Err("the workloads under leak checks cannot be built".into());
            }
            let mut model = None;
            if settings.iter().any(|setting| setting.workload == model::NAME) {
                model = Model::build(&target, how.flags, may_take_minutes)?;
                if model.is_none() {
                    eprintln!("the language model is left out: it is not built ({})", how.name);
                }
            }
            // The one profile whose folder is not called like it.
            let folder = if how.profile == "dev" { "debug" } else { how.profile };
            builds.push(Programs { build: how.name, folder: target.join(folder), model });
        }
        let wants_heaptrack = table.allocators.iter().any(|one| one.under != Under::Nothing);
        let heaptrack = Heaptrack::find(Path::new(TEMPORARY));
        if wants_heaptrack && heaptrack.is_none() {
            eprintln!("heaptrack is left out: install it with `apt-get install heaptrack`");
        }
        Ok(Self { builds, with_peers: true, absent, heaptrack })
    }

    /// Whether this allocator can take part in this setting.
    pub fn have(&self, allocator: &Allocator, setting: &Setting) -> bool {
        if allocator.lacks.contains(&setting.workload) {
            return false;
        }
        if allocator.under != Under::Nothing && self.heaptrack.is_none() {
            return false;
        }
        if setting.workload == model::NAME {
            let build = self.builds.iter().find(|one| one.build == setting.build.name);
            return build.is_some_and(|one| one.model.is_some())
                && Model::is_over(allocator.program);
        }
        let is_built = BUILT.iter().any(|(name, _)| *name == allocator.program);
        is_built || self.with_peers && !self.absent.contains(&allocator.program)
    }

    /// How long a program stands still for a search, in nanoseconds, that holds
    /// so many blocks of a size. Of the build that was built last.
    pub fn pause(&self, blocks: u64, size: u64) -> Result<f64, Box<dyn Error>> {
        let folder = &self.builds.last().ok_or("nothing was built")?.folder;
        let mut command = Command::new(folder.join(CHECKED));
        command.args(["--pause", &blocks.to_string(), &size.to_string()]);
        command.env("SCRUBJAY_LIVE", "on").env("SCRUBJAY_STACKS", "off");
        let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output()?;
        Ok(String::from_utf8(output.stdout)?.trim().parse()?)
    }

    /// Runs one program once.
    pub fn run(&self, allocator: &Allocator, setting: &Setting) -> Result<Figure, Box<dyn Error>> {
        let build = self.builds.iter().find(|one| one.build == setting.build.name);
        let build = build.ok_or("a way of building that nothing was built in")?;
        let model = build.model.as_ref().filter(|_| setting.workload == model::NAME);
        let program = match model {
            Some(model) => model.program(allocator.program),
            None => build.folder.join(allocator.program),
        };
        let heaptrack = || self.heaptrack.as_ref().ok_or("there is no heaptrack");
        let mut command = match allocator.under {
            Under::Nothing => Command::new(program),
            Under::Heaptrack => heaptrack()?.recording(&program)?,
            Under::HeaptrackRaw => heaptrack()?.raw(&program)?,
        };
        for (name, _) in env::vars_os() {
            if name.to_string_lossy().starts_with("SCRUBJAY_") {
                command.env_remove(name);
            }
        }
        // The workload's own threads are the ones to be measured.
        command.env("TOKENIZERS_PARALLELISM", "false");
        command.envs(allocator.environment.iter().copied());
        let log = Path::new(TEMPORARY).join("comparison.jay");
        if allocator.log {
            command.env("SCRUBJAY_LOG", &log).env("SCRUBJAY_LOG_LIMIT", LOG_LIMIT);
        }
        let figure = match model {
            Some(_) => model::run(command, Path::new(TEMPORARY))?,
            None => of_workload(command, allocator, setting)?,
        };
        if allocator.log {
            // Whoever finds none has not measured a journal.
            fs::remove_file(&log).map_err(|error| format!("the journal's file: {error}"))?;
        }
        if allocator.under != Under::Nothing {
            heaptrack()?.clean()?;
        }
        Ok(figure)
    }
}

fn of_workload(
    mut command: Command,
    allocator: &Allocator,
    setting: &Setting,
) -> Result<Figure, Box<dyn Error>> {
    command.args(["--workload", setting.workload]);
    command.arg("--threads").arg(setting.threads.to_string());
    command.arg("--depth").arg(setting.depth.to_string());
    if setting.first {
        command.args(["--operations", "1", "--batches", "1"]);
    } else {
        command.arg("--batch-ms").arg(setting.batch_ms.to_string());
    }
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output()?;
    let said = String::from_utf8(output.stdout)?;
    let figure = Figure::parse(&said).filter(|_| output.status.success());
    figure.ok_or_else(|| {
        let (name, workload) = (allocator.name, setting.workload);
        format!("{name} on {workload} ended with {} and said {said:?}", output.status).into()
    })
}
