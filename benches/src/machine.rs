//! The machine that a figure was measured on.

use std::fs;
use std::process::Command;

/// What a figure must name to mean something.
pub struct Machine {
    /// The processors, as the system calls them.
    pub processor: String,
    /// The kernel.
    pub kernel: String,
    /// The C library, whose malloc is `System`.
    pub c_library: String,
    /// The compiler.
    pub rustc: String,
    /// The day, as `2025-12-31`.
    pub date: String,
}

impl Machine {
    /// This machine, today.
    pub fn here() -> Self {
        let processors = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let names: Vec<_> =
            processors.lines().filter_map(|line| line.strip_prefix("model name")).collect();
        let name =
            names.first().map_or("unknown", |name| name.trim_start_matches(['\t', ':', ' ']));
        Self {
            processor: format!("{} × {name}", names.len()),
            kernel: said("uname", &["-sr"]),
            c_library: said("getconf", &["GNU_LIBC_VERSION"]),
            rustc: said("rustc", &["--version"]),
            date: said("date", &["-u", "+%F"]),
        }
    }

    /// One line of it.
    pub fn line(&self) -> String {
        let Self { processor, kernel, c_library, rustc, date } = self;
        format!("{processor}; {kernel}; {c_library}; {rustc}; {date}")
    }
}

fn said(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let said = output.ok().and_then(|output| String::from_utf8(output.stdout).ok());
    said.map_or("unknown".to_owned(), |said| said.trim().to_owned())
}
