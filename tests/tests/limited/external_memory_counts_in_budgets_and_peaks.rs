//! Memory that no allocator sees counts in its tag's and the process's peak and in their
//! budgets for as long as its handle lives, also in a log that starts meanwhile.

use scrubjay::{Budget, External, Report, Tag};
use scrubjay_tests::folder::Folder;
use scrubjay_tests::{child, cli};

use super::blocks::Block;

const MIB: usize = 1 << 20;

static MODEL: Tag = Tag::new("model").budget(Budget::hard(100 << 20).headroom(0));
static WEIGHTS: Tag = Tag::new("model/weights");

pub fn test() {
    let folder = Folder::new();
    let log = folder.join("late.jay");
    child!().argument(&log).succeed();
    let verified = cli::run(["log".as_ref(), "verify".as_ref(), log.as_os_str()]);
    assert!(verified.status.success(), "{verified:?}");
    let summary = cli::run(["summary".as_ref(), log.as_os_str()]);
    let summary = String::from_utf8_lossy(&summary.stdout).into_owned();
    assert!(summary.contains("external"), "{summary}");
}

pub fn child(arguments: &[String]) {
    MODEL.declare();
    let mut on_gpu = External::new(&WEIGHTS, 60 * MIB).expect("there is room");
    assert!(External::new(&WEIGHTS, 41 * MIB).is_err());
    {
        let _scope = MODEL.enter();
        assert!(Block::new(41 * MIB, 0).is_none(), "blocks and the rest share one budget");
        let block = Block::new(40 * MIB, 0);
        assert!(block.is_some());
        assert!(on_gpu.resize(61 * MIB).is_err());
        assert_eq!(on_gpu.size(), 60 * MIB);
    }
    let report = Report::now();
    let weights = report.tag("model/weights").expect("it was used");
    assert_eq!(weights.external_bytes, 60 << 20);
    assert_eq!((weights.live_bytes, weights.peak_bytes), (0, 60 << 20));
    assert!(report.total.peak_bytes >= 100 << 20, "{}", report.total.peak_bytes);
    scrubjay::start_log(&arguments[0]).expect("a log starts");
    on_gpu.resize(20 * MIB).expect("less always fits");
    drop(on_gpu);
    let report = Report::now();
    assert_eq!(report.total.external_bytes, 0);
    assert_eq!(report.tag("model/weights").map(|tag| tag.peak_bytes), Some(60 << 20));
    assert_eq!(MODEL.budget_status().map(|status| status.charged_bytes), Some(0));
    let kept = External::new(&WEIGHTS, 3 * MIB).expect("there is room");
    // It is there at the end.
    std::mem::forget(kept);
}
