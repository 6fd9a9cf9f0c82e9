//! Where a thread's stack lies, asked of the kernel: the C library's answer
//! allocates.

use core::ffi::c_void;
use core::mem;
use core::ptr;

use super::files::close;
use super::process::{errno, process_id};
use super::{open_file, read_on};

/// What `PROCMAP_QUERY` takes and answers, as the kernel lays it out.
#[repr(C)]
#[derive(Default)]
struct MapQuery {
    size: u64,
    flags: u64,
    address: u64,
    start: u64,
    end: u64,
    access: u64,
    page_size: u64,
    offset: u64,
    inode: u64,
    device: [u32; 2],
    name_size: u32,
    build_id_size: u32,
    name: u64,
    build_id: u64,
}

/// `_IOWR('f', 17, struct procmap_query)`.
const PROCMAP_QUERY: u32 = 3 << 30 | (size_of::<MapQuery>() as u32) << 16 | (b'f' as u32) << 8 | 17;
/// Kernels before 6.11 tell of maps as text only; more of it than this is not
/// read, bytes: a thread of ten thousand would read a megabyte.
const MAPS_READ_MAX: usize = 256 << 10;

/// The mapping that an address lies in, from its start to its end; `None` where
/// there is none or the kernel does not tell.
pub(crate) fn mapping_of(address: usize) -> Option<(usize, usize)> {
    keeping_errno(|| {
        let descriptor = open_file(c"/proc/self/maps").ok()?;
        let found = query(descriptor, address).unwrap_or_else(|()| search(descriptor, address));
        close(descriptor);
        found
    })
}

/// Asks for one mapping; an error where the kernel does not know the question.
fn query(descriptor: i32, address: usize) -> Result<Option<(usize, usize)>, ()> {
    let mut question = MapQuery {
        size: size_of::<MapQuery>() as u64,
        address: address as u64,
        ..MapQuery::default()
    };
    let place: *mut c_void = (&raw mut question).cast();
    // SAFETY: the structure says how large it is, and asks for nothing beyond it.
    let refused = unsafe { libc::ioctl(descriptor, PROCMAP_QUERY as _, place) };
    match refused {
        0 => Ok(Some((question.start as usize, question.end as usize))),
        _ if errno() == libc::ENOENT => Ok(None),
        _ => Err(()),
    }
}

/// Reads the maps until the one that holds the address.
fn search(descriptor: i32, address: usize) -> Option<(usize, usize)> {
    let mut buffer = [0_u8; 1024];
    let mut line = MapLine::default();
    for _ in 0..MAPS_READ_MAX / buffer.len() {
        let count = read_on(descriptor, &mut buffer);
        for byte in buffer.get(..count).filter(|read| !read.is_empty())? {
            if let Some((start, end)) = line.add(*byte)
                && (start..end).contains(&address)
            {
                return Some((start, end));
            }
        }
    }
    None
}

/// The two addresses that a line of the maps begins with, byte by byte.
#[derive(Default)]
struct MapLine {
    start: usize,
    end: usize,
    /// 0 in the first address, 1 in the second, 2 behind them.
    field: u8,
}

impl MapLine {
    fn add(&mut self, byte: u8) -> Option<(usize, usize)> {
        match (byte, self.field) {
            (b'\n', _) => *self = Self::default(),
            (b'-', 0) => self.field = 1,
            (b' ', 1) => {
                self.field = 2;
                return Some((self.start, self.end));
            }
            (_, 0) => self.start = self.start << 4 | digit(byte),
            (_, 1) => self.end = self.end << 4 | digit(byte),
            _ => {}
        }
        None
    }
}

fn digit(byte: u8) -> usize {
    usize::from(if byte.is_ascii_digit() {
        byte - b'0'
    } else {
        (byte | 0x20).wrapping_sub(b'a' - 10)
    })
}

/// An address on the stack that the process began with, above every frame.
pub(crate) fn first_stack() -> usize {
    // SAFETY: getauxval has no preconditions.
    unsafe { libc::getauxval(libc::AT_RANDOM) as usize }
}

/// How large the process's first stack may become, bytes.
pub(crate) fn first_stack_limit() -> usize {
    // SAFETY: all zeros is a valid rlimit.
    let mut limit: libc::rlimit = unsafe { mem::zeroed() };
    // SAFETY: the place is writable.
    let refused = keeping_errno(|| unsafe { libc::getrlimit(libc::RLIMIT_STACK, &mut limit) });
    if refused == 0 { usize::try_from(limit.rlim_cur).unwrap_or(usize::MAX) } else { 0 }
}

/// Whether the calling thread is the one that the process began with.
pub(crate) fn is_first_thread() -> bool {
    super::thread_id() == process_id()
}

/// Where the C library keeps what it knows of the calling thread: for every
/// thread but the first at the end of its stack, above all frames.
pub(crate) fn thread_block() -> usize {
    // SAFETY: the call has no preconditions.
    unsafe { libc::pthread_self() as usize }
}

/// Copies words of this process, as many as can be read, from an address that
/// is a multiple of 8; what is not there is no fault. `None` where the kernel
/// does not let the process read itself in this way.
pub(crate) fn read_words(address: usize, words: &mut [usize]) -> Option<usize> {
    const PAGE_SIZE: usize = 4 << 10;
    const PIECES: usize = 4;
    let size = size_of_val(words);
    let local = libc::iovec { iov_base: words.as_mut_ptr().cast(), iov_len: size };
    // A piece a page: the kernel may give up a piece whose end it cannot read.
    let mut pieces = [libc::iovec { iov_base: ptr::null_mut(), iov_len: 0 }; PIECES];
    let (mut at, mut left) = (address, size);
    for piece in &mut pieces {
        let here = left.min(PAGE_SIZE - at % PAGE_SIZE);
        *piece = libc::iovec { iov_base: ptr::without_provenance_mut(at), iov_len: here };
        (at, left) = (at.wrapping_add(here), left - here);
    }
    keeping_errno(|| {
        let process = process_id() as i32;
        // SAFETY: the local buffer is writable for its size; the kernel checks
        // the remote pieces.
        let count = unsafe {
            libc::process_vm_readv(process, &local, 1, pieces.as_ptr(), PIECES as u64, 0)
        };
        match usize::try_from(count) {
            Ok(count) => Some(count / size_of::<usize>()),
            Err(_) if errno() == libc::EFAULT => Some(0),
            Err(_) => None,
        }
    })
}

/// Does something that leaves the calling thread's last error as it was: a
/// program that asks for it may have allocated in between.
pub(crate) fn keeping_errno<T>(act: impl FnOnce() -> T) -> T {
    // SAFETY: the call has no preconditions.
    let place = unsafe { libc::__errno_location() };
    // SAFETY: glibc and musl promise a valid pointer for the calling thread.
    let before = unsafe { *place };
    let answer = act();
    // SAFETY: as above.
    unsafe { *place = before };
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_to_ask_find_the_same_mapping() {
        let here = 0_u8;
        let address = (&raw const here) as usize;
        let descriptor = open_file(c"/proc/self/maps").unwrap();
        let read = search(descriptor, address).unwrap();
        assert!((read.0..read.1).contains(&address));
        if let Ok(asked) = query(descriptor, address) {
            assert_eq!(asked, Some(read));
            assert_eq!(query(descriptor, 8), Ok(None));
        }
        close(descriptor);
        assert_eq!(mapping_of(8), None);
    }

    #[test]
    fn words_that_are_not_there_are_not_read() {
        let there = [1_usize, 2, 3];
        let mut words = [0; 3];
        assert_eq!(read_words(there.as_ptr() as usize, &mut words), Some(3));
        assert_eq!(words, there);
        assert_eq!(read_words(8, &mut words), Some(0));
        // As far as the page before one that is not there.
        let pages = super::super::map_private(2 * 4096) as usize;
        super::super::unmap(ptr::with_exposed_provenance_mut(pages + 4096), 4096);
        assert_eq!(read_words(pages + 4096 - 16, &mut words), Some(2));
    }
}
