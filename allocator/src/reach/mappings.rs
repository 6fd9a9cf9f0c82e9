//! The process's mappings at one moment: what may be read, and whose it is.

use crate::limits::{REACH_MAPPINGS_MAX, REACH_MODULES_MAX};
use crate::maps::{self, Mapping};
use crate::os;

use super::pages::{List, Pages, Plain};

/// How much of a file's path is kept, bytes.
const PATH_SIZE: usize = 256;
/// A line of maps has a path of at most 4 KiB.
const BUFFER_SIZE: usize = 64 << 10;

/// A mapping.
#[derive(Clone, Copy, Debug)]
pub(super) struct Region {
    pub(super) start: usize,
    pub(super) end: usize,
    /// The loaded file whose variables it holds, plus 1; 0 for none.
    pub(super) module: u32,
    flags: u32,
}

// SAFETY: it is made of integers, for which zeros are values.
unsafe impl Plain for Region {}

const READABLE: u32 = 1;
const ROOT: u32 = 1 << 1;
const DIRECT: u32 = 1 << 2;
const OF_C: u32 = 1 << 3;
const FIRST_STACK: u32 = 1 << 4;

impl Region {
    /// Whether the program may read it.
    pub(super) fn is_readable(self) -> bool {
        self.flags & READABLE != 0
    }

    /// Whether pointers in it hold what they point to.
    pub(super) fn is_root(self) -> bool {
        self.flags & ROOT != 0
    }

    /// Whether reading it cannot fault as long as the mapping is there.
    pub(super) fn is_direct(self) -> bool {
        self.flags & DIRECT != 0
    }

    /// Whether the C library manages it.
    pub(super) fn is_of_c_library(self) -> bool {
        self.flags & OF_C != 0
    }

    /// Whether it is the stack that the process began with.
    pub(super) fn is_first_stack(self) -> bool {
        self.flags & FIRST_STACK != 0
    }
}

/// A loaded file.
#[derive(Clone, Copy)]
struct Module {
    path: [u8; PATH_SIZE],
    path_size: usize,
}

// SAFETY: it is made of integers, for which zeros are values.
unsafe impl Plain for Module {}

/// All mappings, by address.
pub(super) struct Mappings {
    buffer: Pages<u8>,
    /// Where the variables of loaded files lie, the loader says.
    segments: List<Segment>,
    regions: List<Region>,
    modules: List<Module>,
}

/// A segment of a loaded file, in whole pages.
#[derive(Clone, Copy)]
struct Segment {
    start: usize,
    end: usize,
}

// SAFETY: it is made of integers, for which zeros are values.
unsafe impl Plain for Segment {}

impl Mappings {
    /// Room for them; `None` where there is no memory. Not while others stand
    /// still: it takes the loader's lock.
    pub(super) fn new() -> Option<Self> {
        let mappings = Self {
            buffer: Pages::new(BUFFER_SIZE)?,
            segments: segments()?,
            regions: List::new(REACH_MAPPINGS_MAX)?,
            modules: List::new(REACH_MODULES_MAX)?,
        };
        mappings.buffer.populate(BUFFER_SIZE);
        mappings.regions.populate(256);
        mappings.modules.populate(16);
        Some(mappings)
    }

    /// Reads them; false where they are not told, or too many.
    pub(super) fn read(&mut self) -> bool {
        let Self { buffer, segments, regions, modules } = self;
        regions.truncate(0);
        modules.truncate(0);
        let mut file = File { has_code: false, end: 0 };
        let mut fits = true;
        let is_told = maps::each(buffer, |mapping| {
            let flags = flags(mapping) | if mapping.path == b"[heap]" { OF_C } else { 0 };
            let (start, end) = (mapping.start, mapping.end);
            let mut rest = Region { start, end, module: 0, flags };
            if let Some(end) = file.end_within(mapping, modules, segments) {
                let is_c = modules.last().is_some_and(|module| is_c_library(module.path()));
                let flags = flags | if is_c { OF_C } else { 0 };
                let module = modules.len() as u32;
                fits &= regions.push(Region { end, module, flags, ..rest });
                rest.start = end;
            }
            fits &= rest.start == rest.end || regions.push(rest);
        });
        is_told && fits
    }

    pub(super) fn regions(&self) -> &[Region] {
        &self.regions
    }

    /// The mapping that holds an address.
    pub(super) fn at(&self, address: usize) -> Option<Region> {
        let behind = self.regions.partition_point(|region| region.start <= address);
        let region = *self.regions.get(behind.checked_sub(1)?)?;
        (address < region.end).then_some(region)
    }
}

/// All segments of the files that are loaded.
fn segments() -> Option<List<Segment>> {
    let page_size = os::page_size();
    let mut segments = List::new(4 * REACH_MODULES_MAX)?;
    os::each_object(|object| {
        for segment in object.segments(libc::PT_LOAD) {
            let (start, end) = (segment.range.start, segment.range.end);
            let start = start - start % page_size;
            segments.push(Segment { start, end: end.next_multiple_of(page_size) });
        }
        true
    });
    Some(segments)
}

/// The file whose mappings are being read: they stand one behind the other.
struct File {
    has_code: bool,
    /// Where its last mapping ends; what has no file and begins there holds those
    /// of its variables that are zeros at first.
    end: usize,
}

impl File {
    /// Where a mapping holds a loaded file's variables: up to where. The file is
    /// the last one of the list then.
    fn end_within(
        &mut self,
        mapping: &Mapping<'_>,
        modules: &mut List<Module>,
        segments: &[Segment],
    ) -> Option<usize> {
        if mapping.path.first() == Some(&b'/') && !mapping.is_shared {
            let path = mapping.path.get(..PATH_SIZE).unwrap_or(mapping.path);
            if modules.last().is_none_or(|module| module.path() != path) {
                self.has_code = false;
                if !modules.push(Module::new(path)) {
                    return None;
                }
            }
            self.has_code |= mapping.is_code;
            self.end = mapping.end;
            return self.has_code.then_some(mapping.end);
        }
        let goes_on = self.has_code && mapping.path.is_empty() && mapping.start == self.end;
        // The kernel puts it together with whatever has no file behind it.
        let holds =
            |segment: &&Segment| (segment.start..segment.end).contains(&mapping.start) && goes_on;
        let end = segments.iter().find(holds).map(|segment| segment.end.min(mapping.end));
        // A page that is treated apart, as ours that forks blank, divides them.
        self.end = end.filter(|&end| end == mapping.end).unwrap_or(0);
        end
    }
}

impl Module {
    fn new(path: &[u8]) -> Self {
        let mut module = Self { path: [0; PATH_SIZE], path_size: path.len() };
        for (place, &byte) in module.path.iter_mut().zip(path) {
            *place = byte;
        }
        module
    }

    fn path(&self) -> &[u8] {
        self.path.get(..self.path_size).unwrap_or(&[])
    }
}

fn flags(mapping: &Mapping<'_>) -> u32 {
    let is_anonymous = mapping.is_anonymous();
    let is_secret = mapping.path.starts_with(b"/secretmem");
    let is_root = mapping.is_readable
        && (mapping.is_writable || is_anonymous)
        && !mapping.is_kernels()
        && !mapping.is_device();
    let flag = |is_set: bool, flag: u32| if is_set { flag } else { 0 };
    flag(mapping.is_readable, READABLE)
        | flag(is_root, ROOT)
        | flag(mapping.is_readable && (is_anonymous || is_secret), DIRECT)
        | flag(mapping.path == b"[stack]", FIRST_STACK)
}

/// Whether a file is the C library, or the loader, which comes with it. A program
/// that has them in itself has its own variables beside theirs.
fn is_c_library(path: &[u8]) -> bool {
    const NAMES: [&[u8]; 6] = [b"libc.so", b"libc-", b"libc.musl", b"ld-linux", b"ld-", b"ld.so"];
    let name = path.rsplit(|&byte| byte == b'/').next().unwrap_or(path);
    cfg!(target_feature = "crt-static") || NAMES.iter().any(|start| name.starts_with(start))
}
