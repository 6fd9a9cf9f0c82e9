//! `scrubjay log info`: what the file is made of.

use std::io::Write;

use scrubjay_log_format::{ChunkKind, ClockKind, process};
use serde::Serialize;

use crate::analysis::clock::Clock;
use crate::analysis::run::Run;
use crate::commands::Log;
use crate::commands::losses::Losses;
use crate::error::Error;
use crate::session::Session;
use crate::text;

#[derive(Serialize)]
struct Info {
    version: u32,
    run: Run,
    chunk_size_bytes: u32,
    limit_bytes: u64,
    page_size_bytes: u32,
    clock: &'static str,
    tick_ns: Option<f64>,
    clock_pairs: u64,
    frame_capacity: u32,
    frames: u64,
    frame_spacing_ns: u64,
    frames_skipped: u64,
    tags: u64,
    sites: u64,
    stack_frames: u64,
    modules: u64,
    note_count: u64,
    losses: Losses,
    thread_slots: u64,
    chunks: Vec<Kind>,
    unused_chunks: u64,
}

#[derive(Serialize)]
struct Kind {
    kind: String,
    count: u64,
    sealed: u64,
    bytes: u64,
}

/// Answers; the exit code.
pub fn run(log: &Log, mut session: Session<'_>) -> Result<u8, Error> {
    let file = session.open(&log.path)?;
    let ledger = session.ledger(&file)?;
    let header = &file.header;
    let chunk_size = u64::from(header.chunk_size);
    let clock = Clock::new(&file);
    let info = Info {
        version: file.version,
        run: Run::new(&file, &ledger),
        chunk_size_bytes: header.chunk_size,
        limit_bytes: header.limit_bytes,
        page_size_bytes: header.page_size,
        clock: match header.clock {
            ClockKind::Monotonic => "monotonic",
            ClockKind::Counter => "counter",
        },
        tick_ns: clock.tick_ns(),
        clock_pairs: file.process[process::CLOCK_SEQUENCE],
        frame_capacity: header.frame_capacity,
        frames: ledger.frames.ring(header).len() as u64,
        frame_spacing_ns: file.process[process::FRAME_SPACING_NS],
        frames_skipped: file.process[process::FRAME_SKIPPED_COUNT],
        tags: ledger.known().count() as u64,
        sites: ledger.sites.count(),
        stack_frames: ledger.sites.frame_count(),
        modules: ledger.module_count,
        note_count: ledger.notes.count(),
        losses: Losses::new(&file, &ledger),
        thread_slots: ledger.threads.len() as u64,
        chunks: ledger
            .kinds
            .iter()
            .map(|(&number, count)| Kind {
                kind: ChunkKind::from_number(number)
                    .map_or_else(|| format!("kind {number}"), |kind| kind.name().into()),
                count: count.chunks,
                sealed: count.sealed,
                bytes: count.chunks * chunk_size,
            })
            .collect(),
        unused_chunks: ledger.unused_chunks,
    };
    if session.is_json() {
        session.json("log info", &file, &info, &ledger.damages)?;
    } else {
        info.write(&mut session, file.size())?;
    }
    session.report(&file, &ledger.damages);
    session.end()
}

impl Info {
    fn write(&self, session: &mut Session<'_>, file_size: u64) -> Result<(), Error> {
        let is_narrow = session.is_narrow();
        let out = &mut session.out;
        let run = &self.run;
        let tick = self.tick_ns.map_or_else(
            || "not measured".into(),
            |tick_ns| format!("{tick_ns:.6} ns a tick, measured {} times", self.clock_pairs),
        );
        let mut mode = format!("{}, wipe {}", run.mode, run.wipe_policy);
        if run.mode_changes > 0 {
            let changes = text::plural(run.mode_changes, "change");
            mode += &format!("; {changes}, now {}", run.last_mode);
        }
        if run.mode == "sample" || run.last_mode == "sample" {
            mode += &format!(", a sample every {}", text::size(run.sample_interval_bytes));
        }
        let stacks = if run.has_stacks {
            format!("by {}, {} frames at most", run.engine, text::count(run.stack_depth.into()))
        } else {
            "not recorded".into()
        };
        let flags = [(run.is_late, "late start"), (run.is_forked, "forked child")];
        let flags: Vec<&str> = flags.iter().filter(|(is, _)| *is).map(|&(_, name)| name).collect();
        let facts = [
            ("format", format!("version {}", self.version)),
            ("file", format!("{}, limit {}", text::size(file_size), text::size(self.limit_bytes))),
            ("chunks of", text::size(self.chunk_size_bytes.into())),
            (
                "program",
                format!("{}, process {} of {}", run.program, run.process_id, run.parent_id),
            ),
            ("host", run.host.clone()),
            ("started", run.started_utc.clone()),
            ("end", run.end.sentence().into()),
            ("mode", mode),
            ("stacks", stacks),
            ("at limit", run.at_limit.into()),
            ("flags", if flags.is_empty() { "none".into() } else { flags.join(", ") }),
            ("clock", format!("{}, {tick}", self.clock)),
            (
                "frames",
                format!(
                    "{} in a ring of {}, {} apart, {} skipped",
                    text::count(self.frames),
                    text::count(self.frame_capacity.into()),
                    text::time(self.frame_spacing_ns),
                    text::count(self.frames_skipped)
                ),
            ),
            ("tags", text::count(self.tags)),
            (
                "sites",
                format!(
                    "{}, their stacks of {} frames, {}",
                    text::count(self.sites),
                    text::count(self.stack_frames),
                    text::plural(self.modules, "module")
                ),
            ),
            ("notes", text::count(self.note_count)),
            (
                "slots",
                format!(
                    "{} for {}",
                    text::count(self.thread_slots),
                    text::plural(run.threads, "thread")
                ),
            ),
        ];
        for (name, fact) in facts {
            writeln!(out, "{name:<10} {fact}")?;
        }
        out.write_notes()?;
        for line in self.losses.sentences(run.events_in_flight) {
            writeln!(out, "{:<10} {line}", "lacks")?;
        }
        writeln!(out)?;
        let mut table = text::Table::new(&["chunks", "count", "sealed", "size"], is_narrow);
        for kind in &self.chunks {
            table.row([
                kind.kind.clone(),
                text::count(kind.count),
                text::count(kind.sealed),
                text::size(kind.bytes),
            ]);
        }
        let unused = self.unused_chunks * u64::from(self.chunk_size_bytes);
        let count = text::count(self.unused_chunks);
        table.row(["(not yet used)".into(), count, String::new(), text::size(unused)]);
        write!(out, "{table}")?;
        Ok(())
    }
}
