//! The table of all sites: by hash, without a lock for who only looks.

use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use scrubjay_log_format::site::FIRST;

use crate::limits::SITES_MAX;
use crate::os;
use crate::published::Published;

/// Places: never more than half of them are taken.
const PLACES: usize = SITES_MAX * 2;

/// Where a site is found. Starts as all zeros.
#[derive(Default)]
struct Place {
    key: AtomicU64,
    /// 0 while nobody has the place; stored last.
    site: AtomicU32,
}

/// The places, made with the first site.
static TABLE: Published<[Place; PLACES]> = Published::empty();
/// Sites that there are, those of tags included.
static COUNT: AtomicU32 = AtomicU32::new(FIRST);

pub(super) fn count() -> u32 {
    COUNT.load(Ordering::Acquire)
}

pub(super) fn is_full() -> bool {
    count() as usize >= SITES_MAX
}

/// The site that comes next; `None` where there is no room.
pub(super) fn next() -> Option<u32> {
    (!is_full()).then(count)
}

/// The site with this key.
pub(super) fn find(key: u64) -> Option<u32> {
    let table = TABLE.get()?;
    for place in probe(table, key) {
        match place.site.load(Ordering::Acquire) {
            0 => return None,
            site if place.key.load(Ordering::Relaxed) == key => return Some(site),
            _ => {}
        }
    }
    None
}

/// Adds the site that [`next`] gave. The caller holds the lock on sites.
pub(super) fn add(key: u64, site: u32) -> Option<u32> {
    let table = match TABLE.get() {
        Some(table) => table,
        None => make()?,
    };
    let place = probe(table, key).find(|place| place.site.load(Ordering::Relaxed) == 0)?;
    place.key.store(key, Ordering::Relaxed);
    COUNT.store(site + 1, Ordering::Release);
    place.site.store(site, Ordering::Release);
    Some(site)
}

fn make() -> Option<&'static [Place; PLACES]> {
    let place: *mut [Place; PLACES] = os::map_private(size_of::<[Place; PLACES]>()).cast();
    // SAFETY: the mapping is fresh and never undone, and zeros are valid for
    // atomics.
    let table = unsafe { place.as_ref() }?;
    TABLE.set(table);
    Some(table)
}

/// The places of a key, in the order in which they are looked at.
fn probe(table: &'static [Place; PLACES], key: u64) -> impl Iterator<Item = &'static Place> {
    // The lowest bit is always set; the upper half is as good as any.
    let start = (key >> 32) as usize;
    (0..PLACES).map(move |step| &table[(start + step) % PLACES])
}
