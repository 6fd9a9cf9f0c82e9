//! Which files tell the symbols of a module: the module's own, its debug
//! file, and those beside it. None that has another build-id is taken.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use scrubjay_log_format::Module;

use super::elf::{Detail, Identity};
use super::index::Index;

/// Where Linux distributions put debug files.
const DEBUG_FOLDER: &str = "/usr/lib/debug";

/// The files of one module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sources {
    /// The one that tells the most.
    pub main: PathBuf,
    /// The file that its debug information refers to.
    pub supplement: Option<PathBuf>,
    /// The package of its split debug information.
    pub package: Option<PathBuf>,
}

/// What the search for a module's files came to.
#[derive(Debug, Default)]
pub struct Found {
    /// The files, if there is one with symbols at all.
    pub sources: Option<Sources>,
    /// How much they tell.
    pub detail: Detail,
    /// Files that are there and are not the module's, each with the reason.
    pub refused: Vec<String>,
    /// Where was looked.
    pub looked_in: Vec<PathBuf>,
    /// Nothing proves that the file is the one that ran.
    pub is_unproven: bool,
}

/// Finds files, in the folders given and where they usually are.
#[derive(Debug)]
pub struct Finder<'f> {
    folders: &'f [PathBuf],
    index: OnceLock<Index>,
}

/// One search.
struct Search<'m, 'f> {
    finder: &'m Finder<'f>,
    module: &'m Module,
    path: PathBuf,
    found: Found,
    best: Option<(PathBuf, Identity)>,
    /// Files of the module that name a debug file.
    links: Vec<(PathBuf, OsString, u32)>,
}

impl<'f> Finder<'f> {
    /// A finder for these folders, which are searched once it takes that.
    pub fn new(folders: &'f [PathBuf]) -> Self {
        Self { folders, index: OnceLock::new() }
    }

    /// The folders' content.
    fn index(&self) -> &Index {
        self.index.get_or_init(|| Index::of(self.folders))
    }

    /// The files in the folders with this name.
    pub fn with_name(&self, name: &OsStr) -> &[PathBuf] {
        if self.folders.is_empty() { &[] } else { self.index().with_name(name) }
    }

    /// What was wrong with the folders, if they were searched.
    pub fn complaint(&self) -> Option<String> {
        let index = self.index.get()?;
        let unreadable = index.unreadable;
        match (unreadable, index.is_cut) {
            (0, false) => None,
            (0, true) => {
                Some("the folders of --symbols have more in them than was searched".into())
            }
            (count, _) => Some(format!("{count} files or folders of --symbols cannot be read")),
        }
    }

    /// Finds the files of a module.
    pub fn find(&self, module: &Module) -> Found {
        // What a program whose file was replaced calls it.
        let path = module.path.strip_suffix(" (deleted)").unwrap_or(&module.path);
        let path = PathBuf::from(path);
        let found = Found::default();
        let search = Search { finder: self, module, path, found, best: None, links: Vec::new() };
        search.run()
    }
}

impl Search<'_, '_> {
    fn run(mut self) -> Found {
        for candidate in self.by_build_id_path() {
            self.consider(&candidate);
        }
        if self.path.is_absolute() {
            let path = self.path.clone();
            self.consider(&path);
        }
        self.follow_links();
        if !self.has_lines() && !self.finder.folders.is_empty() {
            for candidate in self.in_folders() {
                self.consider(&candidate);
            }
            self.follow_links();
        }
        self.end()
    }

    fn has_lines(&self) -> bool {
        self.best.as_ref().is_some_and(|(_, identity)| identity.detail == Detail::Lines)
    }

    /// `.build-id/xx/yyyy.debug` below each folder, those given first.
    fn by_build_id_path(&self) -> Vec<PathBuf> {
        let hex = hex(&self.module.build_id);
        let Some((first, rest)) = hex.split_at_checked(2).filter(|(_, rest)| !rest.is_empty())
        else {
            return Vec::new();
        };
        let folders = self.finder.folders.iter().map(PathBuf::as_path);
        let mut paths = Vec::new();
        for folder in folders.chain([Path::new(DEBUG_FOLDER)]) {
            paths.push(folder.join(".build-id").join(first).join(format!("{rest}.debug")));
        }
        paths
    }

    /// What the folders have with the module's build-id; without one, by name.
    fn in_folders(&self) -> Vec<PathBuf> {
        let index = self.finder.index();
        if !self.module.build_id.is_empty() {
            return index.with_build_id(&self.module.build_id).to_vec();
        }
        let Some(name) = self.path.file_name() else { return Vec::new() };
        let mut debug = name.to_os_string();
        debug.push(".debug");
        [name, &debug].iter().flat_map(|name| index.with_name(name)).cloned().collect()
    }

    /// Takes a file if it is the module's and tells more than those before.
    fn consider(&mut self, path: &Path) {
        if self.has_lines() || self.found.looked_in.iter().any(|before| before == path) {
            return;
        }
        self.found.looked_in.push(path.to_path_buf());
        if path.symlink_metadata().is_err() {
            return;
        }
        match Identity::of(path) {
            Ok(identity) if identity.build_id == self.module.build_id => {
                self.accept(path, identity);
            }
            Ok(identity) if identity.build_id.is_empty() => {
                self.refuse(path, "has no build-id");
            }
            Ok(identity) => {
                self.refuse(path, &format!("has another build-id, {}", hex(&identity.build_id)));
            }
            Err(why) => self.refuse(path, &why),
        }
    }

    fn accept(&mut self, path: &Path, identity: Identity) {
        if let Some((name, checksum)) = &identity.link {
            self.links.push((path.to_path_buf(), name.clone(), *checksum));
        }
        let detail = self.best.as_ref().map_or(Detail::None, |(_, best)| best.detail);
        if identity.detail > detail {
            self.best = Some((path.to_path_buf(), identity));
        }
    }

    fn refuse(&mut self, path: &Path, why: &str) {
        self.found.refused.push(format!("{} {why}", path.display()));
    }

    /// The debug files that the module's files name.
    fn follow_links(&mut self) {
        for (from, name, checksum) in std::mem::take(&mut self.links) {
            if self.has_lines() {
                return;
            }
            // A name is a name: one with a path would lead anywhere.
            let Some(name) = Path::new(&name).file_name().map(OsStr::to_os_string) else {
                continue;
            };
            for candidate in self.linked(&from, &name) {
                self.consider_linked(&candidate, checksum);
            }
        }
    }

    fn linked(&self, from: &Path, name: &OsStr) -> Vec<PathBuf> {
        let mut candidates = Vec::new();
        let folders = self.finder.folders;
        if let Some(parent) = from.parent() {
            candidates.extend([parent.join(name), parent.join(".debug").join(name)]);
            let below = parent.strip_prefix("/").unwrap_or(parent);
            candidates.push(Path::new(DEBUG_FOLDER).join(below).join(name));
            candidates.extend(folders.iter().map(|folder| folder.join(below).join(name)));
        }
        candidates.extend(folders.iter().map(|folder| folder.join(name)));
        if !candidates.iter().any(|candidate| candidate.is_file()) {
            candidates.extend_from_slice(self.finder.with_name(name));
        }
        candidates
    }

    /// A debug file without a build-id proves by its checksum that it is the
    /// one that is meant.
    fn consider_linked(&mut self, path: &Path, checksum: u32) {
        let is_same_build = |identity: &Identity| {
            !identity.build_id.is_empty() && identity.build_id == self.module.build_id
        };
        match Identity::of(path) {
            Ok(identity) if !identity.build_id.is_empty() && !is_same_build(&identity) => {
                self.consider(path);
            }
            Ok(identity) if is_same_build(&identity) || file_checksum(path) == Some(checksum) => {
                self.found.looked_in.push(path.to_path_buf());
                // Its own link would lead back to it.
                self.accept(path, Identity { link: None, ..identity });
            }
            Ok(_) => self.refuse(path, "has another checksum than its binary asks for"),
            Err(_) => self.found.looked_in.push(path.to_path_buf()),
        }
    }

    fn end(mut self) -> Found {
        if let Some((main, identity)) = self.best.take() {
            let supplement = identity
                .supplement
                .as_ref()
                .and_then(|supplement| self.supplement(&main, supplement));
            self.found.detail = identity.detail;
            self.found.is_unproven = self.module.build_id.is_empty();
            let package = self.package(&main);
            self.found.sources = Some(Sources { main, supplement, package });
        }
        self.found
    }

    /// The file that the debug information of others shares, by its build-id.
    fn supplement(&self, main: &Path, named: &(OsString, Vec<u8>)) -> Option<PathBuf> {
        let (name, build_id) = named;
        let beside = main.parent().map(|parent| parent.join(name));
        let hex = hex(build_id);
        let (first, rest) = hex.split_at_checked(2)?;
        let folders = self.finder.folders.iter().map(PathBuf::as_path);
        let by_build_id = folders
            .chain([Path::new(DEBUG_FOLDER)])
            .map(|folder| folder.join(".build-id").join(first).join(format!("{rest}.debug")));
        let is_it = |path: &PathBuf| {
            Identity::of(path).is_ok_and(|identity| identity.build_id == *build_id)
        };
        let near = beside.into_iter().chain(by_build_id).find(is_it);
        let elsewhere = || self.finder.index().with_build_id(build_id).first().cloned();
        near.or_else(|| if self.finder.folders.is_empty() { None } else { elsewhere() })
    }

    /// The package of split debug information: the name of the binary or its
    /// debug file with `.dwp` behind it. What is in it proves itself.
    fn package(&self, main: &Path) -> Option<PathBuf> {
        let named = |path: &Path| {
            let mut name = path.as_os_str().to_os_string();
            name.push(".dwp");
            PathBuf::from(name)
        };
        let beside = [named(main), named(&self.path), named(&main.with_extension(""))];
        let near = beside.iter().find(|path| path.is_file()).cloned();
        near.or_else(|| {
            let name = named(Path::new(self.path.file_name()?));
            self.finder.with_name(name.as_os_str()).first().cloned()
        })
    }
}

/// The checksum that a link gives of its debug file.
fn file_checksum(path: &Path) -> Option<u32> {
    let mut file = File::open(path).ok()?;
    let mut hasher = crc32fast::Hasher::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Some(hasher.finalize()),
            Ok(size) => hasher.update(&buffer[..size]),
            Err(_) => return None,
        }
    }
}

/// Bytes in hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
