//! The journal in the order of time, merged from the threads' chunks as they
//! stand in the file, without an index.
//!
//! A chunk's base is read before its place in the file is taken, so no event
//! at this place or behind it is older than the base (but for what clocks
//! disagree by). Hence everything older can be handed on before the chunk is
//! opened, and a chunk a thread slot is held open at most, two for a moment.
//! A ring writes over its oldest chunks, so that the file's order is none: its
//! chunks are opened in the order of their bases.

use std::collections::{HashMap, VecDeque};
use std::ops::ControlFlow;

use scrubjay_log_format::{ChunkHeader, ChunkKind, Event, EventKind, chunk, event, process};

use super::damage::{Damage, Damages};
use super::file::{Chunks, LogFile, Place};
use super::sites::{Sites, UNKNOWN_TAG};
use crate::error::Error;
use crate::progress::Progress;

/// Where and when an event happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct At {
    /// The moment, in ticks.
    pub ticks: u64,
    /// The thread slot.
    pub slot: u32,
    /// The thread's number.
    pub thread: u64,
    /// Where the event stands in the file.
    pub offset: u64,
    /// The tag of the event's site.
    pub tag: u32,
}

/// Whoever wants the journal.
pub trait Visitor {
    /// A chunk is about to be read: its header and all its bytes. Chunks of
    /// one slot come in the order of the file.
    fn chunk(&mut self, header: &ChunkHeader, bytes: &[u8]) {
        let (_, _) = (header, bytes);
    }

    /// A chunk that a ring was overwriting: its events do not count, but may
    /// not be counted as dropped yet.
    fn going(&mut self, header: &ChunkHeader, bytes: &[u8]) {
        let (_, _) = (header, bytes);
    }

    /// One event, in the order of time.
    fn event(&mut self, event: &Event, at: &At) -> ControlFlow<()>;
}

/// Reads the journal of a log from its first event to its last, or until the
/// visitor has seen enough.
///
/// # Errors
/// Where the file cannot be read.
pub fn replay(
    file: &LogFile,
    sites: &Sites,
    progress: &Progress,
    visitor: &mut impl Visitor,
) -> Result<Damages, Error> {
    let mut merge = Merge::new(sites);
    let mut chunks = Chunks::new(file);
    let mut order = ring_order(file)?.map(Vec::into_iter);
    while let Some((index, place)) = next(&mut chunks, &mut order)? {
        progress.reached(file.offset(index));
        let header = match place {
            Place::Unused => continue,
            Place::Damaged(damage) => {
                merge.rest.damages.add(damage);
                continue;
            }
            Place::Chunk(header) if header.kind == ChunkKind::Journal as u16 => header,
            Place::Chunk(_) => continue,
        };
        let is_going = chunks.is_going();
        match chunks.load(&header)? {
            Ok(bytes) if is_going => {
                visitor.going(&header, bytes);
                continue;
            }
            Ok(bytes) => visitor.chunk(&header, bytes),
            Err(damage) => {
                merge.rest.damages.add(damage);
                continue;
            }
        }
        if merge.emit(header.base_ticks, visitor).is_break() {
            return Ok(merge.rest.damages);
        }
        let fresh = merge.rest.spare.pop().unwrap_or_default();
        let open = OpenChunk {
            thread: header.thread,
            index,
            offset: file.offset(index),
            base_ticks: header.base_ticks,
            bytes: chunks.exchange(fresh),
        };
        if merge.open(header.owner, open, visitor).is_break() {
            return Ok(merge.rest.damages);
        }
    }
    // Whether the visitor has seen enough makes no difference any more.
    let _ = merge.emit(u64::MAX, visitor);
    Ok(merge.rest.damages)
}

/// The next place: of the file, or of an order.
fn next(
    chunks: &mut Chunks<'_>,
    order: &mut Option<std::vec::IntoIter<u32>>,
) -> Result<Option<(u32, Place)>, Error> {
    if let Some(order) = order {
        let Some(index) = order.next() else { return Ok(None) };
        chunks.go_to(index);
    }
    chunks.next()
}

/// The places of a ring by the bases of their chunks, those of a slot by their
/// numbers; `None` for a log that is in the order of time as it stands.
fn ring_order(file: &LogFile) -> Result<Option<Vec<u32>>, Error> {
    if file.process[process::OVERWRITTEN_CHUNK_COUNT] == 0 && file.process[process::AT_LIMIT] == 0 {
        return Ok(None);
    }
    let mut damaged = Vec::new();
    let mut found: Vec<(u64, u32, u64, u32)> = Vec::new();
    let mut chunks = Chunks::new(file);
    while let Some((index, place)) = chunks.next()? {
        match place {
            Place::Chunk(header) if header.kind == ChunkKind::Journal as u16 => {
                found.push((header.base_ticks, header.owner, header.sequence, index));
            }
            Place::Damaged(_) => damaged.push(index),
            _ => {}
        }
    }
    // Clocks that disagree may have changed two chunks of a slot.
    let mut latest: HashMap<u32, u64> = HashMap::new();
    found.sort_unstable_by_key(|&(_, slot, sequence, _)| (slot, sequence));
    for (base, slot, ..) in &mut found {
        let latest = latest.entry(*slot).or_default();
        *latest = (*latest).max(*base);
        *base = *latest;
    }
    found.sort_by_key(|&(base, ..)| base);
    damaged.extend(found.into_iter().map(|(.., index)| index));
    Ok(Some(damaged))
}

/// A chunk whose events are still to be handed on.
#[derive(Debug)]
struct OpenChunk {
    thread: u64,
    index: u32,
    offset: u64,
    base_ticks: u64,
    bytes: Vec<u8>,
}

/// The events of one thread slot that are still to be handed on.
#[derive(Debug)]
struct Stream {
    slot: u32,
    chunks: VecDeque<OpenChunk>,
    /// Where the next event stands in the first chunk.
    at: usize,
    /// The first chunk has a record that cannot be read.
    is_damaged: bool,
    /// The moment of the next event; `None` where there is none.
    next_ticks: Option<u64>,
}

#[derive(Debug)]
struct Merge<'s> {
    sites: &'s Sites,
    streams: Vec<Stream>,
    stream_of_slot: HashMap<u32, usize>,
    /// Streams that have an event, by its moment, the earliest last.
    order: Vec<(u64, usize)>,
    rest: Rest,
}

/// What streams leave behind.
#[derive(Debug, Default)]
struct Rest {
    /// Buffers of chunks that are done.
    spare: Vec<Vec<u8>>,
    damages: Damages,
}

impl<'s> Merge<'s> {
    fn new(sites: &'s Sites) -> Self {
        Self {
            sites,
            streams: Vec::new(),
            stream_of_slot: HashMap::new(),
            order: Vec::new(),
            rest: Rest::default(),
        }
    }

    /// Hands on what is not later than `until`, in the order of time.
    fn emit(&mut self, until: u64, visitor: &mut impl Visitor) -> ControlFlow<()> {
        while let Some(&(ticks, id)) = self.order.last() {
            if ticks > until {
                break;
            }
            self.order.pop();
            let limit = self.order.last().map_or(until, |&(next, _)| next.min(until));
            self.streams[id].run((limit, 0), self.sites, &mut self.rest, visitor)?;
            self.put_in_order(id);
        }
        ControlFlow::Continue(())
    }

    fn put_in_order(&mut self, id: usize) {
        let Some(next) = self.streams[id].next_ticks else { return };
        let behind = self.order.iter().rev().take_while(|&&(ticks, _)| ticks < next).count();
        self.order.insert(self.order.len() - behind, (next, id));
    }

    /// Takes in the next chunk of a slot.
    fn open(&mut self, slot: u32, chunk: OpenChunk, visitor: &mut impl Visitor) -> ControlFlow<()> {
        let id = *self.stream_of_slot.entry(slot).or_insert_with(|| {
            self.streams.push(Stream {
                slot,
                chunks: VecDeque::new(),
                at: chunk::HEADER_SIZE,
                is_damaged: false,
                next_ticks: None,
            });
            self.streams.len() - 1
        });
        let stream = &mut self.streams[id];
        stream.chunks.push_back(chunk);
        match stream.chunks.len() {
            1 => stream.run((0, 0), self.sites, &mut self.rest, visitor)?,
            2 => return ControlFlow::Continue(()),
            // The clocks of two chunks can disagree, but a third one means that
            // the first one's times are wrong: its order is kept all the same.
            count => {
                self.order.retain(|&(_, other)| other != id);
                stream.run((u64::MAX, count - 1), self.sites, &mut self.rest, visitor)?;
            }
        }
        self.put_in_order(id);
        ControlFlow::Continue(())
    }
}

impl Stream {
    /// Hands on what is not later than `limit`; where that is no limit, down
    /// to the last `kept` chunks.
    fn run(
        &mut self,
        (mut limit, kept): (u64, usize),
        sites: &Sites,
        rest: &mut Rest,
        visitor: &mut impl Visitor,
    ) -> ControlFlow<()> {
        loop {
            if kept > 0 && self.chunks.len() == kept {
                limit = 0;
            }
            let Some(chunk) = self.chunks.front_mut() else {
                self.next_ticks = None;
                return ControlFlow::Continue(());
            };
            let (mut thread, base_ticks) = (chunk.thread, chunk.base_ticks);
            let mut at = self.at;
            while let Some(record) = chunk.bytes.get(at..at + event::SIZE) {
                let what = match Event::decode(record) {
                    Ok(Some(event)) if Sites::is_possible(event.site) => {
                        let ticks = base_ticks.saturating_add(event.ticks);
                        if ticks > limit {
                            self.at = at;
                            chunk.thread = thread;
                            self.next_ticks = Some(ticks);
                            return ControlFlow::Continue(());
                        }
                        if event.kind == EventKind::Thread {
                            thread = event.address;
                        }
                        let offset = chunk.offset + at as u64;
                        let tag = sites.tag(event.site);
                        if tag == UNKNOWN_TAG && !self.is_damaged && !sites.may_grow {
                            self.is_damaged = true;
                            let what = format!("site {} is not declared", event.site);
                            rest.damages.add(Damage { offset, chunk: chunk.index, what });
                        }
                        let slot = self.slot;
                        visitor.event(&event, &At { ticks, slot, thread, offset, tag })?;
                        at += event::SIZE;
                        continue;
                    }
                    // A slot's own thread leaves no holes; the orphan slot's may.
                    Ok(None) if self.slot != 0 => break,
                    Ok(None) => {
                        at += event::SIZE;
                        continue;
                    }
                    Ok(Some(event)) => format!("event of unknown site {}", event.site),
                    Err(error) => error.to_string(),
                };
                // The first one of a chunk tells the place.
                if !self.is_damaged {
                    self.is_damaged = true;
                    let offset = chunk.offset + at as u64;
                    rest.damages.add(Damage { offset, chunk: chunk.index, what });
                }
                at += event::SIZE;
            }
            self.at = chunk::HEADER_SIZE;
            self.is_damaged = false;
            if let Some(chunk) = self.chunks.pop_front() {
                rest.spare.push(chunk.bytes);
            }
        }
    }
}
