//! A site is a tag and a stack: blocks from one place and one way there have
//! one, from another way there another; a realloc's block has its block's tag.

use scrubjay::Tag;
use scrubjay_log_format::{EventKind, site};
use scrubjay_tests::folder::Folder;
use scrubjay_tests::log::Log;
use scrubjay_tests::{child, paths};

static FIRST: Tag = Tag::new("first");
static SECOND: Tag = Tag::new("second");

pub fn test() {
    let folder = Folder::new();
    let path = folder.join("run.jay");
    child!().log(&path).succeed();
    let log = Log::read(&path);
    log.check();
    let sites = |tag: &str| {
        let tag = log.tag(tag);
        let mut own = Vec::new();
        for event in log.events.iter().map(|record| record.event) {
            if event.kind.allocates() && log.tag_of(event.site) == tag {
                own.push((event.size, event.kind, event.site));
            }
        }
        own
    };
    let first = sites(FIRST.name());
    let of_size = |size: u64| {
        let own = first.iter().filter(move |(found, ..)| *found == size);
        own.map(|&(.., site)| site).collect::<Vec<_>>()
    };
    // Three times the same way, then another.
    let (same, other) = (of_size(101), of_size(102));
    assert_eq!(same.len(), 3);
    assert!(same.iter().all(|site| *site == same[0] && *site >= site::FIRST), "{same:?}");
    assert_ne!(same[0], other[0]);
    let (one, another) = (log.frames(same[0]), log.frames(other[0]));
    assert!(one.len() > 8 && another.len() > 8, "{one:x?}, {another:x?}");
    // They meet in their callers.
    assert_eq!(one.last(), another.last());
    // The same way under another tag.
    let second = sites(SECOND.name());
    let [(_, _, site), (_, EventKind::ReallocAlloc, grown)] = second[..] else {
        panic!("{second:?}");
    };
    assert_ne!(site, same[0]);
    assert_eq!(log.frames(site), one);
    assert_ne!(log.frames(grown), one);
}

pub fn child(_: &[String]) {
    let mut kept = Vec::with_capacity(10);
    let mut block = Vec::new();
    // One call for all: a stack is its return addresses.
    for (tag, number, size) in
        [(&FIRST, 5, 101), (&FIRST, 5, 101), (&FIRST, 5, 101), (&FIRST, 6, 102), (&SECOND, 5, 103)]
    {
        let _scope = tag.enter();
        paths::walk(number, 4, &mut || block = vec![1_u8; std::hint::black_box(size)]);
        kept.push(std::mem::take(&mut block));
    }
    if let Some(last) = kept.last_mut() {
        last.reserve_exact(1_000);
    }
    std::mem::forget(kept);
}
