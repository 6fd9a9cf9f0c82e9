//! Processes in mode `sample`, and their logs.

use std::path::PathBuf;

use scrubjay_tests::child::Child;
use scrubjay_tests::folder::Folder;
use scrubjay_tests::made;

use crate::plan::{INTERVAL, SITES, Site, Way};

/// Runs a child of a claim, which does all sites in one way.
pub fn run(module: &str, way: Way, folder: &Folder) -> PathBuf {
    let log = folder.join("run.jay");
    let finished = Child::of(module)
        .log(&log)
        .setting("SCRUBJAY_MODE", "sample")
        .setting("SCRUBJAY_SAMPLE_INTERVAL", INTERVAL.to_string())
        .argument(format!("{way:?}"))
        .succeed();
    assert_eq!(finished.errors, "");
    log
}

/// The child.
pub fn child(arguments: &[String]) {
    let ways = [Way::Plain, Way::Grown, Way::HandedOver];
    let way = ways.into_iter().find(|way| format!("{way:?}") == arguments[0]);
    let way = way.expect("a way");
    for (number, tag) in made::tags(SITES).into_iter().enumerate() {
        Site::of(number, way).run(tag);
    }
}
