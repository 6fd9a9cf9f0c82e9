//! Allowances: what threads were handed out of a budget and have not used yet.
//!
//! An allowance is one atomic word for a tag and a thread (from the 64th thread on
//! they share). A block is charged by a compare-exchange on it, and credited by an
//! addition; only what does not fit goes to the tree, under a lock. Whoever would
//! otherwise be refused first takes all unused allowances back.

use core::sync::atomic::{AtomicU64, Ordering};

use crate::control::control;
use crate::limits::{ALLOWANCE_SHARDS, ALLOWANCE_SIZE, HEADROOM_BLOCK_MAX, TAGS_MAX};

use super::nodes;

/// In a cache line of its own.
#[repr(align(64))]
struct Allowance(AtomicU64);

impl Allowance {
    /// Takes `size` bytes, if they are there.
    #[inline]
    fn take(&self, size: u64) -> bool {
        let less = |left: u64| left.checked_sub(size);
        // What another thread released before must be seen as released.
        self.0.fetch_update(Ordering::Acquire, Ordering::Relaxed, less).is_ok()
    }

    /// Answers what there is then.
    #[inline]
    fn add(&self, size: u64) -> u64 {
        self.0.fetch_add(size, Ordering::Release) + size
    }
}

/// Pages that nobody wrote take no memory.
static ALLOWANCES: [[Allowance; ALLOWANCE_SHARDS]; TAGS_MAX] =
    [const { [const { Allowance(AtomicU64::new(0)) }; ALLOWANCE_SHARDS] }; TAGS_MAX];
/// Which of a tag's allowances were ever used, a bit each.
static USED: [AtomicU64; TAGS_MAX] = [const { AtomicU64::new(0) }; TAGS_MAX];

const _: () = assert!(ALLOWANCE_SHARDS == u64::BITS as usize);

/// Why bytes were not had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The node that has no room, and what was handed out of it at that moment, in
    /// bytes: a moment later others may have given much back.
    Full(u32, u64),
    /// The tree could not be asked within half a second.
    Busy,
}

/// Where bytes were had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Charged {
    /// From what the thread had been handed.
    Ahead,
    /// From the tree: soft limits may have been passed.
    Anew,
}

/// Which allowance of each tag a thread's slot uses.
#[inline]
pub(crate) fn shard_of(slot: u32) -> usize {
    slot as usize % ALLOWANCE_SHARDS
}

fn allowance(tag: u32, shard: usize) -> &'static Allowance {
    &ALLOWANCES[tag as usize % TAGS_MAX][shard % ALLOWANCE_SHARDS]
}

/// Charges a tag under a budget with bytes that are about to be allocated.
#[inline]
pub(crate) fn charge(
    tag: u32,
    shard: usize,
    size: usize,
    has_headroom: bool,
) -> Result<Charged, Refusal> {
    let size = size as u64;
    if allowance(tag, shard).take(size) {
        return Ok(Charged::Ahead);
    }
    charge_anew(tag, shard, size, has_headroom || size <= HEADROOM_BLOCK_MAX as u64)
}

#[cold]
#[inline(never)]
fn charge_anew(tag: u32, shard: usize, size: u64, has_headroom: bool) -> Result<Charged, Refusal> {
    let _guard = control().budgets.try_for_a_while().ok_or(Refusal::Busy)?;
    let extra = nodes::grant(tag, size, ALLOWANCE_SIZE, has_headroom).or_else(|full| {
        take_all_back(full);
        nodes::grant(tag, size, 0, has_headroom)
    });
    match extra {
        Ok(0) => Ok(Charged::Anew),
        Ok(extra) => {
            USED[tag as usize % TAGS_MAX].fetch_or(1 << shard, Ordering::Relaxed);
            allowance(tag, shard).add(extra);
            Ok(Charged::Anew)
        }
        Err(full) => {
            nodes::count_refused(full, size);
            Err(Refusal::Full(full, nodes::figures(full).granted))
        }
    }
}

/// Credits a tag with bytes that are released. What exceeds two allowances goes
/// back at once.
#[inline]
pub(crate) fn credit(tag: u32, shard: usize, size: usize) {
    let allowance = allowance(tag, shard);
    let is_first = allowance.0.load(Ordering::Relaxed) == 0;
    if is_first {
        USED[tag as usize % TAGS_MAX].fetch_or(1 << shard, Ordering::Relaxed);
    }
    let left = allowance.add(size as u64);
    if left > 2 * ALLOWANCE_SIZE {
        give_back(tag, allowance, ALLOWANCE_SIZE);
    } else if nodes::is_tight(tag) {
        give_back(tag, allowance, 0);
    }
}

#[cold]
#[inline(never)]
fn give_back(tag: u32, allowance: &Allowance, kept: u64) {
    // Else it stays where it is, and whoever needs it takes it from there.
    let Some(_guard) = control().budgets.try_for_a_while() else { return };
    let less = |left: u64| (left > kept).then_some(kept);
    if let Ok(before) = allowance.0.fetch_update(Ordering::Acquire, Ordering::Relaxed, less) {
        nodes::take_back(tag, before - kept);
    }
}

/// Takes back what no thread has used of what was handed out below a node. The
/// caller holds the lock on budgets.
fn take_all_back(node: u32) {
    for tag in 0..TAGS_MAX as u32 {
        if USED[tag as usize].load(Ordering::Relaxed) == 0 || !nodes::is_under(tag, node) {
            continue;
        }
        let unused = each_used(tag).map(|allowance| allowance.0.swap(0, Ordering::Acquire)).sum();
        nodes::take_back(tag, unused);
    }
}

fn each_used(tag: u32) -> impl Iterator<Item = &'static Allowance> {
    let used = USED[tag as usize % TAGS_MAX].load(Ordering::Relaxed);
    let shards = (0..ALLOWANCE_SHARDS).filter(move |shard| used >> shard & 1 != 0);
    shards.map(move |shard| allowance(tag, shard))
}

/// What was handed out below a node and is not used, in bytes.
pub(crate) fn unused(node: u32) -> u64 {
    let tags = (0..TAGS_MAX as u32).filter(|&tag| USED[tag as usize].load(Ordering::Relaxed) != 0);
    let below = tags.filter(|&tag| nodes::is_under(tag, node));
    below.flat_map(each_used).map(|allowance| allowance.0.load(Ordering::Relaxed)).sum()
}
