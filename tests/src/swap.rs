//! Room to swap to, for as long as a test needs it.

use std::fs::{self, File};
use std::process::{Command, Stdio};

use crate::folder::Folder;

/// Its size in bytes.
const SIZE: u64 = 256 << 20;

/// Swap that is on.
pub struct Swap {
    /// Where the file is that this value has switched on, if it has.
    own: Option<Folder>,
}

impl Swap {
    /// The system's own, else a file that is switched on for this value's time.
    ///
    /// # Errors
    /// The reason where the system does not let us.
    pub fn on() -> Result<Self, String> {
        let table = fs::read_to_string("/proc/swaps").unwrap_or_default();
        if table.lines().count() > 1 {
            return Ok(Self { own: None });
        }
        let folder = Folder::new();
        let path = folder.join("swap");
        let failed = |what: &str| format!("no swap: {what}");
        let written = File::create(&path).and_then(|file| {
            use std::os::unix::fs::PermissionsExt;
            file.set_permissions(fs::Permissions::from_mode(0o600))
        });
        written.map_err(|error| failed(&error.to_string()))?;
        let file = path.to_string_lossy().into_owned();
        // A file with holes is no swap.
        let size = SIZE.to_string();
        for (program, arguments) in
            [("fallocate", &["-l", &size, &file][..]), ("mkswap", &[&file]), ("swapon", &[&file])]
        {
            let mut command = Command::new(program);
            command.args(arguments).stdin(Stdio::null());
            let output =
                command.output().map_err(|error| failed(&format!("{program}: {error}")))?;
            if !output.status.success() {
                let why = String::from_utf8_lossy(&output.stderr);
                return Err(failed(&format!("{program}: {}", why.trim())));
            }
        }
        Ok(Self { own: Some(folder) })
    }
}

impl Drop for Swap {
    fn drop(&mut self) {
        if let Some(folder) = &self.own {
            let off = Command::new("swapoff").arg(folder.join("swap")).status();
            if !off.is_ok_and(|status| status.success()) {
                eprintln!("swap stays on: {}", folder.join("swap").display());
            }
        }
    }
}
