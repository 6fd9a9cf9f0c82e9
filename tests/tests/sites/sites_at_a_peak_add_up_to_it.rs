//! What a log says was live of each site at its tag's own peak adds up to what
//! was live of the tag then, which is within a hundredth of the peak; the same
//! for the process's peak, which is another moment.

use scrubjay::Tag;
use scrubjay_log_format::{peak, process, tag};
use scrubjay_tests::folder::Folder;
use scrubjay_tests::log::Log;
use scrubjay_tests::{child, paths};

static EARLY: Tag = Tag::new("early");
static LATE: Tag = Tag::new("late");
const SIZE: usize = 5_000;
const DEPTH: u32 = 8;

pub fn test() {
    for mode in ["count", "journal"] {
        let folder = Folder::new();
        let path = folder.join("run.jay");
        let child = child!().log(&path).setting("SCRUBJAY_MODE", mode);
        child.setting("SCRUBJAY_STACKS", "on").succeed();
        let log = Log::read(&path);
        log.check();
        let sites_of = |index: u32| log.sites.values().filter(move |site| site.tag == index);
        let sum = |index: u32, set: usize| -> i64 {
            let own = sites_of(index).map(|site| log.site_peaks[&site.index][set + peak::BYTES]);
            own.map(|bytes| bytes as i64).sum()
        };
        for (name, peak_bytes) in [(EARLY.name(), 256 * SIZE), (LATE.name(), 300 * SIZE)] {
            let index = log.tag(name);
            assert_eq!(log.totals[&index][tag::PEAK], peak_bytes as u64);
            let noted = log.tag_peaks[&index];
            assert_eq!(sum(index, peak::TAG[noted.set]), noted.live_bytes, "{mode}, {name}");
            assert!(noted.live_bytes * 101 >= peak_bytes as i64 * 100, "{noted:?}");
        }
        // When the late ones peak, half of the early ones are gone.
        let slot = log.process[process::PEAK_FRAME] - 1;
        let set = peak::PROCESS[(slot - u64::from(log.header.frame_capacity)) as usize];
        assert_eq!(sum(log.tag(EARLY.name()), set), 128 * SIZE as i64, "{mode}");
        let late = sum(log.tag(LATE.name()), set);
        let missing = 300 * SIZE as u64 - late as u64;
        assert!(missing * 100 <= log.process[process::PEAK], "{late}");
        let blocks = sites_of(log.tag(EARLY.name()))
            .map(|site| log.site_peaks[&site.index][set + peak::BLOCKS]);
        assert_eq!(blocks.sum::<u64>(), 128);
    }
}

pub fn child(_: &[String]) {
    let mut kept = Vec::with_capacity(1_000);
    let mut fill = |tag: &'static Tag, count: u32| {
        let _scope = tag.enter();
        for number in 0..count {
            paths::walk(number, DEPTH, &mut || kept.push(vec![1_u8; SIZE]));
        }
        kept.truncate(128);
    };
    fill(&EARLY, 256);
    fill(&LATE, 300);
}
