//! A timer scans at its intervals, on a thread that is nobody's: what is lost is in
//! each scan of the log; dropped, it ends the thread, at once.

use std::hint::black_box;
use std::time::{Duration, Instant};
use std::{fs, mem, thread};

use scrubjay::{LeakCheck, ScanError, ScanTimer, Tag, scan_every, scan_every_within, scrub_stack};
use scrubjay_tests::folder::Folder;
use scrubjay_tests::{child, cli};
use serde_json::Value;

static LOST: Tag = Tag::new("lost");

const LOST_SIZE: usize = 4_321;
/// For a scan on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(60);

pub fn test() {
    let folder = Folder::new();
    let log = folder.join("run.jay");
    let child = child!().argument("scan").log(&log).setting("SCRUBJAY_MODE", "count");
    let mut running = child.start();
    // At the first scan, and two scans later.
    for number in [1_u64, 3] {
        assert_eq!(running.lines_until_pause().last().expect("a line"), "scanned");
        let said = cli::run(["leaks".as_ref(), "--json".as_ref(), log.as_os_str()]);
        let answer: Value = serde_json::from_slice(&said.stdout).expect("an answer");
        let scan = &answer["scan"];
        assert!(scan["number"].as_u64() >= Some(number), "{said:?}");
        assert_eq!(lost(scan), (LOST_SIZE as i64, 1), "{scan}");
        running.go_on();
    }
    let finished = running.finish();
    assert!(finished.status.success(), "{finished:?}");

    let finished = child!().argument("fail").succeed();
    assert_eq!(finished.errors.matches("no scan: ").count(), 1, "{finished:?}");
    let finished = child!().argument("none").setting("SCRUBJAY_LIVE", "off").succeed();
    assert!(finished.output.contains("SCRUBJAY_LIVE=on"), "{finished:?}");
}

/// Bytes and blocks of the tag that nothing reaches.
fn lost(scan: &Value) -> (i64, i64) {
    let groups = scan["groups"].as_array().into_iter().flatten();
    let groups = groups.filter(|group| group["kind"] == "lost" && group["held_by"] == "nothing");
    let sites = groups.flat_map(|group| group["sites"].as_array().into_iter().flatten());
    let sites = sites.filter(|site| site["tag"] == "lost");
    let figure = |site: &Value, name: &str| site[name]["value"].as_i64().unwrap_or(0);
    sites.fold((0, 0), |sum, site| (sum.0 + figure(site, "bytes"), sum.1 + figure(site, "blocks")))
}

pub fn child(arguments: &[String]) {
    match &arguments[0][..] {
        "scan" => scan(),
        "fail" => fail(),
        _ => {
            let error = scan_every(Duration::from_secs(1)).map(|_| ()).unwrap_err();
            assert_eq!(error, ScanError::NoRegistry);
            println!("{error}");
        }
    }
}

fn scan() {
    lose();
    scrub_stack(usize::MAX);
    // Started within a check, it is not the check's.
    let mut timer = None;
    let start = || timer = Some(scan_every(Duration::from_millis(20)).expect("a registry"));
    let ((), report) = LeakCheck::new().run_once(start).expect("a check can be made");
    assert!(report.is_ok() && report.kept.is_empty(), "{report:?}");
    let timer = timer.expect("it was started");
    let mut seen = 0;
    for more in [1, 2] {
        wait_until(|| timer.count() >= seen + more);
        seen = timer.count();
        assert_eq!(timer.failure(), None);
        println!("scanned");
        child::pause();
    }
    assert!(is_there());
    drop(timer);
    assert!(!is_there());

    // One that would wait for long ends as promptly.
    let timer: ScanTimer = scan_every(Duration::from_secs(3_600)).expect("a registry");
    wait_until(is_there);
    let begin = Instant::now();
    drop(timer);
    assert!(begin.elapsed() < PATIENCE && !is_there());
}

fn fail() {
    let timer = scan_every_within(Duration::ZERO, Duration::ZERO).expect("a registry");
    wait_until(|| timer.failure() == Some(ScanError::TooLong));
    thread::sleep(Duration::from_millis(100));
    assert_eq!(timer.count(), 0);
}

fn wait_until(is_so: impl Fn() -> bool) {
    let begin = Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < PATIENCE);
        thread::sleep(Duration::from_millis(1));
    }
}

/// Whether the thread runs.
fn is_there() -> bool {
    let tasks = fs::read_dir("/proc/self/task").expect("threads are listed");
    let mut names = tasks.flatten().map(|task| fs::read_to_string(task.path().join("comm")));
    names.any(|name| name.is_ok_and(|name| name == "scrubjay-scan\n"))
}

#[inline(never)]
fn lose() {
    let _scope = LOST.enter();
    mem::forget(black_box(vec![1_u8; LOST_SIZE]));
}
