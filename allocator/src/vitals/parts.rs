//! What the resident bytes are made of: each mapping of the process, by what
//! stands there.

use core::ptr;
use core::sync::atomic::{AtomicPtr, Ordering};

use scrubjay_log_format::vitals::{
    self as format, HEAP_BYTES, LARGE_BYTES, LOG_BYTES, MAPPED_FILE_BYTES, OTHER_BYTES,
    OTHER_SHARED_BYTES, OWN_BYTES, PROGRAM_BYTES, PROPORTIONAL_BYTES, STACK_BYTES, WORD_COUNT,
};

use crate::limits::{THREAD_BLOCKS_MAX, VITALS_PARTS_MAX_NS};
use crate::listing::{each_line_while, value};
use crate::maps::Mapping;
use crate::{mapped, os, thread_blocks, vault};

/// glibc's further arenas stand in pieces of this size, at multiples of it, bytes.
const ARENA_SIZE: usize = 64 << 20;

/// A mapping, as far as what stands there is known from its own line.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    start: usize,
    end: usize,
    /// A word of the sample; 0 where the lines that follow decide.
    part: usize,
    /// Nobody may touch it.
    is_guard: bool,
    resident: u64,
}

/// Puts what is resident of each mapping where it belongs.
struct Sorter<'w> {
    words: &'w mut [u64; WORD_COUNT],
    /// Where the C library keeps what it knows of threads, in order.
    threads: &'w [usize],
    now: Seen,
    before: Seen,
    /// Mappings of one file follow each other: what they have resident, a hash of
    /// the file's name, and whether one of them is code.
    file: Option<(u64, u64)>,
    file_has_code: bool,
    file_end: usize,
}

/// The list of threads that nobody is using, once there is one. It is kept: whoever
/// reads the memory of a process that stands still finds no mapping gone.
static LIST: AtomicPtr<usize> = AtomicPtr::new(ptr::null_mut());

/// Adds the parts and the proportional share to a sample. False, and nothing is
/// known, where the kernel does not tell, or takes too long. Some 3 µs a mapping,
/// and 1 ms a GiB of small pages.
pub(super) fn ask(words: &mut [u64; WORD_COUNT]) -> bool {
    let size = THREAD_BLOCKS_MAX * size_of::<usize>();
    let mut place = LIST.swap(ptr::null_mut(), Ordering::Acquire);
    if place.is_null() {
        place = os::map_private(size).cast();
    }
    if place.is_null() {
        return false;
    }
    // SAFETY: numbers in a mapping of that size, aligned to a page, and ours alone
    // until it is put back.
    let threads = unsafe { core::slice::from_raw_parts_mut(place, THREAD_BLOCKS_MAX) };
    let mut count = 0;
    thread_blocks::each(|block| {
        if let Some(place) = threads.get_mut(count) {
            *place = block;
            count += 1;
        }
        true
    });
    let threads = threads.get_mut(..count).unwrap_or(&mut []);
    threads.sort_unstable();

    let mut fresh = [0; WORD_COUNT];
    let mut sorter = Sorter::new(&mut fresh, threads);
    let end = os::monotonic_ns() + VITALS_PARTS_MAX_NS;
    let is_whole = each_line_while(
        c"/proc/self/smaps",
        &mut [0; 8192],
        |line| sorter.line(line),
        || os::monotonic_ns() < end,
    );
    sorter.finish();
    let put_back =
        LIST.compare_exchange(ptr::null_mut(), place, Ordering::Release, Ordering::Relaxed);
    if put_back.is_err() {
        // Two asked at one time, and one list is enough.
        os::unmap(place.cast(), size);
    }
    if is_whole {
        for word in format::PART_WORDS.chain([PROPORTIONAL_BYTES]) {
            words[word] = fresh[word];
        }
    }
    is_whole
}

impl<'w> Sorter<'w> {
    fn new(words: &'w mut [u64; WORD_COUNT], threads: &'w [usize]) -> Self {
        Self {
            words,
            threads,
            now: Seen::default(),
            before: Seen::default(),
            file: None,
            file_has_code: false,
            file_end: 0,
        }
    }

    fn line(&mut self, line: &[u8]) {
        if line.first().is_some_and(u8::is_ascii_uppercase) {
            if let Some(size) = value(line, b"Rss") {
                self.now.resident = size;
            } else if let Some(size) = value(line, b"Pss") {
                self.words[PROPORTIONAL_BYTES] += size;
            }
        } else if let Some(mapping) = Mapping::parse(line) {
            self.begin(&mapping);
        }
    }

    /// A mapping begins, so the one before is known whole.
    fn begin(&mut self, mapping: &Mapping<'_>) {
        let is_guard = !mapping.is_readable && !mapping.is_writable && !mapping.is_code;
        let next = Seen { start: mapping.start, end: mapping.end, is_guard, ..Seen::default() };
        self.settle(next);
        let part = self.part_of(mapping);
        if part == MAPPED_FILE_BYTES {
            let name = hash(mapping.path);
            if self.file.is_none_or(|(_, other)| other != name) {
                self.settle_file();
                self.file = Some((0, name));
            }
            self.file_has_code |= mapping.is_code;
            self.file_end = mapping.end;
        } else if part == 0 && self.file_has_code && mapping.start == self.file_end {
            // Variables that begin as zeros.
            self.now.part = PROGRAM_BYTES;
            return;
        }
        self.now.part = part;
    }

    /// Adds what the mapping so far has; `next` is the one behind it.
    fn settle(&mut self, next: Seen) {
        let Seen { start, end, part, resident, .. } = self.now;
        let is_arena = || {
            start.is_multiple_of(ARENA_SIZE)
                && (end - start == ARENA_SIZE
                    || next.is_guard && next.start == end && next.end >= start + ARENA_SIZE)
        };
        match part {
            MAPPED_FILE_BYTES => {
                if let Some((sum, _)) = &mut self.file {
                    *sum += resident;
                }
            }
            0 if is_arena() => self.words[HEAP_BYTES] += resident,
            0 => self.words[OTHER_BYTES] += resident,
            part => self.words[part] += resident,
        }
        self.before = self.now;
        self.now = next;
    }

    fn settle_file(&mut self) {
        if let Some((resident, _)) = self.file.take() {
            let part = if self.file_has_code { PROGRAM_BYTES } else { MAPPED_FILE_BYTES };
            self.words[part] += resident;
        }
        self.file_has_code = false;
    }

    fn finish(&mut self) {
        self.settle(Seen::default());
        self.settle_file();
    }

    /// Where a mapping belongs, from its line and the one before; 0 for anonymous
    /// memory of which these do not tell.
    fn part_of(&self, mapping: &Mapping<'_>) -> usize {
        let start = ptr::without_provenance_mut(mapping.start);
        if mapped::contains(start) || vault::contains(start) {
            return LARGE_BYTES;
        }
        if is_own(mapping.start, mapping.end) {
            return if mapping.is_shared { LOG_BYTES } else { OWN_BYTES };
        }
        if mapping.path == b"[heap]" {
            return HEAP_BYTES;
        }
        if mapping.path.starts_with(b"[stack") {
            return STACK_BYTES;
        }
        if mapping.is_anonymous() {
            let is_guarded = self.before.is_guard && self.before.end == mapping.start;
            return if is_guarded && self.has_thread(mapping) { STACK_BYTES } else { 0 };
        }
        let shared: [&[u8]; 4] = [b"/dev/", b"/memfd:", b"/SYSV", b"[anon_shmem"];
        if mapping.path.is_empty() || shared.iter().any(|name| mapping.path.starts_with(name)) {
            return OTHER_SHARED_BYTES;
        }
        if mapping.path.starts_with(b"/") { MAPPED_FILE_BYTES } else { PROGRAM_BYTES }
    }

    fn has_thread(&self, mapping: &Mapping<'_>) -> bool {
        let at = self.threads.partition_point(|&block| block < mapping.start);
        self.threads.get(at).is_some_and(|&block| block < mapping.end)
    }
}

/// Whether a mapping is scrubjay's own, or the kernel has made one of several that
/// mostly are.
fn is_own(start: usize, end: usize) -> bool {
    let mut own = 0;
    os::each_own(|from, to| own += to.min(end).saturating_sub(from.max(start)));
    own >= (end - start).div_ceil(2)
}

/// FNV-1a.
fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What of this list is where.
    fn sort(text: &str, threads: &[usize]) -> [u64; WORD_COUNT] {
        let mut words = [0; WORD_COUNT];
        let mut sorter = Sorter::new(&mut words, threads);
        text.lines().for_each(|line| sorter.line(line.as_bytes()));
        sorter.finish();
        words
    }

    const LIST: &str = "\
1000-2000 r--p 00000000 08:02 5 /usr/bin/a
Rss: 1 kB
Pss: 1 kB
2000-3000 r-xp 00000000 08:02 5 /usr/bin/a
Rss: 2 kB
3000-4000 rw-p 00000000 08:02 5 /usr/bin/a
Rss: 4 kB
4000-5000 rw-p 00000000 00:00 0
Rss: 8 kB
6000-7000 rw-p 00000000 00:00 0 [heap]
Rss: 16 kB
8000-9000 r--s 00000000 08:02 6 /models/weights
Rss: 32 kB
Pss: 3 kB
a000-b000 rw-s 00000000 00:01 7 /memfd:mine (deleted)
Rss: 64 kB
4000000-4100000 rw-p 00000000 00:00 0
Rss: 128 kB
4100000-8000000 ---p 00000000 00:00 0
Rss: 0 kB
8000000-8001000 ---p 00000000 00:00 0
8001000-9000000 rw-p 00000000 00:00 0
Rss: 256 kB
9000000-a000000 rw-p 00000000 00:00 0
Rss: 512 kB
10000000-10001000 rw-p 00000000 00:00 0 [stack]
Rss: 1024 kB
20000000-20001000 r-xp 00000000 00:00 0 [vdso]
Rss: 2048 kB
";

    #[test]
    fn every_mapping_has_its_part() {
        let words = sort(LIST, &[0x8ff_ff00]);
        let expected = [
            (PROGRAM_BYTES, 1 + 2 + 4 + 8 + 2048),
            (HEAP_BYTES, 16 + 128),
            (MAPPED_FILE_BYTES, 32),
            (OTHER_SHARED_BYTES, 64),
            (STACK_BYTES, 256 + 1024),
            (OTHER_BYTES, 512),
            (PROPORTIONAL_BYTES, 4),
        ];
        for (word, size) in expected {
            assert_eq!(words[word], size << 10, "{}", format::NAMES[word]);
        }
        assert_eq!(format::Vitals(words).part_bytes(), 4095 << 10);
    }

    #[test]
    fn a_stack_is_known_by_its_thread_and_its_guard() {
        assert_eq!(sort(LIST, &[])[STACK_BYTES], 1024 << 10);
        // The first thread's block stands in memory like any other.
        assert_eq!(sort(LIST, &[0x9ff_ff00])[STACK_BYTES], 1024 << 10);
    }

    #[test]
    fn this_process_s_parts_are_its_resident_bytes() {
        let mut words = [0; WORD_COUNT];
        assert!(ask(&mut words));
        let parts = format::Vitals(words).part_bytes();
        let resident = super::super::sample::resident_now().unwrap();
        assert!(parts.abs_diff(resident) < resident / 5 + (4 << 20), "{parts} of {resident}");
        assert!(words[PROGRAM_BYTES] > 0 && words[STACK_BYTES] > 0);
    }
}
