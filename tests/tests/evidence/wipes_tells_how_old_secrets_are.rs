//! `wipes` tells the age of the oldest live block of a secret tag, also of a
//! running program, and objects, if asked, where the tag allows less.

use std::thread;
use std::time::Duration;

use scrubjay::Tag;
use scrubjay_tests::folder::Folder;
use scrubjay_tests::{child, cli};
use serde_json::Value;

static SHORT: Tag = Tag::new("short").greatest_age(Duration::from_millis(50));
static LONG: Tag = Tag::new("long").secret().greatest_age(Duration::from_secs(3600));
const PAUSE: Duration = Duration::from_millis(100);

pub fn test() {
    let folder = Folder::new();
    let log = folder.join("run.jay");
    let mut running = child!().log(&log).start();
    running.lines_until_pause();
    thread::sleep(PAUSE);
    let watched = |tag: &str| -> Value {
        let said = cli::run(
            ["wipes", "--json", "--tag", tag]
                .map(AsRef::as_ref)
                .into_iter()
                .chain([log.as_os_str()]),
        );
        assert_eq!(said.status.code(), Some(0), "{said:?}");
        let answer: Value = serde_json::from_slice(&said.stdout).expect("an answer");
        answer["tags"][0]["watched"].clone()
    };
    let age = |watched: &Value| {
        watched["oldest_age_ns"].as_u64().unwrap_or_else(|| panic!("no age: {watched}"))
    };
    let (short, long) = (watched("short"), watched("long"));
    assert_eq!((&short["blocks"], &short["bytes"]), (&1.into(), &500.into()));
    assert_eq!((&short["blocks_over_age"], &long["blocks_over_age"]), (&1.into(), &0.into()));
    assert!(age(&short) >= PAUSE.as_nanos() as u64, "{short}");
    // The realloc of the block, after the child's own pause, made it no younger.
    assert!(age(&long) >= 2 * PAUSE.as_nanos() as u64 && age(&long) < 60_000_000_000, "{long}");
    running.go_on();
    assert!(running.finish().status.success());
    assert!(age(&watched("short")) >= age(&short));

    for (tag, code) in [("short", 1), ("long", 0)] {
        let arguments = ["wipes", "--strict-age", "--tag", tag].map(AsRef::as_ref);
        let said = cli::run(arguments.into_iter().chain([log.as_os_str()]));
        assert_eq!(said.status.code(), Some(code), "{tag}: {said:?}");
    }
}

pub fn child(_: &[String]) {
    let mut long = {
        let _scope = LONG.enter();
        Vec::<u8>::with_capacity(100)
    };
    thread::sleep(PAUSE);
    long.resize(100_000, 1);
    // Enough for a frame, with which the clock is measured.
    drop(std::hint::black_box(vec![1_u8; 64 << 20]));
    let short = {
        let _scope = SHORT.enter();
        vec![1_u8; 500]
    };
    child::pause();
    std::mem::forget((long, short));
}
