//! The modules of the process: where their code is, and the tables by which it
//! is unwound.

use core::ops::{Deref, Range};

use framehop::{Module as UnwoundModule, ModuleSectionInfo};

use crate::limits::TABLES_COPIED_MAX;
use crate::os;

/// Code of a module.
#[derive(Clone, Debug)]
pub(super) struct Code {
    range: Range<usize>,
    /// It stays as long as the process.
    stays: bool,
}

impl Code {
    pub(super) fn holds(&self, address: usize) -> bool {
        self.range.contains(&address)
    }

    /// The instructions from an address on, if they cannot go away.
    pub(super) fn bytes(&self, address: usize) -> Option<&'static [u8]> {
        const SIZE: usize = 16;
        if !self.stays || !self.holds(address) || self.range.end - address < SIZE {
            return None;
        }
        // SAFETY: the program and what it was linked to is never unloaded; the
        // segment is readable, or else each() would not have told of it.
        Some(unsafe {
            core::slice::from_raw_parts(core::ptr::with_exposed_provenance(address), SIZE)
        })
    }
}

/// A table of a module: in place, or where the module may be unloaded, a copy.
pub(super) struct Section {
    address: usize,
    size: usize,
    is_copy: bool,
}

impl Section {
    /// `None` where there is no memory for a copy.
    fn new(bytes: &[u8], stays: bool) -> Option<Self> {
        if stays {
            return Some(Self {
                address: bytes.as_ptr().expose_provenance(),
                size: bytes.len(),
                is_copy: false,
            });
        }
        let copy = os::map_private(bytes.len());
        if copy.is_null() {
            return None;
        }
        // SAFETY: the mapping is new and has this size.
        unsafe { core::ptr::copy_nonoverlapping(bytes.as_ptr(), copy, bytes.len()) };
        Some(Self { address: copy.expose_provenance(), size: bytes.len(), is_copy: true })
    }
}

impl Deref for Section {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: new() was handed such a slice of a module that stays, or made
        // the copy, which drop() alone gives up.
        unsafe {
            core::slice::from_raw_parts(core::ptr::with_exposed_provenance(self.address), self.size)
        }
    }
}

impl Drop for Section {
    fn drop(&mut self) {
        if self.is_copy {
            os::unmap(core::ptr::with_exposed_provenance_mut(self.address), self.size);
        }
    }
}

/// Where a module's tables stand.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Tables {
    index: Range<usize>,
    frames: Range<usize>,
}

/// A module that can be unwound.
pub(super) struct Known {
    pub(super) code: Code,
    pub(super) unwound: UnwoundModule<Section>,
    bias: usize,
    tables: Tables,
    /// A copy of the index, by which another module at the same place is told.
    index: Option<Section>,
}

impl Known {
    fn is(&self, found: &Found, object: &os::Object) -> bool {
        self.bias == found.bias
            && self.tables == found.tables
            && self.code.range == found.code
            && self.index.as_ref().is_none_or(|index| {
                object.bytes(found.tables.index.clone()).is_some_and(|bytes| *bytes == **index)
            })
    }
}

struct Found {
    bias: usize,
    code: Range<usize>,
    tables: Tables,
    /// Which of those known before this is.
    known: Option<usize>,
    sections: Option<[Section; 3]>,
}

/// What is loaded now, of which what was `known` before is taken over; and
/// whether something of that is gone.
pub(super) fn known_now(mut known: Vec<Known>, stays: bool) -> (Vec<Known>, bool) {
    // Room for what is loaded in between; what is beyond is found next time.
    const SPARE: usize = 16;
    let mut count = 0;
    os::each_object(|_| {
        count += 1;
        true
    });
    let mut found = Vec::with_capacity(count + SPARE);
    let mut copied: usize =
        known.iter().filter_map(|known| known.index.as_ref()).map(|index| index.size).sum();
    // The loader's lock is held in here: nothing allocates.
    os::each_object(|object| {
        if let Some(mut new) = find(object) {
            new.known = known.iter().position(|known| known.is(&new, object));
            if new.known.is_none() {
                new.sections = sections(object, &new.tables, stays, &mut copied);
            }
            if found.len() < found.capacity() {
                found.push(new);
            }
        }
        true
    });
    let before = known.len();
    let mut old: Vec<Option<Known>> = known.drain(..).map(Some).collect();
    let mut kept = 0;
    let mut now = Vec::with_capacity(found.len());
    for new in found {
        match new.known.and_then(|index| old.get_mut(index)?.take()) {
            Some(known) => {
                kept += 1;
                now.push(known);
            }
            None => now.extend(unwound(new, stays)),
        }
    }
    (now, kept < before)
}

/// A module that has code and tables for it.
fn find(object: &os::Object) -> Option<Found> {
    let loaded = || object.segments(libc::PT_LOAD);
    let mut codes = loaded().filter(|segment| segment.is_code);
    let first = codes.next()?.range;
    let code = codes
        .fold(first, |code, next| code.start.min(next.range.start)..code.end.max(next.range.end));
    let index = object.segments(libc::PT_GNU_EH_FRAME).next()?.range;
    let start = frames_start(index.start, object.bytes(index.clone())?)?;
    let end = loaded().find(|segment| segment.range.contains(&start))?.range.end;
    let tables = Tables { index, frames: start..end };
    Some(Found { bias: object.bias, code, tables, known: None, sections: None })
}

/// Where `.eh_frame` begins, by `.eh_frame_hdr`, in the form that all linkers
/// write.
fn frames_start(address: usize, header: &[u8]) -> Option<usize> {
    const VERSION: u8 = 1;
    /// Relative to its own place, 4 bytes, signed.
    const ENCODING: u8 = 0x1b;
    let (&[version, encoding, _, _], rest) = header.split_first_chunk::<4>()?;
    let distance = i32::from_le_bytes(*rest.first_chunk::<4>()?);
    (version == VERSION && encoding == ENCODING)
        .then(|| (address + 4).wrapping_add_signed(distance as isize))
}

fn sections(
    object: &os::Object,
    tables: &Tables,
    stays: bool,
    copied: &mut usize,
) -> Option<[Section; 3]> {
    let index = object.bytes(tables.index.clone())?;
    let frames = object.bytes(tables.frames.clone())?;
    if !stays {
        *copied += index.len() + frames.len();
        if *copied > TABLES_COPIED_MAX {
            return None;
        }
    }
    Some([Section::new(index, stays)?, Section::new(frames, stays)?, Section::new(index, stays)?])
}

fn unwound(found: Found, stays: bool) -> Option<Known> {
    let [index, frames, again] = found.sections?;
    let range = found.code.start as u64..found.code.end as u64;
    let unwound = UnwoundModule::new(
        String::new(),
        range,
        found.bias as u64,
        Sections {
            index: Some(index),
            frames: Some(frames),
            bias: found.bias,
            tables: found.tables.clone(),
        },
    );
    let code = Code { range: found.code, stays };
    let index = again.is_copy.then_some(again);
    Some(Known { code, unwound, bias: found.bias, tables: found.tables, index })
}

/// A module's tables, as the unwinder asks for them.
struct Sections {
    index: Option<Section>,
    frames: Option<Section>,
    bias: usize,
    tables: Tables,
}

impl ModuleSectionInfo<Section> for Sections {
    fn base_svma(&self) -> u64 {
        0
    }

    fn section_svma_range(&mut self, name: &[u8]) -> Option<Range<u64>> {
        let range = match name {
            b".eh_frame_hdr" => &self.tables.index,
            b".eh_frame" => &self.tables.frames,
            _ => return None,
        };
        let stated = |address: usize| address.wrapping_sub(self.bias) as u64;
        Some(stated(range.start)..stated(range.end))
    }

    fn section_data(&mut self, name: &[u8]) -> Option<Section> {
        match name {
            b".eh_frame_hdr" => self.index.take(),
            b".eh_frame" => self.frames.take(),
            _ => None,
        }
    }
}

/// How many files were loaded and unloaded since the program began.
pub(super) fn changes() -> (u64, u64) {
    let mut changes = (0, 0);
    os::each_object(|object| {
        changes = object.changes;
        false
    });
    changes
}
