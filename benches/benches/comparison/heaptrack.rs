//! heaptrack, which records a program from outside.

use std::env;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// An installed heaptrack.
pub struct Heaptrack {
    program: PathBuf,
    library: PathBuf,
    /// Where its output goes, which nobody reads.
    output: PathBuf,
}

impl Heaptrack {
    /// Finds it by the search path, as a shell does.
    pub fn find(temporary: &Path) -> Option<Self> {
        let folders = env::var_os("PATH")?;
        let folder = env::split_paths(&folders).find(|folder| folder.join("heaptrack").exists())?;
        let library = folder.join("../lib/heaptrack/libheaptrack_preload.so");
        let output = temporary.join("heaptrack");
        library.exists().then(|| Self { program: folder.join("heaptrack"), library, output })
    }

    /// A command that runs a program as its users do.
    pub fn recording(&self, program: &Path) -> Result<Command, Box<dyn Error>> {
        fs::create_dir_all(&self.output)?;
        let mut command = Command::new(&self.program);
        command.arg("--output").arg(self.output.join("data")).arg(program);
        Ok(command)
    }

    /// A command that runs a program with its recorder alone.
    pub fn raw(&self, program: &Path) -> Result<Command, Box<dyn Error>> {
        fs::create_dir_all(&self.output)?;
        let mut command = Command::new(program);
        command.env("LD_PRELOAD", &self.library);
        command.env("DUMP_HEAPTRACK_OUTPUT", self.output.join("raw"));
        Ok(command)
    }

    /// Removes what a run has left; whoever left nothing was not measured.
    pub fn clean(&self) -> Result<(), Box<dyn Error>> {
        let written: u64 = fs::read_dir(&self.output)?
            .filter_map(|entry| Some(entry.ok()?.metadata().ok()?.len()))
            .sum();
        fs::remove_dir_all(&self.output)?;
        if written == 0 { Err("heaptrack recorded nothing".into()) } else { Ok(()) }
    }
}
