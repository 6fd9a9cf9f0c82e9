//! Blocks whose sizes say under which tag they belong, so that a log can be held
//! against that event by event.

use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};

use scrubjay::Tag;
use scrubjay_tests::folder::Folder;
use scrubjay_tests::log::Log;

/// As many tags, "untagged" being the first.
pub const TAG_COUNT: usize = 8;
/// A block of tag `n` has so many bytes plus `n`, and once grown so many.
const SIZE: usize = 1_049;
const GROWN: usize = 1_449;

static TAGS: [Tag; TAG_COUNT - 1] = [
    Tag::new("travel/1"),
    Tag::new("travel/2"),
    Tag::new("travel/3"),
    Tag::new("travel/4"),
    Tag::new("travel/5"),
    Tag::new("travel/6"),
    Tag::new("travel/7"),
];

/// Sizes that came, by the program's own books.
static BLOCKS: AtomicU64 = AtomicU64::new(0);

/// A tag by its number, from 1 on.
pub fn tag(number: usize) -> &'static Tag {
    &TAGS[number - 1]
}

/// A block where the tag of that number should be active.
pub fn block(number: usize) -> Vec<u8> {
    BLOCKS.fetch_add(1, Ordering::Relaxed);
    black_box(vec![number as u8; SIZE + number])
}

/// Grows such a block, which stays its tag's wherever that is done.
pub fn grow(block: &mut Vec<u8>) {
    let number = block.capacity() - SIZE;
    BLOCKS.fetch_add(1, Ordering::Relaxed);
    block.reserve_exact(GROWN + number - block.len());
}

/// In the child: tells how many blocks there were.
pub fn tell() {
    println!("blocks: {}", BLOCKS.load(Ordering::Relaxed));
}

/// A figure that the child told.
pub fn told(output: &str, name: &str) -> u64 {
    let line = output.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    line.and_then(|figure| figure.parse().ok()).unwrap_or_else(|| panic!("no {name}: {output}"))
}

/// Runs the child of a claim under a journal, holds each event of such a block
/// against its tag, and answers what the child printed.
pub fn check(child: scrubjay_tests::child::Child, least_events: u64) -> String {
    let folder = Folder::new();
    let path = folder.join("run.jay");
    // Stacks would take most of the time.
    let child = child.log(&path).setting("SCRUBJAY_STACKS", "off");
    let output = child.setting("SCRUBJAY_MODE", "journal").succeed().output;
    let log = Log::read(&path);
    log.check();
    let tags: Vec<Option<u32>> = (0..TAG_COUNT)
        .map(|number| match number {
            0 => Some(0),
            _ => log.tags.values().find(|tag| tag.name == TAGS[number - 1].name()).map(|t| t.index),
        })
        .collect();
    let (mut allocated, mut freed, mut wrong) = (0, 0, Vec::new());
    for record in &log.events {
        let event = &record.event;
        let of = |first| (event.size as usize).checked_sub(first).filter(|&n| n < TAG_COUNT);
        let Some(number) = of(SIZE).or_else(|| of(GROWN)) else { continue };
        allocated += u64::from(event.kind.allocates());
        freed += u64::from(event.kind.frees());
        let found = log.tag_of(event.site);
        if tags[number] != Some(found) {
            wrong.push((number, log.tags[&found].name.clone(), event.kind));
        }
    }
    println!("{} events, {} under a wrong tag", allocated + freed, wrong.len());
    assert!(wrong.is_empty(), "{} wrong, as {:?}", wrong.len(), &wrong[..wrong.len().min(20)]);
    // Not one more, so no other block has such a size; and each was freed.
    let blocks = told(&output, "blocks");
    assert_eq!((allocated, freed), (blocks, blocks));
    assert!(allocated + freed >= least_events, "{}", allocated + freed);
    output
}
