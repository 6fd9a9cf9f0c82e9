//! An attack on a victim that has played a scenario and waits.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::attack::{Core, Place, Residue, Search, Secret, Target, WINDOW_SIZE, Windows};
use crate::child::{Child, Running};
use crate::folder::Folder;
use crate::log::Log;
use crate::releases::{self, Told};
use crate::system;

use super::{WITH_CORE, files, probes, text};

/// How a victim runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `count` or `journal`.
    pub mode: &'static str,
    /// Whether it writes a log; a journal always is one.
    pub log: bool,
    /// Whether scrubjay maps large blocks itself.
    pub mappings: bool,
    /// Whether anything is wiped.
    pub wipe: bool,
    /// Whether glibc keeps what it was given, so that it is there to be found.
    pub kept: bool,
    /// Whether its core file is searched, too.
    pub core: bool,
    /// Whether a debugger writes the core file, not the kernel.
    pub debugger: bool,
}

impl Settings {
    /// Wiped, with mappings, in count mode, everything kept, no core file.
    pub const COUNT: Self = Self {
        mode: "count",
        log: false,
        mappings: true,
        wipe: true,
        kept: true,
        core: false,
        debugger: false,
    };
    /// The same with a journal.
    pub const JOURNAL: Self = Self { mode: "journal", log: true, ..Self::COUNT };

    /// Of a control it is enough to find much: unoptimised, an attack counts
    /// the windows of a hundred megabytes that nobody wiped for a minute.
    fn search(self, windows: &Windows) -> Search<'_> {
        match cfg!(debug_assertions) && !self.wipe {
            true => Search::until(windows, ENOUGH),
            false => Search::new(windows),
        }
    }

    fn applied(self, child: Child, folder: &Path) -> Child {
        let word = |on| if on { "on" } else { "off" };
        let mut child = child
            .folder(folder)
            .setting("SCRUBJAY_MODE", self.mode)
            .setting("SCRUBJAY_MAPPINGS", word(self.mappings))
            .setting("SCRUBJAY_WIPE", if self.wipe { "all" } else { "off" });
        if self.log {
            child = child.log(&folder.join("%p.jay"));
        }
        if self.kept { releases::with_all_kept(child) } else { child }
    }
}

/// What was searched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attacked {
    /// The victim's memory and log.
    Memory,
    /// The memory of a process that it has forked.
    Child,
    /// Its core file.
    Core,
}

/// What an attack found.
pub struct Found {
    /// By what was searched.
    pub residues: Vec<(Attacked, Residue)>,
    /// Windows in the ranges that the victim gave up, by its labels.
    pub labels: BTreeMap<String, usize>,
    /// How many pages of its blocks were swapped out at the least, where the
    /// victim says.
    pub swapped: Option<u64>,
    /// Why there was no core file to search, if one was asked for.
    pub no_core: Option<String>,
}

/// Greatest size of a debugger's core file in bytes.
const CORE_SIZE_MAX: u64 = 4 << 30;
/// How many finds are much.
const ENOUGH: u64 = 100_000;
/// How many secrets the scenarios themselves have; those of the probes follow.
pub(super) const SECRETS: usize = 3;

fn scenario_secrets(key: u64) -> Vec<Secret> {
    let bytes = releases::secret(key);
    let text = text::text(key, text::PERIOD);
    let upper = text.to_uppercase();
    let scenario = [("bytes", bytes), ("text", text.into()), ("TEXT", upper.into())];
    let secret = |(name, piece): (&str, Vec<u8>)| Secret {
        name: name.to_owned(),
        // It repeats: windows across its end count, too.
        pieces: vec![[&piece[..], &piece[..WINDOW_SIZE - 1]].concat()],
    };
    scenario.into_iter().map(secret).collect()
}

/// Has a child play a scenario, and attacks it.
pub fn attack(child: Child, scenario: &str, settings: Settings) -> Found {
    let (folder, key) = (Folder::new(), releases::new_key());
    files::write(&folder, key).expect("the folder can be written");
    let mut child = settings.applied(child, &folder).argument(scenario).argument(key.to_string());
    if settings.core {
        child = child.argument(WITH_CORE);
    }
    let mut child = child.start();
    let told = Told::by(&mut child);
    files::remove(&folder).expect("the folder can be written");

    let mut secrets = scenario_secrets(key);
    let labels = told.residue(child.process(), &Windows::of(&secrets));
    secrets.extend(probes::secrets(key));
    let windows = Windows::of(&secrets);
    let log = folder.join(format!("{}.jay", child.process()));
    let target = target(&child, settings, settings.log.then_some(&log), &told);
    let mut search = settings.search(&windows);
    target.search_memory(&mut search).expect("a victim can be read by its parent");
    if settings.log {
        search.log(&log).expect("a log can be read");
    }
    let mut residues = vec![(Attacked::Memory, search.residue(&secrets))];
    for &process in &told.processes {
        let log = Some(folder.join(format!("{process}.jay"))).filter(|log| log.exists());
        let mut target = Target::without_journal(process, log.as_deref()).expect("it waits");
        lay_over(&mut target, &told, "count");
        let mut search = settings.search(&windows);
        target.search_memory(&mut search).expect("its child can be read, too");
        if let Some(log) = &log {
            search.log(log).expect("a log can be read");
        }
        residues.push((Attacked::Child, search.residue(&secrets)));
    }
    let (mut no_core, mut lives) = (None, true);
    if settings.core {
        match core_file(&mut child, &folder, settings.debugger) {
            Ok((path, still)) => {
                lives = still;
                let core = Core::open(&path).expect("what was written is a core file");
                let mut search = settings.search(&windows);
                target.search_core(&core, &mut search).expect("a core file can be read");
                residues.push((Attacked::Core, search.residue(&secrets)));
            }
            Err(why) => no_core = Some(why),
        }
    }
    if lives {
        child.go_on();
    }
    let finished = child.finish();
    assert!(finished.status.success() || !lives, "{scenario}: {finished:?}");
    Found { residues, labels, swapped: told.swapped, no_core }
}

/// The victim's memory, and what is known of it.
fn target(child: &Running, settings: Settings, log: Option<&PathBuf>, told: &Told) -> Target {
    let process = child.process();
    let mut target = match log {
        Some(log) if settings.mode == "journal" => {
            let live = Log::read(log).live_blocks();
            Target::with_journal(process, log, &live)
        }
        _ => Target::without_journal(process, log.map(PathBuf::as_path)),
    }
    .expect("a victim can be read by its parent");
    lay_over(&mut target, told, settings.mode);
    target
}

/// Lays over what the victim told: what a journal calls live must be so.
fn lay_over(target: &mut Target, told: &Told, mode: &str) {
    let journal = mode == "journal";
    for &stack in &told.stacks {
        // Where a journal says that there was a block, there was one.
        let name = Place::Elsewhere("stack of a thread that has ended".to_owned());
        let free = |was: &Place| match was {
            Place::Elsewhere(_) => true,
            _ => !journal,
        };
        target.places().overlay(stack, name, free);
    }
    for (label, start, size) in &told.live {
        let range = (*start, start + size);
        let was = |was: &Place| match was {
            Place::Live(_) => journal,
            _ => !journal,
        };
        let known = target.places().overlay(range, Place::Live(label.clone()), was);
        assert!(known, "{label}: what lives is no block");
    }
}

/// Has the kernel write a core file, or a debugger: where it is, and whether
/// the process still lives. The reason where neither does.
fn core_file(
    child: &mut Running,
    folder: &Folder,
    debugger: bool,
) -> Result<(PathBuf, bool), String> {
    let process = child.process().to_string();
    let pattern = fs::read_to_string("/proc/sys/kernel/core_pattern").unwrap_or_default();
    let pattern = pattern.trim();
    let cores = || {
        let logs = |path: &PathBuf| path.extension().is_some_and(|end| end == "jay");
        folder.files().into_iter().find(|path| !logs(path))
    };
    if !debugger && !pattern.is_empty() && !pattern.contains(['/', '|']) {
        let killed = Command::new("kill").args(["-ABRT", &process]).status();
        assert!(killed.is_ok_and(|status| status.success()), "a child can be killed");
        // Its output ends when it is gone, and its core file is written by then.
        while !child.line().is_empty() {}
        let core = cores().map(|path| (path, false));
        return core.ok_or(format!("the kernel wrote no core file as {pattern:?}"));
    }
    let mut gcore = Command::new("gcore");
    gcore.arg("-o").arg(folder.join("core")).arg(&process);
    // Where it would write address space without memory, that ends it.
    system::limit_file_size(&mut gcore, CORE_SIZE_MAX);
    let done = gcore.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    match done {
        Ok(status) if status.success() => {
            cores().map(|path| (path, true)).ok_or("gcore wrote no file".to_owned())
        }
        _ => Err(format!("core files go to {pattern:?}, and gcore writes none")),
    }
}
