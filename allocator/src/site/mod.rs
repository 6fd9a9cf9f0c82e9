//! Sites: where memory came from, a tag with a stack. Each is made once for
//! the whole process, and found again without a lock.
//!
//! A site is known by a hash of its tag and frames, 64 bits wide. It is looked
//! up in what the thread remembers, then in the table of all; only a site that
//! is new takes the lock, enters its frames in the tree of stacks, and writes
//! its declaration into the log. Of two stacks with one hash the second would
//! pass for the first: among a million stacks the chance is one in 10^7.

pub(crate) mod counters;
pub(crate) mod inherited;
pub(crate) mod peaks;
mod stacks;
mod table;

use core::iter;
use core::sync::atomic::{AtomicU16, AtomicU32, Ordering};

use scrubjay_log_format::{SiteDeclaration, process, site};

use crate::capture::{End, Stack};
use crate::control::control;
use crate::limits::{SITES_MAX, TAGS_MAX};
use crate::store::{self, Store, store_bytes};
use crate::tag;
use crate::thread::Slot;

/// The tags of sites that are not a tag's own, and whether they are a sample's.
/// Pages that nobody wrote take no memory.
static TAGS: [AtomicU16; SITES_MAX] = [const { AtomicU16::new(0) }; SITES_MAX];
const SAMPLE: u16 = 1 << 15;
/// The newest site of each tag, and of each site the one of its tag before it;
/// 0 for none.
static NEWEST: [AtomicU32; TAGS_MAX] = [const { AtomicU32::new(0) }; TAGS_MAX];
/// See [`NEWEST`].
static BEFORE: [AtomicU32; SITES_MAX] = [const { AtomicU32::new(0) }; SITES_MAX];

const _: () = assert!(TAGS_MAX <= SAMPLE as usize);

/// The tag of a site.
#[inline(always)]
pub(crate) fn tag_of(site: u32) -> u32 {
    if is_tag(site) {
        return site;
    }
    (TAGS[site as usize % SITES_MAX].load(Ordering::Relaxed) & !SAMPLE).into()
}

/// Whether a site is a tag's own, of which the tag's cells say all.
#[inline(always)]
pub(crate) fn is_tag(site: u32) -> bool {
    site < TAGS_MAX as u32
}

/// Whether a site's blocks stand for others.
#[inline(always)]
pub(crate) fn is_sample(site: u32) -> bool {
    TAGS[site as usize % SITES_MAX].load(Ordering::Relaxed) & SAMPLE != 0
}

/// The site of a tag and a stack. `None` where there is no room for a new one,
/// which is counted: it is the tag's own then.
#[inline]
pub(crate) fn of(slot: Option<&Slot>, tag: u32, stack: &Stack<'_>, is_sample: bool) -> Option<u32> {
    let key = key(tag, stack.hash, stack.end, is_sample);
    if let Some(slot) = slot
        && let Some(site) = slot.remembered(key)
    {
        return Some(site);
    }
    look_up(slot, key, tag, stack, is_sample)
}

/// Never 0, which marks an empty place.
#[inline(always)]
fn key(tag: u32, hash: u64, end: End, is_sample: bool) -> u64 {
    let kind = u64::from(tag) << 8 | u64::from(flags(end, is_sample));
    // Fibonacci hashing (Knuth, TAOCP 3, 6.4) spreads the kind over all bits.
    hash.wrapping_add(kind.wrapping_mul(0x9e37_79b9_7f4a_7c15)) | 1
}

#[inline(always)]
fn flags(end: End, is_sample: bool) -> u8 {
    let end = match end {
        End::Whole => 0,
        End::Cut => site::FLAG_TRUNCATED,
        End::Lost | End::Busy => site::FLAG_LOST,
    };
    end | if is_sample { site::FLAG_SAMPLED } else { 0 }
}

#[cold]
#[inline(never)]
fn look_up(
    slot: Option<&Slot>,
    key: u64,
    tag: u32,
    stack: &Stack<'_>,
    is_sample: bool,
) -> Option<u32> {
    let site = table::find(key).or_else(|| make(key, tag, stack, is_sample));
    match (site, slot) {
        (Some(site), Some(slot)) => slot.remember(key, site),
        (Some(_), None) => {}
        (None, _) => {
            if let Some(store) = store::current() {
                store.process()[process::SITE_OVERFLOW_COUNT].fetch_add(1, Ordering::Relaxed);
            }
        }
    }
    site
}

fn make(key: u64, tag: u32, stack: &Stack<'_>, is_sample: bool) -> Option<u32> {
    if table::is_full() || stacks::are_full() {
        return None;
    }
    let _guard = control().sites.try_for_a_while()?;
    // Somebody may have been faster.
    if let Some(site) = table::find(key) {
        return Some(site);
    }
    let store = store::current()?;
    let node = stacks::enter(store, stack.addresses())?;
    let site = table::next()?;
    let declaration = SiteDeclaration {
        index: site,
        tag,
        stack: node,
        owner: 0,
        generation: 0,
        flags: flags(stack.end, is_sample),
    };
    store_bytes(store.site_or_take(site)?, &declaration.encode());
    // So that its counters are found without taking a chunk.
    store.site_counters_or_take(site)?;
    let kind = tag as u16 | if is_sample { SAMPLE } else { 0 };
    TAGS[site as usize % SITES_MAX].store(kind, Ordering::Relaxed);
    let newest = &NEWEST[tag as usize % TAGS_MAX];
    BEFORE[site as usize % SITES_MAX].store(newest.load(Ordering::Relaxed), Ordering::Relaxed);
    let added = table::add(key, site);
    newest.store(site, Ordering::Release);
    added
}

/// Calls `then` with the return addresses of a site's stack, innermost first.
#[cfg(feature = "leak-check")]
pub(crate) fn each_address(site: u32, then: impl FnMut(usize)) {
    let Some(store) = store::current() else { return };
    let Some(words) = store.site(site) else { return };
    let bytes = words.each_ref().map(|word| word.load(Ordering::Relaxed).to_le_bytes());
    if let Ok(Some(declaration)) = SiteDeclaration::decode(bytes.as_flattened()) {
        stacks::each_address(store, declaration.stack, then);
    }
}

/// A tag's newest site besides its own.
fn newest_of(tag: u32) -> Option<u32> {
    Some(NEWEST[tag as usize % TAGS_MAX].load(Ordering::Acquire)).filter(|&site| site != 0)
}

/// All sites of a tag but its own, the newest first.
pub(crate) fn all_of(tag: u32) -> impl Iterator<Item = u32> {
    let before = |site: &u32| {
        let before = BEFORE[*site as usize % SITES_MAX].load(Ordering::Relaxed);
        Some(before).filter(|&site| site != 0)
    };
    iter::successors(newest_of(tag), before)
}

/// Whether there is such a site: a look at bytes that may be anything.
pub(crate) fn exists(site: u32) -> bool {
    if is_tag(site) { site < tag::count() } else { site < count() }
}

/// Sites that there are, those of tags included.
pub(crate) fn count() -> u32 {
    table::count()
}

/// Copies all stacks and sites into another store, and then lets `put_in_force`
/// put it in force: no site is made in between. For a late start.
pub(crate) fn move_all(from: &Store, to: &Store, put_in_force: impl FnOnce()) {
    let _guard = control().sites.wait();
    copy_all(from, to);
    put_in_force();
}

/// Copies all stacks and sites into another store, where nobody makes one: in a
/// forked child, whose parent's store holds what it held at the fork.
pub(crate) fn copy_all(from: &Store, to: &Store) {
    stacks::copy(from, to);
    for site in site::FIRST..count() {
        if let (Some(old), Some(new)) = (from.site(site), to.site_or_take(site)) {
            copy_words(old, new);
        }
        to.site_counters_or_take(site);
    }
}

/// Copies a static record, its first word last.
fn copy_words(from: &[core::sync::atomic::AtomicU64], to: &[core::sync::atomic::AtomicU64]) {
    for (from, to) in from.iter().zip(to).rev() {
        to.store(from.load(Ordering::Relaxed), Ordering::Release);
    }
}
