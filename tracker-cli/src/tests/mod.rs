//! Whole command lines against logs made by hand.

mod alike;
mod answers;
mod check;
mod damage;
mod estimates;
mod log;
mod order;
mod ring;
mod site_log;
mod sites;
mod soundness;
mod suppressions;
mod symbols;
mod update;
mod wipes;

use std::cell::RefCell;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use tempfile::TempDir;

/// What a command line said.
#[derive(Debug)]
struct Said {
    exit_code: u8,
    out: String,
    err: String,
}

/// A writer that can be looked into.
#[derive(Clone, Default)]
struct Buffer(Rc<RefCell<Vec<u8>>>);

impl Buffer {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.borrow()).into_owned()
    }
}

impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A log in a folder of its own.
struct Place {
    folder: TempDir,
}

impl Place {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("run.jay")
    }

    fn put(&self, bytes: &[u8]) {
        std::fs::write(self.path(), bytes).unwrap();
    }

    /// Runs a command line, its words divided by blanks, with the log's path
    /// at its end.
    fn ask(&self, words: &str) -> Said {
        ask(words, &self.path())
    }
}

fn ask(words: &str, path: &Path) -> Said {
    let (out, err) = (Buffer::default(), Buffer::default());
    let arguments = ["scrubjay", "--color", "never"].into_iter().chain(words.split(' '));
    let arguments = arguments.map(Into::into).chain([path.into()]);
    let exit_code = crate::run(arguments, Box::new(out.clone()), Box::new(err.clone()));
    Said { exit_code, out: out.text(), err: err.text() }
}

/// Asks about a log.
fn ask_about(bytes: &[u8], words: &str) -> Said {
    let place = Place::new();
    place.put(bytes);
    place.ask(words)
}
