//! The blocks that live, as the journal tells it.
//!
//! What happened to one address alternates: alloc, free, alloc, free. Each
//! thread's own order is certain; between threads the clocks may disagree, so
//! that a free comes before its alloc, or the next alloc before a free. Such
//! events wait aside for their counterpart.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasherDefault, Hasher};

use scrubjay_log_format::{Event, site};

use super::journal::At;

/// A block that lives: 16 bytes beside its address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    /// The site's low 16 bits, then the size.
    site_and_size: u64,
    /// The site's high bits, then when it was allocated, in ticks.
    site_and_birth: u64,
}

const SIZE_BITS: u32 = 48;
/// Enough for seven years at 5 GHz.
const BIRTH_BITS: u32 = 60;
const SITE_LOW_BITS: u32 = 64 - SIZE_BITS;

impl Block {
    fn new(event: &Event, at: &At) -> Self {
        let site_and_size = u64::from(event.site) << SIZE_BITS | event.size;
        let birth = at.ticks.min((1 << BIRTH_BITS) - 1);
        let site_and_birth = u64::from(event.site >> SITE_LOW_BITS) << BIRTH_BITS | birth;
        Self { site_and_size, site_and_birth }
    }

    /// The block's size in bytes.
    pub fn size(&self) -> u64 {
        self.site_and_size & ((1 << SIZE_BITS) - 1)
    }

    /// When it was allocated, in ticks.
    pub fn birth_ticks(&self) -> u64 {
        self.site_and_birth & ((1 << BIRTH_BITS) - 1)
    }

    /// The block's site.
    pub fn site(&self) -> u32 {
        let high = (self.site_and_birth >> BIRTH_BITS) as u32;
        high << SITE_LOW_BITS | (self.site_and_size >> SIZE_BITS) as u32
    }

    /// Whether a free can be this block's.
    fn is_alike(&self, other: &Self) -> bool {
        self.site_and_size == other.site_and_size && self.site() == other.site()
    }
}

/// An event that found no counterpart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unpaired {
    /// The address.
    pub address: u64,
    /// What the event says about the block.
    pub block: Block,
    /// The free that found no block; `None` for a block that was followed by
    /// another one at its address.
    pub free: Option<At>,
    /// Since when it waits, in ticks.
    since: u64,
}

/// How many events may wait for ever where the journal saw every block from
/// its birth. In such a journal a handful waits, and not for long; more means
/// that something is missing.
const PATIENT_COUNT: usize = 64;
/// How many of the events that were given up are kept for a report.
const KEPT_MAX: usize = 100;

const _: () = assert!(site::COUNT_MAX <= 1 << (SITE_LOW_BITS + 64 - BIRTH_BITS));

/// The set of live blocks.
#[derive(Debug)]
pub struct LiveBlocks {
    blocks: HashMap<u64, Block, BuildHasherDefault<AddressHasher>>,
    /// The longest waiting first.
    waiting: VecDeque<Unpaired>,
    given_up: Vec<Unpaired>,
    given_up_count: u64,
    disagreement: u64,
    patient_count: usize,
}

impl LiveBlocks {
    /// No blocks yet. Clocks disagree by at most so many ticks; unless older
    /// blocks may be freed, some events may wait longer for their counterpart.
    pub fn new(disagreement: u64, has_older_blocks: bool) -> Self {
        Self {
            blocks: HashMap::default(),
            waiting: VecDeque::new(),
            given_up: Vec::new(),
            given_up_count: 0,
            disagreement,
            patient_count: if has_older_blocks { 0 } else { PATIENT_COUNT },
        }
    }

    /// Takes in an event.
    #[inline]
    pub fn event(&mut self, event: &Event, at: &At) {
        if event.kind.allocates() {
            self.alloc(event, at);
        } else if event.kind.frees() {
            self.free(event, at);
        }
    }

    fn alloc(&mut self, event: &Event, at: &At) {
        let block = Block::new(event, at);
        if !self.waiting.is_empty() && self.take_free(event.address, &block, at) {
            return;
        }
        if let Some(older) = self.blocks.insert(event.address, block) {
            self.wait(event.address, older, None, at.ticks);
        }
    }

    fn free(&mut self, event: &Event, at: &At) {
        let freed = Block::new(event, at);
        if !self.waiting.is_empty() && self.take_older_block(event.address, &freed, at) {
            return;
        }
        match self.blocks.remove(&event.address) {
            Some(block) if block.is_alike(&freed) => {}
            found => {
                if let Some(block) = found {
                    self.blocks.insert(event.address, block);
                }
                self.wait(event.address, freed, Some(*at), at.ticks);
            }
        }
    }

    /// Whether this block's free came first; it is then settled.
    #[cold]
    fn take_free(&mut self, address: u64, block: &Block, at: &At) -> bool {
        self.give_up(at.ticks);
        self.take(|waiting| {
            waiting.address == address
                && waiting.block.is_alike(block)
                // A slot's own order is certain: its earlier free is another's.
                && waiting.free.is_some_and(|free| free.slot != at.slot)
        })
    }

    /// Whether this frees a block that was followed by another one.
    #[cold]
    fn take_older_block(&mut self, address: u64, freed: &Block, at: &At) -> bool {
        self.give_up(at.ticks);
        self.take(|waiting| {
            waiting.address == address && waiting.block.is_alike(freed) && waiting.free.is_none()
        })
    }

    fn take(&mut self, is_it: impl Fn(&Unpaired) -> bool) -> bool {
        let found = self.waiting.iter().position(is_it);
        found.is_some_and(|index| self.waiting.remove(index).is_some())
    }

    #[cold]
    fn wait(&mut self, address: u64, block: Block, free: Option<At>, now: u64) {
        self.give_up(now);
        self.waiting.push_back(Unpaired { address, block, free, since: now });
    }

    /// Gives up the events that have waited longer than clocks disagree, but
    /// for those that may wait for ever.
    fn give_up(&mut self, now: u64) {
        while self.waiting.len() > self.patient_count
            && let Some(first) = self.waiting.front()
            && now.saturating_sub(first.since) > self.disagreement
        {
            self.given_up_count += 1;
            if self.given_up.len() < KEPT_MAX {
                self.given_up.push(*first);
            }
            self.waiting.pop_front();
        }
    }

    /// The live block at an address.
    pub fn get(&self, address: u64) -> Option<Block> {
        self.blocks.get(&address).copied()
    }

    /// The live blocks by address, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (u64, Block)> {
        self.blocks.iter().map(|(&address, &block)| (address, block))
    }

    /// How many events found no counterpart.
    pub fn unpaired_count(&self) -> u64 {
        self.given_up_count + self.waiting.len() as u64
    }

    /// Those of them that were kept.
    pub fn unpaired(&self) -> impl Iterator<Item = &Unpaired> {
        self.given_up.iter().chain(&self.waiting)
    }
}

/// One multiplication: addresses are not chosen by an adversary, and are
/// spread well enough by their middle bits.
#[derive(Clone, Copy, Debug, Default)]
struct AddressHasher(u64);

impl Hasher for AddressHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(self.0 ^ u64::from(byte));
        }
    }

    fn write_u64(&mut self, address: u64) {
        // The upper half of the product folded in: the map takes its bucket
        // from the low bits and its tag from the high ones.
        let product = u128::from(address) * 0x9E37_79B9_7F4A_7C15;
        self.0 = product as u64 ^ (product >> 64) as u64;
    }
}
