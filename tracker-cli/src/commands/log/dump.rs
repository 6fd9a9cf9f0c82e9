//! `scrubjay log dump`: every record, one a line, in the order of the file.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use scrubjay_log_format::cell::{self, PageOwner};
use scrubjay_log_format::thread::ThreadRecord;
use scrubjay_log_format::{
    ChunkHeader, ChunkKind, Event, EventKind, Registered, TAGS_PER_GROUP, TagDeclaration, chunk,
    event, frame, process, tag, thread,
};
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use crate::analysis::clock::Clock;
use crate::analysis::damage::{Damage, Damages};
use crate::analysis::file::{Chunks, LogFile, Place};
use crate::analysis::ledger::Ledger;
use crate::analysis::run::{mode_name, wipe_name};
use crate::analysis::tables::{ledger_kind, records};
use crate::commands::rows::{class_name, request_name};
use crate::error::Error;
use crate::session::Session;

/// What is asked.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The log
    #[arg(value_name = "LOG")]
    path: PathBuf,
    /// Only chunks of this kind (tags, cells, journal, ...; header for chunk 0)
    #[arg(long, value_name = "KIND")]
    kind: Option<String>,
}

/// Answers; the exit code.
pub fn run(arguments: &Arguments, session: Session<'_>) -> Result<u8, Error> {
    let file = session.open(&arguments.path)?;
    let ledger = Ledger::read(&file, &session.progress("reading", &file))?;
    let wanted = |kind: &str| arguments.kind.as_deref().is_none_or(|wanted| wanted == kind);
    let mut dump = Dump {
        clock: Clock::new(&file),
        file: &file,
        ledger: &ledger,
        session,
        damages: Damages::default(),
    };
    if let Some(damage) = file.cut_short() {
        dump.damage(damage.clone())?;
    }
    if wanted("header") {
        dump.file_header()?;
    }
    let mut chunks = Chunks::new(&file);
    while let Some((_, place)) = chunks.next()? {
        if dump.session.out.is_closed() {
            break;
        }
        let header = match place {
            Place::Unused => continue,
            Place::Damaged(damage) => {
                dump.damage(damage)?;
                continue;
            }
            Place::Chunk(header) => header,
        };
        let kind = ChunkKind::from_number(header.kind).map_or("unknown", ChunkKind::name);
        if !wanted(kind) {
            continue;
        }
        match chunks.load(&header)? {
            Ok(bytes) => dump.chunk(&header, kind, bytes)?,
            Err(damage) => dump.damage(damage)?,
        }
    }
    let Dump { mut session, damages, .. } = dump;
    session.report(&file, &damages);
    session.end()
}

/// A dump in the making.
pub(super) struct Dump<'a, 's> {
    pub(super) file: &'a LogFile,
    pub(super) ledger: &'a Ledger,
    pub(super) clock: Clock,
    session: Session<'s>,
    damages: Damages,
}

impl Dump<'_, '_> {
    /// One record: where it stands, what it is, its fields in order.
    pub(super) fn line(
        &mut self,
        offset: u64,
        record: &str,
        fields: &[Field<'_>],
    ) -> Result<(), Error> {
        if self.session.is_json() {
            let out = &mut self.session.out;
            let record = Record { offset, record, fields };
            serde_json::to_writer(&mut *out, &record).map_err(std::io::Error::from)?;
            writeln!(out)?;
            return Ok(());
        }
        let out = &mut self.session.out;
        write!(out, "{offset:>12} {record}")?;
        for (name, value) in fields {
            match value {
                Value::String(text) => write!(out, " {name}={text}")?,
                other => write!(out, " {name}={other}")?,
            }
        }
        writeln!(out)?;
        Ok(())
    }

    pub(super) fn damage(&mut self, damage: Damage) -> Result<(), Error> {
        let fields = [("chunk", json!(damage.chunk)), ("what", json!(damage.what))];
        self.line(damage.offset, "damage", &fields)?;
        self.damages.add(damage);
        Ok(())
    }

    fn file_header(&mut self) -> Result<(), Error> {
        let header = &self.file.header;
        let fields = [
            ("program", json!(header.program)),
            ("host", json!(header.host)),
            ("process_id", json!(header.process_id)),
            ("parent_id", json!(header.parent_id)),
            ("mode", json!(mode_name(header.mode))),
            ("wipe", json!(wipe_name(header.wipe))),
            ("flags", json!(header.flags)),
            ("chunk_size", json!(header.chunk_size)),
            ("start_ticks", json!(header.start_ticks)),
            ("start_monotonic_ns", json!(header.start_monotonic_ns)),
            ("start_realtime_ns", json!(header.start_realtime_ns)),
            ("frame_capacity", json!(header.frame_capacity)),
            ("limit_bytes", json!(header.limit_bytes)),
            ("page_size", json!(header.page_size)),
            ("sample_interval", json!(header.sample_interval)),
            ("stack_depth", json!(header.stack_depth)),
        ];
        self.line(0, "file", &fields)?;
        let words = self.file.process;
        self.words(process::OFFSET as u64, "process", vec![], &words, &process::NAMES)
    }

    fn chunk(&mut self, header: &ChunkHeader, kind: &str, bytes: &[u8]) -> Result<(), Error> {
        let offset = self.file.offset(header.index);
        let fields = [
            ("index", json!(header.index)),
            ("kind", json!(kind)),
            ("owner", json!(header.owner)),
            ("sequence", json!(header.sequence)),
            ("thread", json!(header.thread)),
            ("at_ns", json!(self.clock.ns(header.base_ticks))),
            ("first_event", json!(header.first_event)),
            ("sealed", json!(header.payload_checksum.is_some())),
        ];
        self.line(offset, "chunk", &fields)?;
        if header.kind == ChunkKind::Journal as u16 {
            return self.events(header, bytes);
        }
        if header.kind == ChunkKind::Symbols as u16 {
            return self.symbols(header, bytes);
        }
        if header.kind == ChunkKind::Scans as u16 {
            return self.scans(header, bytes);
        }
        if header.kind == ChunkKind::Vitals as u16 {
            return self.vitals(header, bytes);
        }
        let Some(kind) = ledger_kind(header) else { return Ok(()) };
        if kind >= ChunkKind::Budgets {
            return self.pressure(header, kind, bytes);
        }
        if kind >= ChunkKind::Stacks {
            return self.sites(header, kind, bytes);
        }
        for (index, offset, record) in records(self.file, header, kind, bytes) {
            if record.iter().all(|&byte| byte == 0) {
                continue;
            }
            match kind {
                ChunkKind::Tags => self.declaration(index, offset, record)?,
                ChunkKind::TagTotals => {
                    let words = tag::decode_totals(record).unwrap_or_default();
                    let fields = vec![("tag", json!(self.ledger.name(index)))];
                    self.words(offset, "tag-totals", fields, &words, &tag::TOTALS_NAMES)?;
                }
                ChunkKind::Threads => {
                    let Some(thread) = ThreadRecord::decode(record) else { continue };
                    let fields = vec![("slot", json!(index)), ("name", json!(thread.name))];
                    self.words(offset, "thread", fields, &thread.words, &thread::NAMES)?;
                }
                ChunkKind::Cells | ChunkKind::BaseCells => {
                    self.cells(kind, index, offset, record)?;
                }
                ChunkKind::Frames => {
                    let Some(moment) = frame::decode_moment(record) else { continue };
                    let fields = [
                        ("slot", json!(index)),
                        ("number", json!(moment[frame::NUMBER])),
                        ("at_ns", json!(self.clock.ns(moment[frame::TICKS]))),
                        ("live_bytes", json!(moment[frame::LIVE] as i64)),
                        ("groups", json!(moment[frame::GROUP_COUNT])),
                    ];
                    self.line(offset, "frame", &fields)?;
                }
                ChunkKind::Registry => {
                    let Some(block) = Registered::decode(record) else { continue };
                    let fields = [
                        ("address", json!(format!("{:#x}", block.address))),
                        ("size", json!(block.size)),
                        ("site", json!(block.site)),
                        ("tag", json!(self.ledger.name(self.ledger.sites.tag(block.site)))),
                        ("born_ns", json!(self.clock.ns(block.born_ticks))),
                    ];
                    self.line(offset, "registered", &fields)?;
                }
                _ => {
                    let row = frame::decode_row(record).unwrap_or_default();
                    let slots = u64::from(self.file.header.frame_capacity)
                        + u64::from(frame::PEAK_SLOT_COUNT);
                    let fields = [
                        ("slot", json!(u64::from(index) % slots)),
                        ("group", json!(u64::from(index) / slots)),
                        ("live_bytes", json!(row.map(|word| word as i64))),
                    ];
                    self.line(offset, "frame-row", &fields)?;
                }
            }
        }
        Ok(())
    }

    fn declaration(&mut self, index: u32, offset: u64, record: &[u8]) -> Result<(), Error> {
        match TagDeclaration::decode(record) {
            Ok(None) => Ok(()),
            Ok(Some(declared)) => {
                let fields = [
                    ("index", json!(declared.index)),
                    ("name", json!(declared.name)),
                    ("class", json!(class_name(declared.class))),
                    ("wipe", json!(declared.wipe)),
                    ("request", json!(request_name(declared.request))),
                    ("is_vault", json!(declared.is_vault)),
                    ("is_watched", json!(declared.is_watched)),
                    ("greatest_age_ms", json!(declared.greatest_age_ms)),
                ];
                self.line(offset, "tag", &fields)
            }
            Err(error) => {
                let chunk = (offset / u64::from(self.file.header.chunk_size)) as u32;
                let what = format!("declaration of tag {index}: {error}");
                self.damage(Damage { offset, chunk, what })
            }
        }
    }

    fn cells(
        &mut self,
        kind: ChunkKind,
        index: u32,
        offset: u64,
        record: &[u8],
    ) -> Result<(), Error> {
        let owner = PageOwner::decode(record);
        let first_tag = owner.map_or(0, |owner| owner.group * TAGS_PER_GROUP);
        let name = if kind == ChunkKind::Cells { "cell" } else { "base-cell" };
        for (at, cell) in (0..).zip(cell::decode_cells(record)) {
            if cell == [0; cell::WORD_COUNT] {
                continue;
            }
            let offset = offset + (cell::PAGE_HEADER_SIZE + at * cell::SIZE) as u64;
            let tag = first_tag + at as u32;
            // A base page is told by its number where its owner stands in the
            // page of cells beside it.
            let fields = match owner {
                Some(owner) => {
                    vec![("slot", json!(owner.slot)), ("tag", json!(self.ledger.name(tag)))]
                }
                None => vec![("page", json!(index)), ("cell", json!(at))],
            };
            self.words(offset, name, fields, &cell, &cell::NAMES)?;
        }
        Ok(())
    }

    fn events(&mut self, header: &ChunkHeader, bytes: &[u8]) -> Result<(), Error> {
        let start = self.file.offset(header.index);
        for (at, record) in bytes[chunk::HEADER_SIZE..].chunks_exact(event::SIZE).enumerate() {
            let offset = start + (chunk::HEADER_SIZE + at * event::SIZE) as u64;
            match Event::decode(record) {
                Ok(None) => {}
                Ok(Some(event)) => self.event(header, offset, &event)?,
                Err(error) => {
                    let what = error.to_string();
                    self.damage(Damage { offset, chunk: header.index, what })?;
                }
            }
            if self.session.out.is_closed() {
                break;
            }
        }
        Ok(())
    }

    fn event(&mut self, header: &ChunkHeader, offset: u64, event: &Event) -> Result<(), Error> {
        let at_ns = json!(self.clock.ns(header.base_ticks.saturating_add(event.ticks)));
        let slot = json!(header.owner);
        if event.kind == EventKind::Thread {
            let fields = [
                ("at_ns", at_ns),
                ("slot", slot),
                ("thread", json!(event.address)),
                ("system_id", json!(event.size)),
            ];
            return self.line(offset, "thread-change", &fields);
        }
        let fields = [
            ("at_ns", at_ns),
            ("slot", slot),
            ("address", json!(format!("{:#x}", event.address))),
            ("size", json!(event.size)),
            ("site", json!(event.site)),
            ("tag", json!(self.ledger.name(self.ledger.sites.tag(event.site)))),
        ];
        self.line(offset, event.kind.name(), &fields)
    }

    /// A record of words, of which those that are not zero are told.
    pub(super) fn words(
        &mut self,
        offset: u64,
        record: &str,
        mut fields: Vec<Field<'static>>,
        words: &[u64],
        names: &[&'static str],
    ) -> Result<(), Error> {
        for (&word, name) in words.iter().zip(names) {
            if word != 0 && !name.is_empty() {
                // Only differences are greater than this, below zero.
                let value = if word > u64::MAX / 2 { json!(word as i64) } else { json!(word) };
                fields.push((name, value));
            }
        }
        self.line(offset, record, &fields)
    }
}

pub(super) type Field<'n> = (&'n str, Value);

/// A record as JSON: its place and kind first, then its fields in order.
struct Record<'r> {
    offset: u64,
    record: &'r str,
    fields: &'r [Field<'r>],
}

impl Serialize for Record<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let head = [("offset", json!(self.offset)), ("record", json!(self.record))];
        serializer.collect_map(head.iter().chain(self.fields).map(|(name, value)| (*name, value)))
    }
}
