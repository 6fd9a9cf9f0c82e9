//! The journal in the order of time, merged from the threads' chunks as they
//! stand in the file, without an index.
//!
//! A chunk's base is read before its place in the file is taken, so no event
//! at this place or behind it is older than the base (but for what clocks
//! disagree by). Hence everything older can be handed on before the chunk is
//! opened, and a chunk a thread slot is held open at most, two for a moment.

use std::collections::{HashMap, VecDeque};
use std::ops::ControlFlow;

use scrubjay_log_format::{ChunkHeader, ChunkKind, Event, EventKind, TAG_COUNT_MAX, chunk, event};

use super::damage::{Damage, Damages};
use super::file::{Chunks, LogFile, Place};
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
}

/// Whoever wants the journal.
pub trait Visitor {
    /// A chunk is about to be read: its header and all its bytes. Chunks of
    /// one slot come in the order of the file.
    fn chunk(&mut self, header: &ChunkHeader, bytes: &[u8]) {
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
    progress: &Progress,
    visitor: &mut impl Visitor,
) -> Result<Damages, Error> {
    let mut merge = Merge::default();
    let mut chunks = Chunks::new(file);
    while let Some((index, place)) = chunks.next()? {
        progress.reached(file.offset(index));
        let header = match place {
            Place::Unused => continue,
            Place::Damaged(damage) => {
                merge.damages.add(damage);
                continue;
            }
            Place::Chunk(header) if header.kind == ChunkKind::Journal as u16 => header,
            Place::Chunk(_) => continue,
        };
        match chunks.load(&header)? {
            Ok(bytes) => visitor.chunk(&header, bytes),
            Err(damage) => {
                merge.damages.add(damage);
                continue;
            }
        }
        if merge.emit(header.base_ticks, visitor).is_break() {
            return Ok(merge.damages);
        }
        let fresh = merge.spare.pop().unwrap_or_default();
        let open = OpenChunk {
            thread: header.thread,
            index,
            offset: file.offset(index),
            base_ticks: header.base_ticks,
            bytes: chunks.exchange(fresh),
        };
        if merge.open(header.owner, open, visitor).is_break() {
            return Ok(merge.damages);
        }
    }
    // Whether the visitor has seen enough makes no difference any more.
    let _ = merge.emit(u64::MAX, visitor);
    Ok(merge.damages)
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

/// The events of one thread slot, of which the next one stands ready.
#[derive(Debug)]
struct Stream {
    slot: u32,
    chunks: VecDeque<OpenChunk>,
    /// Where the next event stands in the first chunk.
    at: usize,
    /// The first chunk has a record that cannot be read.
    is_damaged: bool,
    ready: Option<(Event, At)>,
}

#[derive(Debug, Default)]
struct Merge {
    streams: Vec<Stream>,
    stream_of_slot: HashMap<u32, usize>,
    /// Streams with an event ready, by its moment, the earliest last.
    order: Vec<(u64, usize)>,
    spare: Vec<Vec<u8>>,
    damages: Damages,
}

impl Merge {
    /// Hands on what is not later than `until`, in the order of time.
    fn emit(&mut self, until: u64, visitor: &mut impl Visitor) -> ControlFlow<()> {
        while let Some(&(ticks, id)) = self.order.last() {
            if ticks > until {
                break;
            }
            self.order.pop();
            let limit = self.order.last().map_or(until, |&(next, _)| next.min(until));
            let stream = &mut self.streams[id];
            while let Some((event, at)) = &stream.ready
                && at.ticks <= limit
            {
                let flow = visitor.event(event, at);
                stream.advance(&mut self.spare, &mut self.damages);
                flow?;
            }
            self.put_in_order(id);
        }
        ControlFlow::Continue(())
    }

    fn put_in_order(&mut self, id: usize) {
        let Some((_, at)) = &self.streams[id].ready else { return };
        let behind = self.order.iter().rev().take_while(|&&(ticks, _)| ticks < at.ticks).count();
        self.order.insert(self.order.len() - behind, (at.ticks, id));
    }

    /// Takes in the next chunk of a slot.
    fn open(&mut self, slot: u32, chunk: OpenChunk, visitor: &mut impl Visitor) -> ControlFlow<()> {
        let id = *self.stream_of_slot.entry(slot).or_insert_with(|| {
            self.streams.push(Stream {
                slot,
                chunks: VecDeque::new(),
                at: chunk::HEADER_SIZE,
                is_damaged: false,
                ready: None,
            });
            self.streams.len() - 1
        });
        let stream = &mut self.streams[id];
        stream.chunks.push_back(chunk);
        if stream.chunks.len() == 1 {
            stream.advance(&mut self.spare, &mut self.damages);
            self.put_in_order(id);
        } else if stream.chunks.len() > 2 {
            // The clocks of two chunks can disagree, but a third one means that
            // the first one's times are wrong: its order is kept all the same.
            let rest = stream.chunks.len() - 1;
            while stream.chunks.len() > rest
                && let Some((event, at)) = &stream.ready
            {
                let flow = visitor.event(event, at);
                stream.advance(&mut self.spare, &mut self.damages);
                flow?;
            }
            self.order.retain(|&(_, other)| other != id);
            self.put_in_order(id);
        }
        ControlFlow::Continue(())
    }
}

impl Stream {
    /// Makes the next event ready, from the next chunk where one is at its
    /// end.
    fn advance(&mut self, spare: &mut Vec<Vec<u8>>, damages: &mut Damages) {
        loop {
            let Some(chunk) = self.chunks.front_mut() else {
                self.ready = None;
                return;
            };
            match next_event(chunk, &mut self.at, self.slot) {
                Step::Event(event) => {
                    let at = At {
                        ticks: chunk.base_ticks.saturating_add(event.ticks),
                        slot: self.slot,
                        thread: chunk.thread,
                        offset: chunk.offset + (self.at - event::SIZE) as u64,
                    };
                    self.ready = Some((event, at));
                    return;
                }
                Step::Damaged(what) => {
                    // The first one of a chunk tells the place.
                    if !self.is_damaged {
                        self.is_damaged = true;
                        let offset = chunk.offset + (self.at - event::SIZE) as u64;
                        damages.add(Damage { offset, chunk: chunk.index, what });
                    }
                }
                Step::End => {
                    self.at = chunk::HEADER_SIZE;
                    self.is_damaged = false;
                    if let Some(chunk) = self.chunks.pop_front() {
                        spare.push(chunk.bytes);
                    }
                }
            }
        }
    }
}

enum Step {
    Event(Event),
    Damaged(String),
    End,
}

/// Reads the record at `at` and goes on behind it.
#[inline]
fn next_event(chunk: &mut OpenChunk, at: &mut usize, slot: u32) -> Step {
    while let Some(record) = chunk.bytes.get(*at..*at + event::SIZE) {
        *at += event::SIZE;
        match Event::decode(record) {
            // A slot's own thread leaves no holes; the orphan slot's may.
            Ok(None) if slot != 0 => return Step::End,
            Ok(None) => {}
            Ok(Some(event)) if event.kind == EventKind::Thread => {
                chunk.thread = event.address;
                return Step::Event(event);
            }
            Ok(Some(event)) if event.site < TAG_COUNT_MAX => return Step::Event(event),
            Ok(Some(event)) => {
                return Step::Damaged(format!("event of unknown site {}", event.site));
            }
            Err(error) => return Step::Damaged(error.to_string()),
        }
    }
    Step::End
}
