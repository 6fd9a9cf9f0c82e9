//! Descriptors that work leaves open. They are the process's: what other tests
//! open at the same time cannot be told apart.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::PathBuf;

use serde::Serialize;

/// What a descriptor is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum DescriptorKind {
    /// A file, a folder or a device.
    File,
    /// A socket.
    Socket,
    /// One end of a pipe.
    Pipe,
    /// What the kernel has no name for: an event queue, a timer.
    Other,
}

/// A descriptor that work has left open.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[non_exhaustive]
pub struct Descriptor {
    /// Its number.
    pub number: u32,
    /// What it is of.
    pub kind: DescriptorKind,
    /// What the kernel calls that: a path, `socket:[…]`.
    pub target: PathBuf,
}

/// Open descriptors, by number and what they are of.
pub(super) type Open = BTreeMap<(u32, PathBuf), Descriptor>;

impl fmt::Display for DescriptorKind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(match self {
            Self::File => "file",
            Self::Socket => "socket",
            Self::Pipe => "pipe",
            Self::Other => "kernel object",
        })
    }
}

/// Whether this process runs a single test, as far as its runner says.
pub(super) fn are_of_one_test() -> bool {
    std::env::var_os("NEXTEST_EXECUTION_MODE").is_some_and(|mode| mode == "process-per-test")
}

/// All that are open now. The one by which they are listed is not among them.
pub(super) fn open() -> Open {
    let Ok(folder) = fs::read_dir("/proc/self/fd") else { return Open::new() };
    // Listed first: whatever is asked for below is closed by then.
    let numbers: Vec<u32> =
        folder.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    let described = numbers.into_iter().filter_map(|number| {
        let target = fs::read_link(format!("/proc/self/fd/{number}")).ok()?;
        let kind = kind(target.to_str().unwrap_or("/"));
        Some(((number, target.clone()), Descriptor { number, kind, target }))
    });
    described.collect()
}

fn kind(target: &str) -> DescriptorKind {
    match target.split_once(':') {
        Some(("socket", _)) => DescriptorKind::Socket,
        Some(("pipe", _)) => DescriptorKind::Pipe,
        _ if target.starts_with('/') => DescriptorKind::File,
        _ => DescriptorKind::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_told_by_their_names() {
        assert_eq!(kind("socket:[123]"), DescriptorKind::Socket);
        assert_eq!(kind("pipe:[123]"), DescriptorKind::Pipe);
        assert_eq!(kind("/dev/null"), DescriptorKind::File);
        assert_eq!(kind("anon_inode:[eventpoll]"), DescriptorKind::Other);
    }
}
