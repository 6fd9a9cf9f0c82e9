//! Verify on alloc: released blocks are held back for a while, blank, and
//! handed out again or given back only if they still are.
//!
//! A block that the inner allocator has back is not ours to judge: it writes
//! its own words there, cuts it up, and may have given it to C code. So what is
//! to be verified is kept here, by size and alignment, the oldest first out.

use core::alloc::Layout;
use core::ptr;
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};

use scrubjay_log_format::process;

use crate::control::control;
use crate::damage;
use crate::limits::{
    QUARANTINE_BLOCK_MAX, QUARANTINE_BUCKETS, QUARANTINE_DEPTH, QUARANTINE_SIZE_MAX, TRAILER_SIZE,
};
use crate::trailer::{self, Trailer};
use crate::{os, store};

/// A released block.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Held {
    pub(crate) block: *mut u8,
    pub(crate) layout: Layout,
    /// Its site while it lived.
    pub(crate) site: u32,
    /// Who gave it to us: only they get it.
    pub(crate) owner: usize,
}

/// Where a held block stands; empty while the address is 0.
struct Place {
    address: AtomicUsize,
    size: AtomicUsize,
    align: AtomicUsize,
    site: AtomicU32,
    owner: AtomicUsize,
}

/// Blocks of a few sizes.
struct Bucket {
    places: [Place; QUARANTINE_DEPTH],
    /// The place that is filled next: the oldest, once all are full.
    next: AtomicUsize,
}

static BUCKETS: [Bucket; QUARANTINE_BUCKETS] = [const {
    Bucket {
        places: [const {
            Place {
                address: AtomicUsize::new(0),
                size: AtomicUsize::new(0),
                align: AtomicUsize::new(0),
                site: AtomicU32::new(0),
                owner: AtomicUsize::new(0),
            }
        }; QUARANTINE_DEPTH],
        next: AtomicUsize::new(0),
    }
}; QUARANTINE_BUCKETS];

/// Whether what is left will be looked at when the process exits.
static ARMED: AtomicBool = AtomicBool::new(false);
/// Bytes that are held.
static HELD_SIZE: AtomicUsize = AtomicUsize::new(0);

fn bucket(layout: Layout) -> &'static Bucket {
    let mixed =
        (layout.size() ^ layout.align().rotate_left(32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    &BUCKETS[(mixed >> 32) % QUARANTINE_BUCKETS]
}

impl Place {
    fn held(&self) -> Option<Held> {
        let address = self.address.load(Ordering::Relaxed);
        let [size, align] = [&self.size, &self.align].map(|word| word.load(Ordering::Relaxed));
        let layout = Layout::from_size_align(size, align).ok()?;
        (address != 0).then(|| Held {
            block: ptr::with_exposed_provenance_mut(address),
            layout,
            site: self.site.load(Ordering::Relaxed),
            owner: self.owner.load(Ordering::Relaxed),
        })
    }

    fn put(&self, held: Held) {
        self.size.store(held.layout.size(), Ordering::Relaxed);
        self.align.store(held.layout.align(), Ordering::Relaxed);
        self.site.store(held.site, Ordering::Relaxed);
        self.owner.store(held.owner, Ordering::Relaxed);
        self.address.store(held.block.expose_provenance(), Ordering::Relaxed);
        HELD_SIZE.fetch_add(held.layout.size(), Ordering::Relaxed);
    }

    fn clear(&self, held: Held) {
        self.address.store(0, Ordering::Relaxed);
        HELD_SIZE.fetch_sub(held.layout.size(), Ordering::Relaxed);
    }
}

/// Holds a block back that was wiped and carries its tombstone. Answers what
/// is to be released now: the block itself where there is no room for it, else
/// the oldest of its bucket, verified; often nothing.
pub(crate) fn put(held: Held) -> Option<Held> {
    if held.layout.size() > QUARANTINE_BLOCK_MAX {
        return Some(held);
    }
    if !ARMED.swap(true, Ordering::Relaxed) {
        os::at_exit(verify_all);
    }
    let Some(_guard) = control().quarantine.try_for_a_while() else { return Some(held) };
    let bucket = bucket(held.layout);
    let next = bucket.next.load(Ordering::Relaxed);
    let place = &bucket.places[next % QUARANTINE_DEPTH];
    let oldest = place.held();
    let is_full = HELD_SIZE.load(Ordering::Relaxed) + held.layout.size() > QUARANTINE_SIZE_MAX;
    if oldest.is_some_and(|oldest| oldest.owner != held.owner) || is_full {
        return Some(held);
    }
    if let Some(oldest) = oldest {
        place.clear(oldest);
    }
    place.put(held);
    bucket.next.store(next + 1, Ordering::Relaxed);
    oldest.filter(|&oldest| is_blank(oldest))
}

/// Takes the oldest held block of that layout and owner: verified, and so as
/// good as zeroed.
pub(crate) fn take(layout: Layout, owner: usize) -> Option<*mut u8> {
    let _guard = control().quarantine.try_for_a_while()?;
    let bucket = bucket(layout);
    let next = bucket.next.load(Ordering::Relaxed);
    let places = (0..QUARANTINE_DEPTH).map(|at| &bucket.places[(next + at) % QUARANTINE_DEPTH]);
    let found = places.filter_map(|place| Some((place, place.held()?)));
    for (place, held) in found {
        if held.layout == layout && held.owner == owner {
            place.clear(held);
            if is_blank(held) {
                return Some(held.block);
            }
        }
    }
    None
}

/// Takes everything of that owner out, verified, and hands it on one by one, while
/// nobody waits for it. Not within an allocation.
pub(crate) fn drain(owner: usize, mut release: impl FnMut(Held)) {
    for place in BUCKETS.iter().flat_map(|bucket| &bucket.places) {
        let guard = control().quarantine.try_for_a_while();
        let held = place.held().filter(|held| held.owner == owner && guard.is_some());
        if let Some(held) = held {
            place.clear(held);
        }
        drop(guard);
        if let Some(held) = held.filter(|&held| is_blank(held)) {
            release(held);
        }
    }
}

/// Looks at all that is held, when the process exits.
extern "C" fn verify_all() {
    let Some(_guard) = control().quarantine.try_for_a_while() else { return };
    for place in BUCKETS.iter().flat_map(|bucket| &bucket.places) {
        if let Some(held) = place.held() {
            is_blank(held);
        }
    }
}

/// Whether a held block is as it was left. If not, the damage is reported, and
/// the block is nobody's from then on.
fn is_blank(held: Held) -> bool {
    let size = held.layout.size();
    // SAFETY: the block was released to us with its trailer, so it is ours, and
    // was written in full by the wipe.
    let bytes = unsafe { core::slice::from_raw_parts(held.block, size + TRAILER_SIZE) };
    let (content, behind) = bytes.split_at(size);
    let tombstone = behind.first_chunk().map(|&behind| trailer::judge(held.block as usize, behind));
    let changed = content
        .iter()
        .position(|&byte| byte != 0)
        .or_else(|| (tombstone != Some(Trailer::Released { site: held.site })).then_some(size));
    if let Some(offset) = changed {
        damage::report_written(held.block, size, held.site, offset);
        return false;
    }
    if let Some(store) = store::current() {
        store.process()[process::VERIFIED_COUNT].fetch_add(1, Ordering::Relaxed);
    }
    true
}
