//! How much memory the system grants: the control group's limit, of version 1
//! and 2, and the machine's memory. Read without allocating.
//!
//! The mount points are those that `/proc/self/mountinfo` names, since both
//! versions may be mounted, and at any place. A container often sees its own
//! group as the root of the mount, which that file says, too.

use core::ffi::CStr;

use crate::limits::PATH_SIZE_MAX;
use crate::listing::{decimal, each_line, value};

/// Lines of the kernel's files that are read as far as this; those of control
/// groups are shorter, unless their paths exceed `PATH_SIZE_MAX`.
const LINE_SIZE_MAX: usize = 2048;
/// From here on a limit is none: version 1 says "no limit" by the greatest
/// number of whole pages.
const NO_LIMIT: u64 = 1 << 62;

/// What a control group grants and has given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cgroup {
    /// 1 or 2.
    pub(crate) version: u32,
    /// The least limit of the process's group and all above it, bytes.
    pub(crate) limit: Option<u64>,
    /// What the group uses whose limit that is, bytes, page cache and log pages
    /// included; without a limit the process's own group.
    pub(crate) usage: u64,
}

/// What the process's control group says of memory; `None` where there is none,
/// or none can be seen. Some ten system calls, about 100 µs; 5 KiB of stack.
pub(crate) fn memory() -> Option<Cgroup> {
    memory_below(b"")
}

/// How much memory the process may have at most, bytes: its group's limit, if that is
/// below the machine's memory.
pub(crate) fn memory_max() -> Option<u64> {
    let limit = memory().and_then(|group| group.limit);
    limit.into_iter().chain(machine_memory()).min()
}

/// The machine's memory, bytes.
pub(crate) fn machine_memory() -> Option<u64> {
    machine_memory_below(b"")
}

fn machine_memory_below(root: &[u8]) -> Option<u64> {
    let mut size = None;
    let mut path = Text::new();
    each_line(path.of(&[root, b"/proc/meminfo"])?, &mut [0; 256], |line| {
        size = size.or_else(|| value(line, b"MemTotal"));
    });
    size.filter(|&size| size > 0)
}

/// Of the two versions one alone can have the memory controller.
fn memory_below(root: &[u8]) -> Option<Cgroup> {
    [Version::One, Version::Two].into_iter().find_map(|version| version.memory(root))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Version {
    One,
    Two,
}

impl Version {
    fn memory(self, root: &[u8]) -> Option<Cgroup> {
        let mut own = Text::new();
        let mut path = Text::new();
        let mut is_known = false;
        each_line(path.of(&[root, b"/proc/self/cgroup"])?, &mut [0; LINE_SIZE_MAX], |line| {
            if let Some(group) = self.group(line).filter(|_| !is_known) {
                is_known = own.set(&[group]);
            }
        });
        let mut found = None;
        let mountinfo = path.of(&[root, b"/proc/self/mountinfo"]).filter(|_| is_known)?;
        each_line(mountinfo, &mut [0; LINE_SIZE_MAX], |line| {
            if let Some((mount_root, point)) = self.mount(line)
                && let Some(rest) = below(mount_root, own.as_bytes())
            {
                self.look(root, point, rest, &mut found);
            }
        });
        found
    }

    /// The path in a line of `/proc/self/cgroup`: "4:memory:/path", "0::/path".
    fn group(self, line: &[u8]) -> Option<&[u8]> {
        let mut fields = line.splitn(3, |&byte| byte == b':');
        let (number, controllers) = (fields.next()?, fields.next()?);
        let is_it = match self {
            Self::One => controllers.split(|&byte| byte == b',').any(|name| name == b"memory"),
            Self::Two => number == b"0" && controllers.is_empty(),
        };
        fields.next().filter(|path| is_it && path.starts_with(b"/"))
    }

    /// What a line of `/proc/self/mountinfo` mounts and where, if it is of this
    /// version: "35 31 0:32 /root /point rw - cgroup cgroup rw,memory".
    fn mount(self, line: &[u8]) -> Option<(&[u8], &[u8])> {
        let mut fields = line.split(|&byte| byte == b' ');
        let (root, point) = (fields.nth(3)?, fields.next()?);
        // Fields that are there or not end with a dash.
        fields.find(|&field| field == b"-")?;
        let kind = fields.next()?;
        let mut options = fields.nth(1)?.split(|&byte| byte == b',');
        let is_it = match self {
            Self::One => kind == b"cgroup" && options.any(|name| name == b"memory"),
            Self::Two => kind == b"cgroup2",
        };
        is_it.then_some((root, point))
    }

    /// Looks at the groups from the process's own up to the mount point.
    fn look(self, root: &[u8], point: &[u8], rest: &[u8], found: &mut Option<Cgroup>) {
        let mut folder = Text::new();
        if !folder.push(root.iter().copied()) || !folder.push(unescaped(point)) {
            return;
        }
        let top = folder.size;
        if !folder.push(rest.iter().copied()) {
            return;
        }
        let granted = self.granted_from_above(&folder);
        let mut usage_above = None;
        loop {
            if let Some(group) = self.read(&folder) {
                usage_above = Some(group.usage);
                let is_less = match (group.limit, found.as_ref().and_then(|found| found.limit)) {
                    // Of equal ones the one above, which uses more.
                    (Some(limit), Some(least)) => limit <= least,
                    (limit, None) => limit.is_some() || found.is_none(),
                    (None, Some(_)) => false,
                };
                if is_less {
                    *found = Some(group);
                }
            }
            let Some(up) = folder.as_bytes().iter().rposition(|&byte| byte == b'/') else { break };
            if up < top {
                break;
            }
            folder.size = up;
        }
        if let (Some(group), Some(usage)) = (found, usage_above)
            && granted.is_some_and(|granted| group.limit.is_none_or(|limit| granted < limit))
        {
            (group.limit, group.usage) = (granted, usage);
        }
    }

    /// The least limit of all groups above, also of those that a container does
    /// not see: version 1 says it.
    fn granted_from_above(self, folder: &Text) -> Option<u64> {
        let mut path = Text::new();
        let stat = path.of(&[folder.as_bytes(), b"/memory.stat"]).filter(|_| self == Self::One)?;
        let mut limit = None;
        each_line(stat, &mut [0; 256], |line| {
            if let Some(digits) = line.strip_prefix(b"hierarchical_memory_limit ") {
                limit = limit_of(digits).flatten();
            }
        });
        limit
    }

    fn read(self, folder: &Text) -> Option<Cgroup> {
        let (version, limit, usage): (_, &[u8], &[u8]) = match self {
            Self::One => (1, b"/memory.limit_in_bytes", b"/memory.usage_in_bytes"),
            Self::Two => (2, b"/memory.max", b"/memory.current"),
        };
        let limit = first_line(folder, limit, limit_of)??;
        let usage = first_line(folder, usage, decimal)??;
        Some(Cgroup { version, limit, usage })
    }
}

fn limit_of(text: &[u8]) -> Option<Option<u64>> {
    if text == b"max" {
        return Some(None);
    }
    decimal(text).map(|limit| Some(limit).filter(|&limit| limit < NO_LIMIT))
}

fn first_line<T>(folder: &Text, name: &[u8], read: impl Fn(&[u8]) -> T) -> Option<T> {
    let mut answer = None;
    let mut path = Text::new();
    each_line(path.of(&[folder.as_bytes(), name])?, &mut [0; 64], |line| {
        if answer.is_none() {
            answer = Some(read(line.trim_ascii()));
        }
    });
    answer
}

/// What of a group's path lies below what is mounted; `None` where the group
/// cannot be seen there.
fn below<'p>(mount_root: &[u8], path: &'p [u8]) -> Option<&'p [u8]> {
    let mut rest = path;
    let is_inside = mount_root == b"/"
        || unescaped(mount_root).all(|byte| match rest.split_first() {
            Some((&first, behind)) if first == byte => {
                rest = behind;
                true
            }
            _ => false,
        }) && (rest.is_empty() || rest.starts_with(b"/"));
    if is_inside {
        return Some(rest.strip_suffix(b"/").unwrap_or(rest));
    }
    // Mounted from above the group that the container takes for the root: the
    // mount point's own limit holds, and what lies between has no name here.
    let is_above = mount_root.chunks(3).all(|name| name == b"/..");
    is_above.then_some(b"")
}

/// A field of mountinfo, whose blanks and backslashes stand as octal numbers.
fn unescaped(field: &[u8]) -> impl Iterator<Item = u8> {
    let mut rest = field;
    core::iter::from_fn(move || {
        let (&first, behind) = rest.split_first()?;
        rest = behind;
        if first == b'\\'
            && let Some((digits, behind)) = behind.split_first_chunk::<3>()
            && let Some(byte) = octal(*digits)
        {
            rest = behind;
            return Some(byte);
        }
        Some(first)
    })
}

fn octal(digits: [u8; 3]) -> Option<u8> {
    let number = digits
        .iter()
        .try_fold(0, |number, &digit| Some(number * 8 + char::from(digit).to_digit(8)?))?;
    u8::try_from(number).ok()
}

/// A path that is put together on the stack.
struct Text {
    bytes: [u8; PATH_SIZE_MAX],
    size: usize,
}

impl Text {
    fn new() -> Self {
        Self { bytes: [0; PATH_SIZE_MAX], size: 0 }
    }

    /// Takes the pieces instead of what it held; false where they do not fit.
    fn set(&mut self, pieces: &[&[u8]]) -> bool {
        self.size = 0;
        pieces.iter().all(|piece| self.push(piece.iter().copied()))
    }

    /// Adds bytes; false where they do not fit.
    fn push(&mut self, mut bytes: impl Iterator<Item = u8>) -> bool {
        bytes.all(|byte| {
            let place = self.bytes.get_mut(self.size);
            self.size += usize::from(place.is_some());
            place.map(|place| *place = byte).is_some()
        })
    }

    fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.size).unwrap_or(&[])
    }

    /// The pieces as a path for the system.
    fn of(&mut self, pieces: &[&[u8]]) -> Option<&CStr> {
        let is_whole = self.set(pieces) && self.push([0].into_iter());
        CStr::from_bytes_with_nul(self.as_bytes()).ok().filter(|_| is_whole)
    }
}

#[cfg(test)]
mod tests;
