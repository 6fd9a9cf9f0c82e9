//! Windows of the file, mapped when they are needed, and the chunks in them.

use core::sync::atomic::{AtomicU64, Ordering};

use scrubjay_log_format::{ChunkHeader, ChunkKind, chunk, process};

use crate::clock;
use crate::control::control;
use crate::limits::{POPULATED_AHEAD, WINDOW_SIZE};
use crate::os::{self, NoRoom};

use super::Store;

/// What became of asking for a chunk of the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Room {
    /// The chunk's index.
    Chunk(u32),
    /// The helper has not made it yet.
    NotYet,
    /// There will be none any more.
    Ended,
}

/// Whether the calling thread is the helper, for which nobody makes room. Asks
/// the system: for once a chunk.
fn is_helper() -> bool {
    control().helper_id.load(Ordering::Relaxed) == os::thread_id()
}

impl Store {
    /// A chunk's words; `None` where it is not mapped.
    #[inline]
    pub(crate) fn chunk(&self, index: u32) -> Option<&'static [AtomicU64]> {
        let size = u64::from(self.chunk_size());
        let start = u64::from(index) * size;
        if start + size > self.mapped.load(Ordering::Acquire) {
            return None;
        }
        // SAFETY: the offset lies within the reserved range.
        let place = unsafe { self.fixed.base.load(Ordering::Relaxed).add(start as usize) };
        // SAFETY: below `mapped` the range is readable and writable for ever,
        // page-aligned, and only ever used through atomics.
        Some(unsafe { core::slice::from_raw_parts(place.cast(), size as usize / 8) })
    }

    /// Maps the next window. The caller holds the lock on windows, or is alone.
    pub(super) fn map_window(&self) -> Result<(), NoRoom> {
        let start = self.mapped.load(Ordering::Relaxed);
        let size = WINDOW_SIZE as u64;
        if self.exhausted.load(Ordering::Relaxed) || start + size > self.fixed.reserved {
            return Err(NoRoom::Refused(libc::ENOSPC));
        }
        if let Some(descriptor) = self.fixed.descriptor {
            let reserved = match self.is_open() {
                true => os::reserve_file(descriptor, start, size),
                false => Err(NoRoom::Refused(libc::EBADF)),
            };
            reserved.inspect_err(|_| self.exhausted.store(true, Ordering::Relaxed))?;
        }
        // SAFETY: `start` lies within the reserved range.
        let place = unsafe { self.fixed.base.load(Ordering::Relaxed).add(start as usize) };
        // SAFETY: the range was reserved by us, and nothing refers to what
        // lies at or above `mapped`.
        if !unsafe { os::map_over(place, WINDOW_SIZE, self.fixed.descriptor, start) } {
            self.exhausted.store(true, Ordering::Relaxed);
            return Err(NoRoom::Refused(libc::ENOMEM));
        }
        if control().helper.load(Ordering::Relaxed) == 1 && self.is_made_ahead() {
            // SAFETY: the range was just mapped; nobody writes it as bytes.
            os::populate(unsafe { core::slice::from_raw_parts(place, WINDOW_SIZE) });
        }
        self.mapped.store(start + size, Ordering::Release);
        Ok(())
    }

    /// Maps windows until `end` bytes are there. Waits at most for the lock's
    /// limit.
    fn map_until(&self, end: u64) -> bool {
        while self.mapped.load(Ordering::Acquire) < end {
            let Some(_guard) = control().windows.try_for_a_while() else { return false };
            if self.mapped.load(Ordering::Acquire) < end && self.map_window().is_err() {
                return false;
            }
        }
        true
    }

    /// Takes a chunk for the ledger: beyond the journal's limit, too.
    pub(super) fn take_ledger_chunk(&self, kind: ChunkKind, first_record: u32) -> Option<u32> {
        let count = &self.process()[process::CHUNK_COUNT];
        let size = u64::from(self.chunk_size());
        let index = count.fetch_add(1, Ordering::Relaxed);
        if !self.map_until((index + 1) * size) {
            return None;
        }
        let index = u32::try_from(index).ok()?;
        self.begin_chunk(&ChunkHeader {
            kind: kind as u16,
            index,
            owner: first_record,
            sequence: 0,
            thread: 0,
            base_ticks: clock::ticks(),
            first_event: 0,
            payload_checksum: None,
        });
        Some(index)
    }

    /// Takes a chunk for the journal.
    pub(crate) fn take_journal_chunk(&self) -> Room {
        let count = &self.process()[process::CHUNK_COUNT];
        let size = u64::from(self.chunk_size());
        let helped = control().helper.load(Ordering::Relaxed) == 1 && !is_helper();
        let mut index = count.load(Ordering::Relaxed);
        loop {
            let end = (index + 1) * size;
            if end > self.fixed.config.log_limit {
                return Room::Ended;
            }
            if end > self.mapped.load(Ordering::Acquire) {
                if self.exhausted.load(Ordering::Relaxed) {
                    return Room::Ended;
                }
                if helped || !self.map_until(end) {
                    return Room::NotYet;
                }
            }
            match count.compare_exchange_weak(
                index,
                index + 1,
                Ordering::Relaxed,
                Ordering::Relaxed,
            ) {
                Ok(_) => break,
                Err(now) => index = now,
            }
        }
        if helped && self.ahead() < POPULATED_AHEAD as u64 / 2 {
            os::wake_all(&control().demand);
        }
        self.begin_ring();
        match u32::try_from(index) {
            Ok(index) => Room::Chunk(index),
            Err(_) => Room::Ended,
        }
    }

    /// Bytes that are mapped and not handed out.
    fn ahead(&self) -> u64 {
        let used = self.process()[process::CHUNK_COUNT].load(Ordering::Relaxed)
            * u64::from(self.chunk_size());
        self.mapped.load(Ordering::Relaxed).saturating_sub(used)
    }

    /// Maps one more window ahead of the journal, if it wants one. For the
    /// helper thread.
    pub(crate) fn map_ahead(&self) -> bool {
        let mapped = self.mapped.load(Ordering::Relaxed);
        if !self.is_made_ahead()
            || self.ahead() >= POPULATED_AHEAD as u64
            || mapped >= self.fixed.config.log_limit
        {
            return false;
        }
        let Some(_guard) = control().windows.try_for_a_while() else { return true };
        self.map_window().is_ok()
    }

    /// Whether the file system, not the limit, ended the log.
    pub(crate) fn is_exhausted(&self) -> bool {
        self.exhausted.load(Ordering::Relaxed)
    }

    /// Writes a chunk's header, so that a kill leaves either all or nothing of
    /// it, and nobody sees a checksum before what it is of.
    pub(crate) fn begin_chunk(&self, header: &ChunkHeader) {
        let Some(words) = self.chunk(header.index) else { return };
        let bytes = header.encode();
        let (encoded, _) = bytes.as_chunks();
        for (word, &bytes) in words.iter().zip(encoded).skip(1) {
            word.store(u64::from_le_bytes(bytes), Ordering::Release);
        }
        if let (Some(word), Some(&bytes)) = (words.first(), encoded.first()) {
            word.store(u64::from_le_bytes(bytes), Ordering::Release);
        }
    }

    /// Seals a chunk whose records do not change any more.
    pub(crate) fn seal_chunk(&self, index: u32) {
        let Some(words) = self.chunk(index) else { return };
        let Some(first) = words.first() else { return };
        let place: *const u8 = first.as_ptr().cast();
        // SAFETY: the chunk is mapped for its size, and the only thread that
        // wrote records in it is the caller, who is done.
        let bytes = unsafe { core::slice::from_raw_parts(place, self.chunk_size() as usize) };
        let checksum = u64::from(chunk::payload_checksum(bytes));
        const {
            assert!(chunk::PAYLOAD_CHECKSUM_AT.is_multiple_of(8));
            assert!(chunk::SEALED_AT == chunk::CHECKSUM_AT + 4);
        }
        words[chunk::PAYLOAD_CHECKSUM_AT / 8].store(checksum, Ordering::Relaxed);
        words[chunk::CHECKSUM_AT / 8].fetch_or(u64::from(chunk::SEALED) << 32, Ordering::Release);
        self.wake_ring();
    }
}
