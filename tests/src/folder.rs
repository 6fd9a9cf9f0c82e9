//! A folder for the files of one test.

use std::fs;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// A folder that goes away with this value.
pub struct Folder(PathBuf);

impl Folder {
    /// A new, empty folder.
    pub fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("scrubjay-test-{}-{count}", std::process::id());
        let path = std::env::temp_dir().join(name);
        // Left by an earlier process of this number.
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).expect("the system's folder for passing files can be written");
        Self(path)
    }

    /// The files in it, by name.
    pub fn files(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(&self.0).expect("the folder is there");
        let mut files: Vec<PathBuf> =
            entries.map(|entry| entry.expect("the folder can be read").path()).collect();
        files.sort();
        files
    }
}

impl Default for Folder {
    fn default() -> Self {
        Self::new()
    }
}

impl Deref for Folder {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // A test that failed keeps its files, to be looked at.
        if !std::thread::panicking() {
            let _ = fs::remove_dir_all(&self.0);
        }
    }
}
