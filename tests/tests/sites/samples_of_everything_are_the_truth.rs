//! With an interval of a byte every block of a hundred bytes is in the sample
//! and stands for itself: estimates are the cells' figures, without an error.
//! With one that nobody allocates nothing is in it. Tag figures never come from
//! samples.

use scrubjay::Tag;
use scrubjay_log_format::{Mode, cell, site};
use scrubjay_tests::folder::Folder;
use scrubjay_tests::log::Log;
use scrubjay_tests::{child, paths, threads};

static TAG: Tag = Tag::new("sampled");
const DEPTH: u32 = 6;

pub fn test() {
    for (interval, is_all) in [("1", true), ("1T", false)] {
        let folder = Folder::new();
        let path = folder.join("run.jay");
        let child = child!().log(&path).setting("SCRUBJAY_MODE", "sample");
        child.setting("SCRUBJAY_SAMPLE_INTERVAL", interval).succeed();
        let log = Log::read(&path);
        log.check();
        assert_eq!(log.header.mode, Mode::Sample);
        let tag = log.tag(TAG.name());
        let cell = log.cell(tag);
        assert_eq!(cell[cell::ALLOCATED_BLOCKS], 2 * 4 * 64);
        let own: Vec<_> = log.sites.values().filter(|site| site.tag == tag).collect();
        if !is_all {
            assert!(own.is_empty(), "{own:?}");
            continue;
        }
        assert!(own.iter().all(|site| site.has(site::FLAG_SAMPLED)));
        let sum =
            |word: usize| own.iter().map(|site| log.site_counters[&site.index][word]).sum::<u64>();
        assert_eq!(sum(site::ALLOCATED_BLOCKS), cell[cell::ALLOCATED_BLOCKS]);
        assert_eq!(sum(site::ESTIMATED_ALLOCATED_BYTES), cell[cell::ALLOCATED_BYTES]);
        assert_eq!(sum(site::ESTIMATED_FREED_BYTES), cell[cell::FREED_BYTES]);
        let blocks = sum(site::ESTIMATED_FREED_BLOCKS) / site::BLOCK_UNITS;
        assert_eq!(blocks, cell[cell::FREED_BLOCKS]);
        assert_eq!(sum(site::VARIANCE_ALLOCATED_BYTES), 0);
    }
}

pub fn child(_: &[String]) {
    threads::run(4, 2, |_| {
        let _scope = TAG.enter();
        for number in 0..1 << DEPTH {
            paths::walk(number, DEPTH, &mut || {
                let mut block = std::hint::black_box(vec![1_u8; 100]);
                block.reserve_exact(1_000);
                if number % 2 == 0 {
                    std::mem::forget(block);
                }
            });
        }
    });
}
