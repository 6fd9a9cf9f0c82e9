//! The folders given for symbols, searched once: which build-ids and names
//! of ELF files are in them.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::fs::{File, ReadDir};
use std::io::Read;
use std::path::{Path, PathBuf};

use super::elf::Identity;

/// How deep folders are searched, and how many of their entries: a folder
/// given by mistake, like that of all files, must have an end.
const DEPTH_MAX: usize = 32;
const ENTRY_COUNT_MAX: u64 = 2_000_000;

/// What stands in the folders.
#[derive(Debug, Default)]
pub struct Index {
    by_build_id: HashMap<Vec<u8>, Vec<PathBuf>>,
    by_name: HashMap<OsString, Vec<PathBuf>>,
    entry_count: u64,
    /// Folders and ELF files that could not be read.
    pub unreadable: u64,
    /// Whether there was more than is searched.
    pub is_cut: bool,
}

impl Index {
    /// Searches these folders, in their order, and all below them.
    pub fn of(folders: &[PathBuf]) -> Self {
        let mut index = Self::default();
        for folder in folders {
            index.search(folder);
        }
        let (files, unreadable) = (index.by_name.len(), index.unreadable);
        tracing::debug!(entries = index.entry_count, files, unreadable, "folders searched");
        index
    }

    /// The files with a build-id, in the order found.
    pub fn with_build_id(&self, build_id: &[u8]) -> &[PathBuf] {
        self.by_build_id.get(build_id).map_or(&[], Vec::as_slice)
    }

    /// The ELF files with a name.
    pub fn with_name(&self, name: &OsStr) -> &[PathBuf] {
        self.by_name.get(name).map_or(&[], Vec::as_slice)
    }

    fn search(&mut self, folder: &Path) {
        let mut open: Vec<ReadDir> = Vec::new();
        self.enter(folder, &mut open);
        while let Some(entries) = open.last_mut() {
            let Some(entry) = entries.next() else {
                open.pop();
                continue;
            };
            self.entry_count += 1;
            if self.entry_count > ENTRY_COUNT_MAX {
                self.is_cut = true;
                return;
            }
            let Ok(entry) = entry else {
                self.unreadable += 1;
                continue;
            };
            let path = entry.path();
            // A link to a folder is not followed: it may lead back up.
            match entry.file_type() {
                Ok(kind) if kind.is_dir() && open.len() < DEPTH_MAX => self.enter(&path, &mut open),
                Ok(kind) if kind.is_dir() => self.is_cut = true,
                Ok(kind) if kind.is_symlink() && !path.is_file() => {}
                Ok(kind) if kind.is_file() || kind.is_symlink() => self.file(path),
                Ok(_) => {}
                Err(_) => self.unreadable += 1,
            }
        }
    }

    fn enter(&mut self, folder: &Path, open: &mut Vec<ReadDir>) {
        match std::fs::read_dir(folder) {
            Ok(entries) => open.push(entries),
            // One that was given may be a file.
            Err(_) if open.is_empty() && folder.is_file() => self.file(folder.to_path_buf()),
            Err(_) => self.unreadable += 1,
        }
    }

    fn file(&mut self, path: PathBuf) {
        match is_elf(&path) {
            Ok(true) => {}
            Ok(false) => return,
            Err(_) => {
                self.unreadable += 1;
                return;
            }
        }
        match Identity::of(&path) {
            Ok(identity) if !identity.build_id.is_empty() => {
                self.by_build_id.entry(identity.build_id).or_default().push(path.clone());
            }
            Ok(_) => {}
            Err(_) => {
                self.unreadable += 1;
                return;
            }
        }
        if let Some(name) = path.file_name() {
            self.by_name.entry(name.to_os_string()).or_default().push(path);
        }
    }
}

fn is_elf(path: &Path) -> std::io::Result<bool> {
    let mut magic = [0; 4];
    let size = File::open(path)?.take(4).read(&mut magic)?;
    Ok(size == 4 && magic == *b"\x7FELF")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_tree_with_loops_and_other_things_is_searched_once() {
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join("a/b");
        std::fs::create_dir_all(&deep).unwrap();
        symlink(folder.path(), deep.join("up")).unwrap();
        symlink("nowhere", deep.join("broken")).unwrap();
        std::fs::write(deep.join("text"), "text").unwrap();
        std::fs::write(deep.join("torn"), b"\x7FELF").unwrap();
        std::fs::write(deep.join("empty"), "").unwrap();
        let own = std::env::current_exe().unwrap();
        std::fs::copy(&own, deep.join("program")).unwrap();
        let missing = folder.path().join("missing");
        let index = Index::of(&[folder.path().to_path_buf(), missing]);
        // The torn file, and the folder that is not there.
        assert_eq!((index.unreadable, index.is_cut), (2, false));
        assert_eq!(index.with_name(OsStr::new("program")), [deep.join("program")]);
        let identity = Identity::of(&own).unwrap();
        assert!(!identity.build_id.is_empty());
        assert_eq!(index.with_build_id(&identity.build_id), [deep.join("program")]);
        assert!(index.with_build_id(b"other").is_empty());
    }

    #[test]
    fn folders_have_a_greatest_depth() {
        let folder = tempfile::tempdir().unwrap();
        let deep: PathBuf = std::iter::repeat_n("d", DEPTH_MAX + 3).collect();
        std::fs::create_dir_all(folder.path().join(deep)).unwrap();
        assert!(Index::of(&[folder.path().to_path_buf()]).is_cut);
    }
}
