//! The tree of budgets: one node for each tag that stands under a budget, and one
//! for the process. A node holds what was handed out of it: to its own tag's
//! threads, and to the nodes below.
//!
//! All changes are made under the lock on budgets, so that a request is checked
//! against every level before any of them changes: no request ever fails because
//! another one is about to be taken back.

use core::iter;
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use crate::limits::TAGS_MAX;

use super::Limits;

/// The node of the whole process.
pub(crate) const TOTAL: u32 = TAGS_MAX as u32;

/// Limits stand inverted, so that a node of zeros has none, and parents plus 1.
struct Node {
    hard: AtomicU64,
    soft: AtomicU64,
    headroom: AtomicU64,
    /// Bytes handed out.
    granted: AtomicU64,
    /// The greatest that ever was.
    most: AtomicU64,
    parent: AtomicU32,
    /// A budget was set for it.
    has_budget: AtomicBool,
    /// It or a node above it has a budget: blocks of its tag are charged.
    is_covered: AtomicBool,
    /// Its blocks are charged, and never refused.
    is_forced: AtomicBool,
    /// Its tag's blocks took some of a headroom: what is released goes back at once.
    is_tight: AtomicBool,
    is_over_soft: AtomicBool,
    /// The soft limit was passed and nobody has been told yet.
    crossed: AtomicBool,
    soft_count: AtomicU64,
    refused_count: AtomicU64,
    refused_bytes: AtomicU64,
    /// The place of its record in a log, plus 1.
    record: AtomicU32,
}

/// Budgets that were set.
static COUNT: AtomicU32 = AtomicU32::new(0);

static NODES: [Node; TAGS_MAX + 1] = [const { Node::new() }; TAGS_MAX + 1];

/// What a request found no room in.
pub(super) type Full = u32;

/// A node's figures, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Figures {
    pub(crate) limits: Limits,
    /// Handed out, to threads that may not have used it yet.
    pub(crate) granted: u64,
    /// The greatest that ever was.
    pub(crate) most: u64,
    pub(crate) refused_count: u64,
    pub(crate) refused_bytes: u64,
    /// How often the soft limit was passed.
    pub(crate) soft_count: u64,
}

impl Node {
    const fn new() -> Self {
        Self {
            hard: AtomicU64::new(0),
            soft: AtomicU64::new(0),
            headroom: AtomicU64::new(0),
            granted: AtomicU64::new(0),
            most: AtomicU64::new(0),
            parent: AtomicU32::new(0),
            has_budget: AtomicBool::new(false),
            is_covered: AtomicBool::new(false),
            is_forced: AtomicBool::new(false),
            is_tight: AtomicBool::new(false),
            is_over_soft: AtomicBool::new(false),
            crossed: AtomicBool::new(false),
            soft_count: AtomicU64::new(0),
            refused_count: AtomicU64::new(0),
            refused_bytes: AtomicU64::new(0),
            record: AtomicU32::new(0),
        }
    }

    fn limits(&self) -> Limits {
        Limits {
            hard: !self.hard.load(Ordering::Relaxed),
            soft: !self.soft.load(Ordering::Relaxed),
            headroom: self.headroom.load(Ordering::Relaxed),
        }
    }

    fn granted(&self) -> u64 {
        self.granted.load(Ordering::Relaxed)
    }

    /// Bytes that may still be handed out.
    fn room(&self, may_use_headroom: bool) -> u64 {
        let Limits { hard, headroom, .. } = self.limits();
        let end = if may_use_headroom { hard } else { hard - headroom.min(hard) };
        end.saturating_sub(self.granted())
    }

    fn add(&self, size: u64) {
        let granted = self.granted() + size;
        self.granted.store(granted, Ordering::Relaxed);
        if granted > self.most.load(Ordering::Relaxed) {
            self.most.store(granted, Ordering::Relaxed);
        }
        if granted > self.limits().soft && !self.is_over_soft.swap(true, Ordering::Relaxed) {
            self.soft_count.fetch_add(1, Ordering::Relaxed);
            self.crossed.store(true, Ordering::Release);
        }
    }

    fn remove(&self, size: u64) {
        let granted = self.granted().saturating_sub(size);
        self.granted.store(granted, Ordering::Relaxed);
        // Well below it before it counts as passed again: once is enough.
        let soft = self.limits().soft;
        if granted < soft - soft / 8 {
            self.is_over_soft.store(false, Ordering::Relaxed);
        }
    }
}

fn node(index: u32) -> &'static Node {
    &NODES[index as usize % (TAGS_MAX + 1)]
}

/// A node, and all above it.
fn chain(index: u32) -> impl Iterator<Item = u32> {
    iter::successors(Some(index), |&index| parent_of(index))
}

/// The node above one.
pub(crate) fn parent_of(index: u32) -> Option<u32> {
    node(index).parent.load(Ordering::Acquire).checked_sub(1)
}

/// Whether blocks of a tag are charged.
pub(crate) fn is_covered(index: u32) -> bool {
    node(index).is_covered.load(Ordering::Acquire)
}

/// Whether a budget was set for the very node.
pub(crate) fn has_budget(index: u32) -> bool {
    node(index).has_budget.load(Ordering::Acquire)
}

/// Whether any budget was set.
pub(crate) fn is_any() -> bool {
    COUNT.load(Ordering::Acquire) != 0
}

/// The place of a budget's record in a log.
pub(crate) fn record_of(index: u32) -> Option<u32> {
    node(index).record.load(Ordering::Relaxed).checked_sub(1)
}

/// Whether a node's soft limit was passed since the last question.
pub(crate) fn take_crossing(index: u32) -> bool {
    node(index).crossed.swap(false, Ordering::AcqRel)
}

/// A node's figures.
pub(crate) fn figures(index: u32) -> Figures {
    let node = node(index);
    Figures {
        limits: node.limits(),
        granted: node.granted(),
        most: node.most.load(Ordering::Relaxed),
        refused_count: node.refused_count.load(Ordering::Relaxed),
        refused_bytes: node.refused_bytes.load(Ordering::Relaxed),
        soft_count: node.soft_count.load(Ordering::Relaxed),
    }
}

/// Sets a node's limits. The caller holds the lock on budgets.
pub(crate) fn set(index: u32, limits: Limits) {
    let node = node(index);
    node.hard.store(!limits.hard, Ordering::Relaxed);
    node.soft.store(!limits.soft, Ordering::Relaxed);
    node.headroom.store(limits.headroom, Ordering::Relaxed);
    if !has_budget(index) {
        node.record.store(COUNT.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
    }
    node.has_budget.store(true, Ordering::Release);
    node.is_over_soft.store(node.granted() > limits.soft, Ordering::Relaxed);
}

/// Puts a node under another, or under none, and says that its blocks are charged.
/// What was handed out of it counts above from now on. The caller holds the lock on
/// budgets.
pub(crate) fn put_under(index: u32, parent: Option<u32>) {
    let child = node(index);
    let granted = child.granted();
    chain(index).skip(1).for_each(|above| node(above).remove(granted));
    child.parent.store(parent.map_or(0, |parent| parent + 1), Ordering::Release);
    chain(index).skip(1).for_each(|above| node(above).add(granted));
    child.is_covered.store(true, Ordering::Release);
}

/// Has a node's blocks never be refused.
pub(crate) fn force(index: u32) {
    node(index).is_forced.store(true, Ordering::Relaxed);
}

/// Hands out `size` bytes, at every level or at none, and up to `extra` on top
/// where there is plenty: answers how much on top. The caller holds the lock on
/// budgets.
pub(super) fn grant(
    index: u32,
    size: u64,
    extra: u64,
    may_use_headroom: bool,
) -> Result<u64, Full> {
    if node(index).is_forced.load(Ordering::Relaxed) {
        chain(index).for_each(|level| node(level).add(size));
        return Ok(0);
    }
    let mut plenty = u64::MAX;
    for level in chain(index) {
        if node(level).room(may_use_headroom) < size {
            return Err(level);
        }
        plenty = plenty.min(node(level).room(false).saturating_sub(size));
    }
    // A thread's share of what is free gets small where little is.
    let extra = extra.min(plenty / 256);
    chain(index).for_each(|level| node(level).add(size + extra));
    look_how_tight(index);
    Ok(extra)
}

/// Takes bytes back. The caller holds the lock on budgets.
pub(super) fn take_back(index: u32, size: u64) {
    chain(index).for_each(|level| node(level).remove(size));
    look_how_tight(index);
}

fn look_how_tight(index: u32) {
    let is_tight = chain(index).any(|level| node(level).room(false) == 0);
    node(index).is_tight.store(is_tight, Ordering::Relaxed);
}

/// Whether what a tag's blocks release is to go back at once: a headroom is not to
/// be spent as an allowance.
pub(super) fn is_tight(index: u32) -> bool {
    node(index).is_tight.load(Ordering::Relaxed)
}

/// Whether a node stands under another one, or is it.
pub(crate) fn is_under(index: u32, above: u32) -> bool {
    chain(index).any(|level| level == above)
}

/// Counts a refusal.
pub(super) fn count_refused(index: u32, size: u64) {
    node(index).refused_count.fetch_add(1, Ordering::Relaxed);
    node(index).refused_bytes.fetch_add(size, Ordering::Relaxed);
}
