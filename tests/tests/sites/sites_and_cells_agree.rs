//! What the sites of a tag count adds up to what its cells count, in blocks and
//! bytes, and in a journal to its events site by site: with more sites than a
//! thread's cache has places, on threads that ended, and for frees of other
//! threads and of none.

use std::sync::Mutex;

use scrubjay::Tag;
use scrubjay_log_format::cell;
use scrubjay_tests::folder::Folder;
use scrubjay_tests::log::Log;
use scrubjay_tests::system::Key;
use scrubjay_tests::{child, paths, threads};

static TAG: Tag = Tag::new("sited");
/// Twice the places of a thread's cache, and then some.
const DEPTH: u32 = 10;
const THREADS: usize = 8;

pub fn test() {
    for mode in ["count", "journal"] {
        for limit in ["1G", "2M"] {
            let folder = Folder::new();
            let path = folder.join("run.jay");
            let child = child!().log(&path).setting("SCRUBJAY_MODE", mode);
            child.setting("SCRUBJAY_STACKS", "on").setting("SCRUBJAY_LOG_LIMIT", limit).succeed();
            let log = Log::read(&path);
            log.check();
            let tag = log.tag(TAG.name());
            let sums = log.site_sums_of(tag);
            let cell = log.cell(tag);
            let places = [
                cell::ALLOCATED_BYTES,
                cell::ALLOCATED_BLOCKS,
                cell::FREED_BYTES,
                cell::FREED_BLOCKS,
            ];
            assert_eq!(sums, places.map(|word| cell[word]), "{mode}, {limit}");
            let own = log.sites.values().filter(|site| site.tag == tag).count();
            assert!(own >= 1 << DEPTH, "{own} sites");
            assert!(log.cached_sites.len() > 100, "the caches are in use");
        }
    }
}

pub fn child(_: &[String]) {
    let handed_on = Mutex::new(Vec::new());
    let key = Key::new();
    threads::run(THREADS, 4, |thread| {
        let _scope = TAG.enter();
        for round in 0..4 {
            for number in 0..1 << DEPTH {
                paths::walk(number, DEPTH, &mut || {
                    let size = 1 + (number as usize * 7 + thread + round) % 500;
                    let mut block = std::hint::black_box(vec![1_u8; size]);
                    match number % 4 {
                        0 => block.reserve_exact(size * 3),
                        1 => return handed_on.lock().expect("nobody panics").push(block),
                        2 => std::mem::forget(block),
                        _ => {}
                    }
                });
            }
            let mut handed_on = handed_on.lock().expect("nobody panics");
            let half = handed_on.len() / 2;
            handed_on.truncate(half);
        }
        key.at_thread_end(|| drop(vec![1_u8; 10]));
    });
}
