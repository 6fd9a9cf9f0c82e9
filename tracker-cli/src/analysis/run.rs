//! What ran, and how it ended.

use std::collections::BTreeMap;

use scrubjay_log_format::{Mode, WipePolicy, header, process, thread};
use serde::Serialize;

use super::clock::Clock;
use super::file::LogFile;
use super::ledger::Ledger;
use super::slots::last_mode;

/// How a process ended, as far as its log tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum End {
    /// It has not: it holds the log's lock.
    Running,
    /// The log is a moment of a running process, written by a call.
    Dumped,
    /// By `exit`.
    Exited,
    /// Aborted by scrubjay, because a block was damaged.
    Corruption,
    /// Without a word: killed, or by `_exit`.
    Killed,
    /// Nothing was recorded at all.
    NeverBegan,
}

impl End {
    /// What the log says.
    pub fn of(file: &LogFile) -> Self {
        if file.header.has(header::FLAG_DUMP) {
            return Self::Dumped;
        }
        match file.process[process::STATE] {
            process::STATE_EXITED => Self::Exited,
            process::STATE_CORRUPTION => Self::Corruption,
            _ if file.is_being_written() => Self::Running,
            process::STATE_RUNNING => Self::Killed,
            _ => Self::NeverBegan,
        }
    }

    /// Whether the process counted on while its log was read or written.
    pub fn is_moving(self) -> bool {
        matches!(self, Self::Running | Self::Dumped)
    }

    /// The same as a sentence.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Running => "It still runs; the figures are of a moment ago.",
            Self::Dumped => "This is a moment of the running process, written by a call to dump.",
            Self::Exited => "It ended by exit.",
            Self::Corruption => "scrubjay aborted it: a block was found damaged.",
            Self::Killed => {
                "It was killed, or left by _exit; the log is complete up to that moment."
            }
            Self::NeverBegan => "It ended before anything was recorded.",
        }
    }
}

/// What ran.
#[derive(Clone, Debug, Serialize)]
pub struct Run {
    pub program: String,
    pub process_id: u32,
    pub parent_id: u32,
    pub host: String,
    pub started_utc: String,
    pub started_realtime_ns: u64,
    pub end: End,
    /// Until the end, or the last moment that the ledger knows of.
    pub duration_ns: Option<u64>,
    /// As the log began.
    pub mode: &'static str,
    /// At the end, and how often it was changed.
    pub last_mode: &'static str,
    pub mode_changes: u64,
    /// Whether stacks were recorded last, and how they are captured.
    pub has_stacks: bool,
    pub engine: &'static str,
    /// Most frames that are kept of a stack; 0 in logs of version 1.
    pub stack_depth: u32,
    /// Mean distance of two samples; 0 in logs of version 1.
    pub sample_interval_bytes: u64,
    /// What happens at the log's limit: "stop" or "ring".
    pub at_limit: &'static str,
    /// From when on the journal is there; null for its beginning.
    pub journal_since_ns: Option<u64>,
    pub wipe_policy: &'static str,
    pub is_late: bool,
    pub is_forked: bool,
    pub is_approximate: bool,
    pub threads: u64,
    pub threads_ended: u64,
    pub threads_at_once: u64,
    /// Events that the journal holds or has dropped.
    pub events: u64,
    pub events_in_flight: u64,
}

impl Run {
    /// What the header, the process words and the threads say.
    pub fn new(file: &LogFile, ledger: &Ledger) -> Self {
        let header = &file.header;
        let words = &file.process;
        let clock = Clock::new(file);
        Self {
            program: header.program.clone(),
            process_id: header.process_id,
            parent_id: header.parent_id,
            host: header.host.clone(),
            started_utc: clock.start_utc(),
            started_realtime_ns: header.start_realtime_ns,
            end: End::of(file),
            duration_ns: clock.ns(last_ticks(file, ledger)),
            mode: mode_name(header.mode),
            last_mode: mode_name(last_mode(file)),
            mode_changes: words[process::MODE_CHANGE_COUNT],
            has_stacks: words[process::MODE] & process::MODE_STACKS != 0,
            engine: engine_name(words[process::ENGINE]),
            stack_depth: header.stack_depth,
            sample_interval_bytes: header.sample_interval,
            at_limit: if words[process::AT_LIMIT] == 0 { "stop" } else { "ring" },
            journal_since_ns: journal_since(file, ledger).and_then(|ticks| clock.ns(ticks)),
            wipe_policy: wipe_name(header.wipe),
            is_late: header.has(header::FLAG_LATE),
            is_forked: header.has(header::FLAG_FORKED),
            is_approximate: header.has(header::FLAG_APPROXIMATE),
            threads: words[process::THREAD_COUNT],
            threads_ended: words[process::THREAD_ENDED_COUNT],
            threads_at_once: words[process::THREAD_LIVE_MAX],
            events: ledger.event_count(),
            events_in_flight: ledger.in_flight(),
        }
    }
}

/// The log's last moment: that of the end, else the latest that anything in
/// the ledger tells of.
pub fn last_ticks(file: &LogFile, ledger: &Ledger) -> u64 {
    let words = &file.process;
    if words[process::END_TICKS] > 0 {
        return words[process::END_TICKS];
    }
    let pair = process::CLOCK_PAIRS + 2 * (words[process::CLOCK_SEQUENCE] & 1) as usize;
    let last_frame = ledger.frames.ring(&file.header).last().map_or(0, |frame| frame.ticks);
    let candidates = [words[pair], words[process::PEAK_TICKS], last_frame, ledger.last_chunk_ticks];
    candidates.into_iter().max().unwrap_or(0).max(file.header.start_ticks)
}

/// From when on a ring's journal has every event, in ticks; `None` where nothing
/// was overwritten. It has single ones of before.
fn journal_since(file: &LogFile, ledger: &Ledger) -> Option<u64> {
    if file.process[process::OVERWRITTEN_CHUNK_COUNT] == 0 {
        return None;
    }
    let mut chunks = ledger.journal_chunks.clone();
    chunks.sort_unstable();
    let mut since = chunks.iter().map(|&(.., base)| base).min().unwrap_or(file.header.start_ticks);
    let mut next: BTreeMap<u32, u64> = BTreeMap::new();
    for (slot, sequence, base) in chunks {
        let expected = next.insert(slot, sequence + 1).unwrap_or(0);
        if sequence != expected {
            since = since.max(base);
        }
    }
    // Slots whose last chunks are gone, too.
    for (slot, words) in &ledger.threads {
        if next.get(slot).copied().unwrap_or(0) < words.words[thread::CHUNK_COUNT] {
            since = since.max(words.words[thread::END_TICKS]);
        }
    }
    Some(since)
}

/// How stacks are captured.
fn engine_name(engine: u64) -> &'static str {
    match engine {
        process::ENGINE_NONE => "none",
        process::ENGINE_FRAME_POINTERS => "frame-pointers",
        process::ENGINE_UNWIND_TABLES => "unwind-tables",
        _ => "unknown",
    }
}

/// A mode's name.
pub fn mode_name(mode: Mode) -> &'static str {
    match mode {
        Mode::Count => "count",
        Mode::Sample => "sample",
        Mode::Journal => "journal",
    }
}

/// A policy's name.
pub fn wipe_name(wipe: WipePolicy) -> &'static str {
    match wipe {
        WipePolicy::Off => "off",
        WipePolicy::Tagged => "tagged",
        WipePolicy::All => "all",
    }
}
