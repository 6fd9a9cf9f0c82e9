//! All readable memory of another process.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::windows::WINDOW_SIZE;

/// How much is read at once, in bytes.
pub(super) const PIECE_SIZE: usize = 1 << 20;
/// Size of a thread's stack in bytes, as std makes it unless told otherwise.
const STACK_SIZE: u64 = 2 << 20;

/// A piece of another process's address space.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// The first byte's address.
    pub start: u64,
    /// The address behind the last byte.
    pub end: u64,
    /// Read, write, execute, private, as the kernel writes them.
    pub access: String,
    /// The file, a name in brackets, or nothing.
    pub path: String,
    /// The thread whose stack it holds at its start.
    pub stack_of: Option<String>,
}

impl Mapping {
    /// Reads a line of `/proc/PID/maps`.
    pub fn parse(line: &str) -> Option<Self> {
        let mut words = line.splitn(6, ' ');
        let (start, end) = words.next()?.split_once('-')?;
        let access = words.next()?.to_owned();
        let path = words.nth(3).unwrap_or("").trim().to_owned();
        Some(Self {
            start: u64::from_str_radix(start, 16).ok()?,
            end: u64::from_str_radix(end, 16).ok()?,
            access,
            path,
            stack_of: None,
        })
    }

    /// Whether the allocator may have its blocks here.
    pub fn may_hold_blocks(&self) -> bool {
        self.access.starts_with("rw") && (self.path.is_empty() || self.path == "[heap]")
    }

    /// Where the stack ends that it holds at its start.
    pub fn stack_end(&self) -> u64 {
        match self.stack_of {
            Some(_) => self.end.min(self.start + STACK_SIZE),
            None => self.start,
        }
    }
}

/// A stretch of addresses, and where in a file its bytes stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stretch {
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) offset: u64,
}

/// Calls `see` with each piece of some stretches, in the order of their
/// addresses: a piece's address and its bytes. Pieces that touch overlap by one
/// byte less than a window, so that no window is cut, between stretches neither.
/// Returns how many bytes were read, and which stretches refused, by number.
///
/// # Errors
/// Where a stretch has no byte more: `no_more` says why that is.
pub(super) fn read_stretches(
    file: &File,
    stretches: impl Iterator<Item = Stretch>,
    no_more: &str,
    mut see: impl FnMut(u64, &[u8]),
) -> io::Result<(u64, Vec<usize>)> {
    let mut piece = vec![0; PIECE_SIZE];
    let (mut read_size, mut refused) = (0, Vec::new());
    let (mut kept, mut next) = (0, 0);
    for (number, stretch) in stretches.enumerate() {
        let mut address = stretch.start;
        if address != next {
            kept = 0;
        }
        while address < stretch.end {
            let wanted = (stretch.end - address).min((PIECE_SIZE - kept) as u64) as usize;
            let offset = stretch.offset + (address - stretch.start);
            let size = match file.read_at(&mut piece[kept..kept + wanted], offset) {
                Ok(0) => return Err(io::Error::other(no_more)),
                Ok(size) => size,
                Err(_) => {
                    refused.push(number);
                    break;
                }
            };
            let end = kept + size;
            see(address - kept as u64, &piece[..end]);
            read_size += size as u64;
            address += size as u64;
            kept = end.min(WINDOW_SIZE - 1);
            piece.copy_within(end - kept..end, 0);
        }
        next = address;
    }
    Ok((read_size, refused))
}

/// A process's memory, as its mappings stood when it was opened.
pub struct Memory {
    file: File,
    mappings: Vec<Mapping>,
    hidden_size: u64,
}

impl Memory {
    /// Opens a process's memory, without its mapping of `but` (the log, which
    /// is read as a file).
    ///
    /// # Errors
    /// A process that is gone or may not be read.
    pub fn of(process: u32, but: Option<&Path>) -> io::Result<Self> {
        let but = but.map(fs::canonicalize).transpose()?;
        let proc = format!("/proc/{process}");
        let maps = fs::read_to_string(format!("{proc}/maps"))?;
        let (mut mappings, mut closed) = (Vec::new(), Vec::new());
        for mapping in maps.lines().filter_map(Mapping::parse) {
            if !mapping.access.starts_with('r') {
                closed.push(mapping);
            } else if but.as_ref().is_none_or(|but| Path::new(&mapping.path) != but) {
                mappings.push(mapping);
            }
        }
        let hidden_size = hidden_size(&fs::read_to_string(format!("{proc}/smaps"))?, &closed);
        for thread in fs::read_dir(format!("{proc}/task"))? {
            let thread = thread?.path();
            // The next to last word is the stack pointer, where the thread waits
            // in the kernel. Without it a stack is known only by not being a
            // block's memory.
            let call = fs::read_to_string(thread.join("syscall")).unwrap_or_default();
            let pointer = call.split_whitespace().nth_back(1);
            let pointer = pointer.and_then(|word| word.strip_prefix("0x"));
            let pointer = pointer.and_then(|word| u64::from_str_radix(word, 16).ok());
            let holds = |mapping: &&mut Mapping| {
                pointer.is_some_and(|at| (mapping.start..mapping.end).contains(&at))
            };
            if let Some(mapping) = mappings.iter_mut().find(holds) {
                let name = fs::read_to_string(thread.join("comm")).unwrap_or_default();
                mapping.stack_of = Some(name.trim().to_owned());
            }
        }
        Ok(Self { file: File::open(format!("{proc}/mem"))?, mappings, hidden_size })
    }

    /// The mappings that can be read, in the order of their addresses.
    pub fn mappings(&self) -> &[Mapping] {
        &self.mappings
    }

    /// How many bytes stand in memory or in swap where nobody may read: an
    /// attack would not see what is hidden there.
    pub fn hidden_size(&self) -> u64 {
        self.hidden_size
    }

    /// Calls `see` with each piece of memory: its address and its bytes.
    /// Returns how many bytes were read, and the paths of mappings that refused:
    /// some of the kernel's own pages, and pages behind a file's end.
    ///
    /// # Errors
    /// A process that ended.
    pub fn read(&self, see: impl FnMut(u64, &[u8])) -> io::Result<(u64, Vec<String>)> {
        let stretch = |mapping: &Mapping| Stretch {
            start: mapping.start,
            end: mapping.end,
            offset: mapping.start,
        };
        let stretches = self.mappings.iter().map(stretch);
        let no_more = "the process ended during the attack";
        let (size, refused) = read_stretches(&self.file, stretches, no_more, see)?;
        let path = |number: usize| self.mappings[number].path.clone();
        Ok((size, refused.into_iter().map(path).collect()))
    }
}

/// What `smaps` says is in memory or in swap of the mappings in `closed`.
fn hidden_size(smaps: &str, closed: &[Mapping]) -> u64 {
    let (mut size, mut counts) = (0, false);
    for line in smaps.lines() {
        if let Some(mapping) = Mapping::parse(line) {
            counts = closed.iter().any(|closed| closed.start == mapping.start);
        } else if let Some((name, amount)) = line.split_once(':')
            && counts
            && ["Rss", "Swap"].contains(&name)
        {
            let kib = amount.trim().trim_end_matches(" kB").parse::<u64>().unwrap_or(0);
            size += kib << 10;
        }
    }
    size
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_maps_is_read() {
        let line = "7f00-7f08 rw-p 00000000 08:02 173521      /tmp/a file";
        let mapping = Mapping::parse(line).unwrap();
        assert_eq!((mapping.start, mapping.end), (0x7f00, 0x7f08));
        assert_eq!((mapping.access.as_str(), mapping.path.as_str()), ("rw-p", "/tmp/a file"));
        assert_eq!(Mapping::parse("7f00-7f08 rw-p 00000000 00:00 0 ").unwrap().path, "");
    }

    #[test]
    fn what_nobody_may_read_is_added_up() {
        let smaps = "10-20 ---p 00000000 00:00 0 \nSize: 64 kB\nRss:  8 kB\nSwap: 4 kB\n\
                     30-40 rw-p 00000000 00:00 0 \nRss:  16 kB\n";
        let closed = [Mapping::parse("10-20 ---p 00000000 00:00 0 ").unwrap()];
        assert_eq!(hidden_size(smaps, &closed), 12 << 10);
        assert_eq!(hidden_size(smaps, &[]), 0);
    }

    #[test]
    fn memory_is_read_whole_and_pieces_overlap() {
        let planted = std::hint::black_box(vec![0xA5u8; 3 * PIECE_SIZE]);
        let start = planted.as_ptr() as u64;
        let mapping = |from: usize, to: usize| Mapping {
            start: start + from as u64,
            end: start + to as u64,
            access: "rw-p".into(),
            path: String::new(),
            stack_of: None,
        };
        let memory = Memory {
            file: File::open("/proc/self/mem").unwrap(),
            mappings: vec![mapping(0, 5000), mapping(5000, 2 * PIECE_SIZE + 77)],
            hidden_size: 0,
        };
        let mut seen = 0;
        let (size, refused) = memory
            .read(|address, bytes| {
                assert_eq!(address, start + (seen - seen.min(WINDOW_SIZE - 1)) as u64);
                assert!(bytes.iter().all(|&byte| byte == 0xA5));
                seen = (address - start) as usize + bytes.len();
            })
            .unwrap();
        assert_eq!((seen, size), (2 * PIECE_SIZE + 77, seen as u64));
        assert!(refused.is_empty());
    }
}
