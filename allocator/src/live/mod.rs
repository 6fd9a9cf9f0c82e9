//! Live blocks, each with what is known of it: all of them where that was asked
//! for from the start, else those that have an owner.
//!
//! A block's trailer names its record instead of its site, and the record the
//! site: so nothing is searched for at a release, and a block that has no record
//! costs nothing. Records stand in private memory, where a forked child finds
//! those of its blocks as they were.

mod free;

use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use crate::limits::{LIVE_MAX, SITES_MAX};
use crate::os;
use crate::published::Published;

pub(crate) use free::Free;

/// What a trailer names from here up are records.
const FIRST: u32 = 1 << 31;

const _: () = assert!(SITES_MAX <= FIRST as usize);
const _: () = assert!(LIVE_MAX <= FIRST as usize);

/// A block's record; one whose address is 0 is free.
struct Record {
    address: AtomicU64,
    size: AtomicU64,
    born: AtomicU64,
    site: AtomicU32,
    owner: AtomicU32,
    thread: AtomicU32,
    /// The next free one.
    next: AtomicU32,
}

/// The records by number; number 0 is never used. Pages that nobody wrote take
/// no memory.
static RECORDS: Published<[Record; LIVE_MAX]> = Published::empty();
/// Blocks that found no record.
static OVERFLOW_COUNT: AtomicU64 = AtomicU64::new(0);

/// A live block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Block {
    pub(crate) address: usize,
    pub(crate) size: usize,
    pub(crate) site: u32,
    /// 0 for none.
    pub(crate) owner: u32,
    /// The number of the thread that allocated it; 0 for an orphan.
    pub(crate) thread: u32,
    /// When, in ticks; a realloc does not change it.
    pub(crate) born: u64,
}

/// Makes room for records, once; false where there is no memory.
pub(crate) fn prepare() -> bool {
    if RECORDS.get().is_some() {
        return true;
    }
    let place: *mut [Record; LIVE_MAX] = os::map_private(size_of::<[Record; LIVE_MAX]>()).cast();
    // SAFETY: the mapping is fresh and never undone, and zeros are valid for
    // atomics.
    let Some(records) = (unsafe { place.as_ref() }) else { return false };
    if !RECORDS.set_first(records) {
        os::unmap(place.cast(), size_of::<[Record; LIVE_MAX]>());
    }
    true
}

/// Whether a trailer that names this names a site.
#[inline(always)]
pub(crate) fn is_site(name: u32) -> bool {
    name < SITES_MAX as u32
}

/// The site of a block whose trailer names this. `None` for what is neither a
/// site nor a block's record.
#[inline]
pub(crate) fn site_of(name: u32) -> Option<u32> {
    if is_site(name) { Some(name) } else { record_site(name) }
}

#[inline(never)]
fn record_site(name: u32) -> Option<u32> {
    let record = record(name.checked_sub(FIRST)?)?;
    let site = record.site.load(Ordering::Relaxed);
    (record.address.load(Ordering::Relaxed) != 0 && is_site(site)).then_some(site)
}

/// Whose a block is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Owned {
    /// The number of its owner.
    pub(crate) owner: u32,
    /// Its tag, as a site.
    pub(crate) site: u32,
    /// When it was allocated, in ticks.
    pub(crate) born: u64,
}

/// Whose a block is whose trailer names this; `None` where it is nobody's.
pub(crate) fn owned(name: u32) -> Option<Owned> {
    let record = name.checked_sub(FIRST).and_then(record)?;
    let owner = record.owner.load(Ordering::Relaxed);
    (owner != 0).then(|| Owned {
        owner,
        site: record.site.load(Ordering::Relaxed),
        born: record.born.load(Ordering::Relaxed),
    })
}

fn record(number: u32) -> Option<&'static Record> {
    RECORDS.get()?.get(number as usize).filter(|_| number != 0)
}

/// Enters a block that was just allocated; answers what its trailer is to name:
/// the site itself where there is no room, which is counted.
pub(crate) fn add(free: Option<&Free>, block: Block) -> u32 {
    let Some((number, record)) =
        free::take(free).and_then(|number| Some((number, record(number)?)))
    else {
        OVERFLOW_COUNT.fetch_add(1, Ordering::Relaxed);
        return block.site;
    };
    record.size.store(block.size as u64, Ordering::Relaxed);
    record.born.store(block.born, Ordering::Relaxed);
    record.site.store(block.site, Ordering::Relaxed);
    record.owner.store(block.owner, Ordering::Relaxed);
    record.thread.store(block.thread, Ordering::Relaxed);
    record.address.store(block.address as u64, Ordering::Release);
    FIRST + number
}

/// Takes a block out that is about to be released.
pub(crate) fn remove(free: Option<&Free>, name: u32) {
    let Some(number) = name.checked_sub(FIRST) else { return };
    if let Some(record) = record(number) {
        record.address.store(0, Ordering::Release);
        free::give(free, number);
    }
}

/// A block was reallocated. It stays as old as it was, and its owner's.
pub(crate) fn replace(name: u32, (address, size): (usize, usize), site: u32) {
    let Some(record) = name.checked_sub(FIRST).and_then(record) else { return };
    record.size.store(size as u64, Ordering::Relaxed);
    record.site.store(site, Ordering::Relaxed);
    record.address.store(address as u64, Ordering::Release);
}

/// How many blocks found no record.
pub(crate) fn overflow_count() -> u64 {
    OVERFLOW_COUNT.load(Ordering::Relaxed)
}

/// Calls `then` with each block and the number of its record. What other threads
/// allocate and release meanwhile may be among them or not.
pub(crate) fn each(mut then: impl FnMut(u32, Block)) {
    for number in 0..end() {
        if let Some(block) = get(number) {
            then(number, block);
        }
    }
}

/// The number behind that of the last record that was ever used.
pub(crate) fn end() -> u32 {
    free::end()
}

/// The block whose record has that number, if it is live.
pub(crate) fn get(number: u32) -> Option<Block> {
    let record = record(number)?;
    let address = record.address.load(Ordering::Acquire) as usize;
    (address != 0).then(|| Block {
        address,
        size: record.size.load(Ordering::Relaxed) as usize,
        site: record.site.load(Ordering::Relaxed),
        owner: record.owner.load(Ordering::Relaxed),
        thread: record.thread.load(Ordering::Relaxed),
        born: record.born.load(Ordering::Relaxed),
    })
}

#[cfg(test)]
#[expect(clippy::disallowed_types, reason = "the tests hand blocks on under a lock")]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use std::sync::Barrier;

    fn block(address: usize) -> Block {
        Block { address, size: address % 1_000, site: 7, owner: 3, thread: 1, born: 5 }
    }

    /// Threads allocate, hand on and release; what remains is what a plain map
    /// says, and no record is lost: the table does not grow with the events.
    #[test]
    fn records_are_those_of_a_plain_map() {
        assert!(prepare());
        const THREADS: usize = 4;
        const ROUNDS: usize = 50;
        const EACH: usize = 1_000;
        let barrier = Barrier::new(THREADS);
        let kept: Vec<BTreeMap<usize, u32>> = std::thread::scope(|scope| {
            let (sender, receiver) = std::sync::mpsc::channel::<Vec<u32>>();
            let receiver = std::sync::Arc::new(std::sync::Mutex::new(receiver));
            let threads: Vec<_> = (0..THREADS)
                .map(|thread| {
                    let (sender, receiver) = (sender.clone(), receiver.clone());
                    let barrier = &barrier;
                    scope.spawn(move || {
                        let free = Free::new();
                        let mut kept = BTreeMap::new();
                        for round in 0..ROUNDS {
                            let base = (1 + thread * ROUNDS + round) << 32;
                            let names: Vec<u32> = (0..EACH)
                                .map(|number| add(Some(&free), block(base + 16 * number)))
                                .collect();
                            assert!(names.iter().all(|&name| name >= FIRST));
                            kept.insert(base, names[0]);
                            sender.send(names[1..].to_vec()).unwrap();
                            barrier.wait();
                            let others = receiver.lock().unwrap().recv().unwrap();
                            for name in others {
                                assert_eq!(site_of(name), Some(7));
                                remove(Some(&free), name);
                            }
                            barrier.wait();
                        }
                        kept
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let kept: BTreeMap<usize, u32> = kept.into_iter().flatten().collect();
        let mut found = BTreeMap::new();
        each(|_, live| {
            assert_eq!(live, block(live.address));
            assert_eq!(found.insert(live.address, ()), None);
        });
        assert_eq!(found.keys().collect::<Vec<_>>(), kept.keys().collect::<Vec<_>>());
        let most = (THREADS * (EACH + ROUNDS + 4 * crate::limits::LIVE_BATCH as usize)) as u32;
        assert!(free::end() <= most, "{} records for {most} blocks", free::end());
        kept.values().for_each(|&name| remove(None, name));
        kept.values().for_each(|&name| assert_eq!(site_of(name), None));
    }
}
