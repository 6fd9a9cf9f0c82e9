//! Logs by a call: one that starts now, and a dump of this moment.

use core::ffi::CStr;
use core::sync::atomic::Ordering;
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use scrubjay_log_format::chunk::HEADER_SIZE;
use scrubjay_log_format::{ChunkKind, header, process};

use crate::config::Config;
use crate::line::Line;
use crate::store::Store;
use crate::vitals::{self, Detail};
use crate::{frames, ledger, log_name, os, process as life, thread};

/// Starts a log of the process from now on. In the name `%p` stands for the
/// process id, `%t` for the time, `%e` for the program, `%h` for the host,
/// `%n` for a counter; a name that exists takes the next number. Answers the
/// log's path.
///
/// What was counted before stays counted: each thread carries its figures
/// over at its next event. A thread that was within an event just now, and
/// never has another, is copied once more when the process exits.
///
/// # Errors
/// If there is a log already, or the file cannot be made or given room.
pub fn start_log(name: impl AsRef<Path>) -> io::Result<PathBuf> {
    let mut path = PathBuf::new();
    let keep = |name: &CStr| path = path_of(name);
    life::start_log(name.as_ref().as_os_str().as_bytes(), keep).map_err(error_of)?;
    Ok(path)
}

/// Writes a log of this moment: the ledger and its frames, without a journal.
/// It needs no log to have been asked for, and other threads go on meanwhile:
/// each counter is as it was at some moment during the call.
///
/// The name is as for [`start_log`]; answers the dump's path.
///
/// # Errors
/// If the file cannot be made or written; what was written of it stays.
pub fn dump(name: impl AsRef<Path>) -> io::Result<PathBuf> {
    let nothing = || io::Error::other("nothing is counted, so there is nothing to dump");
    let store = life::begin_now(&Config::new()).ok_or_else(nothing)?;
    thread::here(|here| {
        if let Some(slot) = here.slot.get().filter(|slot| slot.index() != thread::ORPHANS) {
            ledger::publish_all(slot);
        }
    });
    frames::write_now(store);
    vitals::write_now(store, Detail::Heap);
    let mut path = PathBuf::new();
    let created = log_name::create(name.as_ref().as_os_str().as_bytes(), |descriptor, name| {
        path = path_of(name);
        descriptor
    });
    let descriptor = created.map_err(io::Error::from_raw_os_error)?;
    let written = write_chunks(store, descriptor);
    os::close(descriptor);
    written.map(|()| path)
}

fn path_of(name: &CStr) -> PathBuf {
    OsStr::from_bytes(name.to_bytes()).into()
}

fn error_of(line: Line) -> io::Error {
    io::Error::other(String::from_utf8_lossy(line.as_bytes()).into_owned())
}

/// Writes chunk 0 and every chunk of the ledger, each at its place, so that a
/// journal's chunks are left out as holes.
fn write_chunks(store: &'static Store, descriptor: i32) -> io::Result<()> {
    let words = store.process();
    let chunk_count = words[process::CHUNK_COUNT].load(Ordering::Acquire) as u32;
    let size = store.chunk_size() as usize;
    let mut bytes = vec![0; size];
    for index in 0..chunk_count {
        let Some(chunk) = store.chunk(index) else { break };
        for (bytes, word) in bytes.chunks_exact_mut(8).zip(chunk) {
            bytes.copy_from_slice(&word.load(Ordering::Relaxed).to_le_bytes());
        }
        if index == 0 {
            let flags = store.flags() | header::FLAG_DUMP;
            bytes[..header::SIZE].copy_from_slice(&store.header(flags));
        } else if kind_of(&bytes) == ChunkKind::Journal as u16 {
            continue;
        }
        os::write_at(descriptor, &bytes, u64::from(index) * size as u64)?;
    }
    Ok(())
}

fn kind_of(chunk: &[u8]) -> u16 {
    const KIND_AT: usize = 4;
    const {
        assert!(KIND_AT + 2 <= HEADER_SIZE);
    }
    u16::from_le_bytes([chunk[KIND_AT], chunk[KIND_AT + 1]])
}
