//! A process with a log has samples in it over its life, with parts at its peak and
//! at its end, in every mode; one without has that of its dump. The program itself
//! is told the same. The kernel's own figures are read beside.

use std::hint::black_box;
use std::thread;
use std::time::Duration;

use scrubjay_tests::child;
use scrubjay_tests::cli;
use scrubjay_tests::folder::Folder;
use serde_json::Value;

/// What is live for a while, bytes.
const PEAK: usize = 96 << 20;

pub fn test() {
    for mode in ["count", "sample", "journal"] {
        let folder = Folder::new();
        let (log, dump) = (folder.join("log.jay"), folder.join("dump.jay"));
        child!().log(&log).setting("SCRUBJAY_MODE", mode).argument(&dump).succeed();
        let summary = summary(&log);
        let kernel = &summary["kernel"];
        let number = |value: &Value| value.as_u64().unwrap_or_else(|| panic!("{mode}: {kernel}"));
        // One at least that the helper took of itself, and that of the end.
        assert!(number(&kernel["samples"]) >= 4, "{mode}: {kernel}");
        let at_peak = &kernel["at_peak"];
        assert!(number(&at_peak["live_bytes"]) > PEAK as u64, "{mode}: {kernel}");
        assert!(number(&at_peak["resident_bytes"]) > PEAK as u64, "{mode}: {kernel}");
        let newest = &kernel["newest"];
        assert!(number(&newest["live_bytes"]) < PEAK as u64 / 2, "{mode}: {kernel}");
        assert!(number(&newest["greatest_resident_bytes"]) > PEAK as u64, "{mode}: {kernel}");
        assert_eq!(kernel["newest_parts"]["at_ns"], newest["at_ns"], "{mode}: {kernel}");
        let greatest = number(&kernel["greatest"]["resident_bytes"]);
        assert!(greatest > PEAK as u64, "{mode}: {kernel}");
        check(&log, mode);
        check(&dump, mode);
        assert!(samples_in(&dump) >= 1, "{mode}");
    }
    let folder = Folder::new();
    let dump = folder.join("dump.jay");
    child!().argument(&dump).succeed();
    assert_eq!(samples_in(&dump), 1, "without a log there is the dump's alone");
    check(&dump, "without a log");
}

fn summary(log: &std::path::Path) -> Value {
    let said = cli::run(["summary".as_ref(), "--json".as_ref(), log.as_os_str()]);
    assert_eq!(said.status.code(), Some(0), "{said:?}");
    serde_json::from_slice(&said.stdout).expect("an answer")
}

/// How many samples there are.
fn samples_in(log: &std::path::Path) -> u64 {
    summary(log)["kernel"]["samples"].as_u64().expect("a count")
}

fn check(log: &std::path::Path, mode: &str) {
    let verified = cli::run(["log".as_ref(), "verify".as_ref(), log.as_os_str()]);
    assert_eq!(verified.status.code(), Some(0), "{mode}: {verified:?}");
}

pub fn child(arguments: &[String]) {
    let small = scrubjay::vitals();
    assert!(small.resident_bytes > 1 << 20 && small.parts.is_none());
    assert_eq!(small.resident_bytes, small.anonymous_bytes + small.file_bytes + small.shared_bytes);
    let held = black_box(vec![1_u8; PEAK]);
    // Longer than the helper's step.
    thread::sleep(Duration::from_millis(200));
    let large = scrubjay::vitals_with_parts();
    assert!(large.live_bytes > PEAK as u64, "{large}");
    assert!(large.resident_bytes - small.resident_bytes > PEAK as u64 / 10 * 9, "{large}");
    let parts = large.parts.expect("the kernel tells");
    assert!(parts.large_bytes >= PEAK as u64 && parts.large_live_bytes >= PEAK as u64, "{large}");
    let status = std::fs::read_to_string("/proc/self/status").expect("the kernel tells");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a line");
    let kib: u64 = line.trim().trim_end_matches(" kB").parse().expect("a number");
    assert!(large.resident_bytes.abs_diff(kib << 10) < 2 << 20, "{large} is not {kib} KiB");
    scrubjay::dump(&arguments[0]).expect("a dump");
    drop(held);
}
