//! A forked child's log has its parent's sites, says what was live of each at
//! the fork, and counts on from zero; with blocks in the parent's caches, too.

use scrubjay::Tag;
use scrubjay_log_format::{process, site};
use scrubjay_tests::folder::Folder;
use scrubjay_tests::log::Log;
use scrubjay_tests::system::{self, Fork};
use scrubjay_tests::{child, paths};

static TAG: Tag = Tag::new("inherited");
const DEPTH: u32 = 9;
const KEPT: u64 = 1 << DEPTH;

pub fn test() {
    for mode in ["count", "journal"] {
        for how in ["library", "raw"] {
            let folder = Folder::new();
            let child = child!().log(&folder.join("%p.jay")).argument(how);
            let finished =
                child.setting("SCRUBJAY_MODE", mode).setting("SCRUBJAY_STACKS", "on").succeed();
            let forked: u32 = finished.output.trim().parse().expect("a number");
            let parents = Log::read(&folder.join(format!("{}.jay", finished.process)));
            parents.check();
            let log = Log::read(&folder.join(format!("{forked}.jay")));
            log.check();
            let tag = log.tag(TAG.name());
            let own = || log.sites.values().filter(|site| site.tag == tag).map(|site| site.index);
            let sum = |word: usize| own().map(|site| log.site_counters[&site][word]).sum::<u64>();
            assert_eq!(sum(site::INHERITED_BLOCKS), KEPT, "{mode}, {how}");
            assert_eq!(sum(site::INHERITED_BYTES), KEPT * 100);
            // Half of them is freed, and a quarter as many are made.
            assert_eq!(log.site_sums_of(tag), [KEPT / 4 * 50, KEPT / 4, KEPT / 2 * 100, KEPT / 2]);
            let end = log.process[process::SITE_INHERITED_END];
            assert!(end >= u64::from(site::FIRST) + KEPT);
            for site in own().filter(|&site| u64::from(site) < end) {
                assert_eq!(log.sites[&site], parents.sites[&site]);
                assert_eq!(log.frames(site), parents.frames(site));
            }
        }
    }
}

pub fn child(arguments: &[String]) {
    let how = if arguments[0] == "raw" { Fork::Raw } else { Fork::Library };
    let mut blocks: Vec<Vec<u8>> = Vec::with_capacity(2 * KEPT as usize);
    let mut fill = |count: u64, size: usize| {
        let _scope = TAG.enter();
        for number in 0..count as u32 {
            paths::walk(number, DEPTH, &mut || blocks.push(vec![1_u8; size]));
        }
    };
    fill(KEPT, 100);
    let forked = system::fork(how, true, || {
        blocks.truncate(KEPT as usize / 2);
        let _scope = TAG.enter();
        for number in 0..KEPT as u32 / 4 {
            paths::walk(number, DEPTH, &mut || blocks.push(vec![1_u8; 50]));
        }
        std::mem::forget(std::mem::take(&mut blocks));
    });
    system::wait(forked);
    println!("{forked}");
    std::mem::forget(blocks);
}
