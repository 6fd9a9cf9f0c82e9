//! The modules of the process: where their code is, and the tables by which it
//! is unwound.

use core::ops::{Deref, Range};

use std::sync::Arc;

use framehop::{Module as UnwoundModule, ModuleSectionInfo};
use gimli::{
    AArch64, BaseAddresses, CfaRule, EhFrame, EhFrameHdr, LittleEndian, Register, RegisterRule,
    UnwindContext, UnwindContextStorage, UnwindSection, UnwindTableRow, X86_64,
};

use crate::limits::TABLES_COPIED_MAX;
use crate::os;

/// Code of a module.
#[derive(Clone)]
pub(super) struct Code {
    range: Range<usize>,
    /// It stays as long as the process.
    stays: bool,
    tables: Tables,
    index: Section,
    frames: Section,
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
        // SAFETY: the program and what it was linked to is never unloaded, and
        // such a segment is readable.
        Some(unsafe {
            core::slice::from_raw_parts(core::ptr::with_exposed_provenance(address), SIZE)
        })
    }

    /// Whether the module's own table says that the code keeps a frame pointer,
    /// right above which its frame ends.
    pub(super) fn keeps_frame_pointer(&self, address: usize, context: &mut Context) -> bool {
        self.end_of_frame(address, context) == Some((FRAME_POINTER, 2 * size_of::<usize>() as i64))
    }

    /// From which register, and how far, a frame's end is counted.
    fn end_of_frame(&self, address: usize, context: &mut Context) -> Option<(Register, i64)> {
        let bases = BaseAddresses::default()
            .set_eh_frame_hdr(self.tables.index.start as u64)
            .set_eh_frame(self.tables.frames.start as u64);
        let address_size = size_of::<usize>() as u8;
        let index = EhFrameHdr::new(&self.index, LittleEndian).parse(&bases, address_size).ok()?;
        let frames = EhFrame::new(&self.frames, LittleEndian);
        let cie = EhFrame::cie_from_offset;
        let address = address as u64;
        let table = index.table()?;
        let row = table.unwind_info_for_address(&frames, &bases, context, address, cie).ok()?;
        match row.cfa() {
            CfaRule::RegisterAndOffset { register, offset } => Some((*register, *offset)),
            CfaRule::Expression(_) => None,
        }
    }
}

/// What evaluating a table takes, in place.
pub(super) type Context = UnwindContext<usize, InPlace>;

/// Room for what compilers write; a table that needs more cannot be followed.
pub(super) struct InPlace;

impl UnwindContextStorage<usize> for InPlace {
    type Rules = [(Register, RegisterRule<usize>); 32];
    type Stack = [UnwindTableRow<usize, Self>; 4];
}

const FRAME_POINTER: Register =
    if cfg!(target_arch = "x86_64") { X86_64::RBP } else { AArch64::X29 };

/// A table of a module: in place, or where the module may be unloaded, a copy.
#[derive(Clone)]
pub(super) struct Section {
    address: usize,
    size: usize,
    copy: Option<Arc<Mapping>>,
}

/// A mapping that goes with the last who has it.
struct Mapping {
    address: usize,
    size: usize,
}

impl Drop for Mapping {
    fn drop(&mut self) {
        os::unmap(core::ptr::with_exposed_provenance_mut(self.address), self.size);
    }
}

impl Section {
    /// Of a module that stays.
    fn in_place(bytes: &[u8]) -> Self {
        Self { address: bytes.as_ptr().expose_provenance(), size: bytes.len(), copy: None }
    }

    /// `None` where there is no memory for a copy.
    fn mapped(bytes: &[u8]) -> Option<Mapping> {
        let copy = os::map_private(bytes.len());
        if copy.is_null() {
            return None;
        }
        // SAFETY: the mapping is new and has this size.
        unsafe { core::ptr::copy_nonoverlapping(bytes.as_ptr(), copy, bytes.len()) };
        Some(Mapping { address: copy.expose_provenance(), size: bytes.len() })
    }
}

impl From<Mapping> for Section {
    fn from(mapping: Mapping) -> Self {
        let (address, size) = (mapping.address, mapping.size);
        Self { address, size, copy: Some(Arc::new(mapping)) }
    }
}

impl Deref for Section {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: a slice of a module that stays, or a copy, which goes with the
        // last section of it.
        unsafe {
            core::slice::from_raw_parts(core::ptr::with_exposed_provenance(self.address), self.size)
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
}

impl Known {
    fn is(&self, found: &Found, object: &os::Object) -> bool {
        // What was loaded at the same place may be another module.
        let is_same_index = || {
            object.bytes(found.tables.index.clone()).is_some_and(|bytes| *bytes == *self.code.index)
        };
        self.bias == found.bias
            && self.code.tables == found.tables
            && self.code.range == found.code
            && (self.code.stays || is_same_index())
    }

    /// The size of the copies of its tables.
    fn copied_size(&self) -> usize {
        let sections = [&self.code.index, &self.code.frames];
        sections.iter().filter(|section| section.copy.is_some()).map(|section| section.len()).sum()
    }
}

struct Found {
    bias: usize,
    code: Range<usize>,
    stays: bool,
    tables: Tables,
    /// Which of those known before this is.
    known: Option<usize>,
    /// Its tables where they may stay in place, else copies.
    sections: Option<Sections>,
}

enum Sections {
    InPlace(Section, Section),
    Copied(Mapping, Mapping),
}

/// What is loaded now, of which what was `known` before is taken over; and
/// whether something of that is gone. The first so many modules stay as long as
/// the process: the loader lists them in the order in which they came.
pub(super) fn known_now(mut known: Vec<Known>, staying: usize) -> (Vec<Known>, bool) {
    // Room for what is loaded in between; what is beyond is found next time.
    const SPARE: usize = 16;
    let mut found = Vec::with_capacity(count() + SPARE);
    let mut copied: usize = known.iter().map(Known::copied_size).sum();
    // The loader's lock is held in here: nothing allocates.
    let mut index = 0;
    os::each_object(|object| {
        let stays = index < staying;
        index += 1;
        if let Some(mut new) = find(object, stays) {
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
            None => now.extend(unwound(new)),
        }
    }
    (now, kept < before)
}

/// A module that has code and tables for it.
fn find(object: &os::Object, stays: bool) -> Option<Found> {
    let loaded = || object.segments(libc::PT_LOAD);
    let mut codes = loaded().filter(|segment| segment.is_code);
    let first = codes.next()?.range;
    let code = codes
        .fold(first, |code, next| code.start.min(next.range.start)..code.end.max(next.range.end));
    let index = object.segments(libc::PT_GNU_EH_FRAME).next()?.range;
    let start = frames_start(index.start, object.bytes(index.clone())?)?;
    let end = loaded().find(|segment| segment.range.contains(&start))?.range.end;
    let tables = Tables { index, frames: start..end };
    Some(Found { bias: object.bias, code, stays, tables, known: None, sections: None })
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

/// Nothing allocates in here.
fn sections(
    object: &os::Object,
    tables: &Tables,
    stays: bool,
    copied: &mut usize,
) -> Option<Sections> {
    let index = object.bytes(tables.index.clone())?;
    let frames = object.bytes(tables.frames.clone())?;
    if stays {
        return Some(Sections::InPlace(Section::in_place(index), Section::in_place(frames)));
    }
    *copied += index.len() + frames.len();
    if *copied > TABLES_COPIED_MAX {
        return None;
    }
    Some(Sections::Copied(Section::mapped(index)?, Section::mapped(frames)?))
}

fn unwound(found: Found) -> Option<Known> {
    let (index, frames) = match found.sections? {
        Sections::InPlace(index, frames) => (index, frames),
        Sections::Copied(index, frames) => (index.into(), frames.into()),
    };
    let code =
        Code { range: found.code.clone(), stays: found.stays, tables: found.tables, index, frames };
    let range = found.code.start as u64..found.code.end as u64;
    let info = SectionsOf { code: code.clone(), bias: found.bias };
    let unwound = UnwoundModule::new(String::new(), range, found.bias as u64, info);
    Some(Known { code, unwound, bias: found.bias })
}

/// A module's tables, as the unwinder asks for them.
struct SectionsOf {
    code: Code,
    bias: usize,
}

impl ModuleSectionInfo<Section> for SectionsOf {
    fn base_svma(&self) -> u64 {
        0
    }

    fn section_svma_range(&mut self, name: &[u8]) -> Option<Range<u64>> {
        let range = match name {
            b".eh_frame_hdr" => &self.code.tables.index,
            b".eh_frame" => &self.code.tables.frames,
            _ => return None,
        };
        let stated = |address: usize| address.wrapping_sub(self.bias) as u64;
        Some(stated(range.start)..stated(range.end))
    }

    fn section_data(&mut self, name: &[u8]) -> Option<Section> {
        match name {
            b".eh_frame_hdr" => Some(self.code.index.clone()),
            b".eh_frame" => Some(self.code.frames.clone()),
            _ => None,
        }
    }
}

/// How many modules there are.
pub(super) fn count() -> usize {
    let mut count = 0;
    os::each_object(|_| {
        count += 1;
        true
    });
    count
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
