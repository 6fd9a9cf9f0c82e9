//! What the dynamic loader has loaded.

use core::ffi::{CStr, c_int, c_void};
use core::ops::Range;
use core::slice;

/// One loaded file, as long as the loader holds its lock: it is not unloaded
/// before the function that got it returns.
pub(crate) struct Object<'a> {
    /// As the loader knows it; empty for the program itself.
    pub(crate) name: &'a CStr,
    /// What is added to the file's addresses.
    pub(crate) bias: usize,
    /// How many files were loaded and unloaded since the program began.
    pub(crate) changes: (u64, u64),
    /// Where the calling thread has its thread-local variables; 0 for nowhere.
    thread_locals: usize,
    headers: &'a [libc::Elf64_Phdr],
}

impl<'a> Object<'a> {
    /// The segments of a kind, as addresses in memory.
    pub(crate) fn segments(&self, kind: u32) -> impl Iterator<Item = Segment> + use<'a> {
        let bias = self.bias;
        self.headers.iter().filter(move |header| header.p_type == kind).map(move |header| {
            let start = bias.wrapping_add(header.p_vaddr as usize);
            Segment {
                range: start..start.saturating_add(header.p_memsz as usize),
                is_code: header.p_flags & libc::PF_X != 0,
            }
        })
    }

    /// The bytes of a segment, which the file has in memory.
    pub(crate) fn bytes(&self, range: Range<usize>) -> Option<&'a [u8]> {
        let holds = |segment: &Segment| {
            segment.range.start <= range.start && range.end <= segment.range.end
        };
        let header = self.headers.iter().find(|header| {
            let start = self.bias.wrapping_add(header.p_vaddr as usize);
            let segment = Segment {
                range: start..start.saturating_add(header.p_memsz as usize),
                is_code: false,
            };
            header.p_type == libc::PT_LOAD && header.p_flags & libc::PF_R != 0 && holds(&segment)
        })?;
        debug_assert!(header.p_memsz > 0);
        let size = range.end.checked_sub(range.start)?;
        // SAFETY: the range lies in a segment that the loader mapped readable.
        Some(unsafe {
            slice::from_raw_parts(core::ptr::with_exposed_provenance(range.start), size)
        })
    }
}

/// A segment of a loaded file.
pub(crate) struct Segment {
    pub(crate) range: Range<usize>,
    pub(crate) is_code: bool,
}

/// Calls for each loaded file, the program itself first, until the answer is
/// false. The loader's lock is held: nothing may be loaded or allocated.
pub(crate) fn each_object(mut act: impl FnMut(&Object) -> bool) {
    let mut act: &mut dyn FnMut(&Object) -> bool = &mut act;
    // SAFETY: the function gets the pointer that stands beside it.
    unsafe { libc::dl_iterate_phdr(Some(on_object), (&raw mut act).cast()) };
}

unsafe extern "C" fn on_object(info: *mut libc::dl_phdr_info, _: usize, act: *mut c_void) -> c_int {
    // SAFETY: the loader hands a structure that is valid during the call.
    let info = unsafe { &*info };
    // SAFETY: each_object() handed the pointer of this type.
    let act = unsafe { &mut *act.cast::<&mut dyn FnMut(&Object) -> bool>() };
    if info.dlpi_phdr.is_null() || info.dlpi_name.is_null() {
        return 0;
    }
    // SAFETY: the loader says how many headers there are.
    let headers = unsafe { slice::from_raw_parts(info.dlpi_phdr, info.dlpi_phnum.into()) };
    // SAFETY: the name is a C string.
    let name = unsafe { CStr::from_ptr(info.dlpi_name) };
    let changes = (info.dlpi_adds, info.dlpi_subs);
    let thread_locals = info.dlpi_tls_data.addr();
    let object = Object { name, bias: info.dlpi_addr as usize, changes, thread_locals, headers };
    if act(&object) { 0 } else { 1 }
}

/// How far the thread-local variables of all files that are loaded lie from the
/// calling thread's block, at most: bytes below it, bytes above it. The same for
/// every thread. What was loaded late has memory from the heap instead.
pub(crate) fn static_thread_locals() -> (usize, usize) {
    /// The C library keeps all of a thread's in one piece.
    const DISTANCE_MAX: usize = 1 << 20;
    let block = super::thread_block();
    let (mut below, mut above) = (0, 0);
    each_object(|object| {
        let start = object.thread_locals;
        let size = object.segments(libc::PT_TLS).next().map_or(0, |segment| segment.range.len());
        if start != 0 && start.abs_diff(block) < DISTANCE_MAX {
            below = below.max(block.saturating_sub(start));
            above = above.max((start + size).saturating_sub(block));
        }
        true
    });
    (below, above)
}

/// The path of the program's own file; `None` where it does not fit.
pub(crate) fn program_path(buffer: &mut [u8]) -> Option<&[u8]> {
    // SAFETY: the path is a C string, the buffer writable for its size.
    let count = unsafe {
        libc::readlink(c"/proc/self/exe".as_ptr(), buffer.as_mut_ptr().cast(), buffer.len())
    };
    buffer.get(..usize::try_from(count).ok()?)
}
