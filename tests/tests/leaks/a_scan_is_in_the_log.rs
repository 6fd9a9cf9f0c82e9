//! What is lost, in a cycle or by itself, and what is kept and grows: a scan says
//! it in production, and `leaks` from the log, also of a process that is killed
//! while it writes the next scan.

use std::cell::RefCell;
use std::hint::black_box;
use std::rc::Rc;
use std::sync::Mutex;
use std::{mem, thread};

use scrubjay::{HeldBy, Tag, scan, scrub_stack};
use scrubjay_tests::folder::Folder;
use scrubjay_tests::random::Random;
use scrubjay_tests::{child, cli, harness};
use serde_json::Value;

static LOST: Tag = Tag::new("lost");
static RINGS: Tag = Tag::new("rings");
static CACHE: Tag = Tag::new("cache");
static GROWN: Tag = Tag::new("grown");

static KEPT: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());
static MORE: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());

const LOST_SIZE: usize = 4_321;
const KEPT_SIZE: usize = 10_000;

pub fn test() {
    let folder = Folder::new();
    for mode in ["count", "journal"] {
        let log = folder.join(format!("{mode}.jay"));
        child!().argument("once").log(&log).setting("SCRUBJAY_MODE", mode).succeed();
        let ask = |options: &[&str]| {
            let paths = ["leaks".as_ref(), log.as_os_str()];
            cli::run(paths.into_iter().chain(options.iter().map(AsRef::as_ref)))
        };
        let said = ask(&["--json"]);
        let answer: Value = serde_json::from_slice(&said.stdout).expect("an answer");
        let scan = &answer["scan"];
        assert_eq!(scan["number"], 4, "{mode}: {said:?}");
        assert_eq!(held(scan, "lost", "nothing", "lost"), (LOST_SIZE as i64, 1), "{scan}");
        assert_eq!(held(scan, "lost", "cycle", "rings").1, 2, "{scan}");
        assert_eq!(held(scan, "kept", "", "cache").0, KEPT_SIZE as i64, "{scan}");
        assert!(held(scan, "growing", "", "grown").0 >= 4 * KEPT_SIZE as i64, "{scan}");
        let text = String::from_utf8(said.stdout).expect("text");
        assert!(text.contains("a_scan_is_in_the_log::lose"), "{text}");

        let lost = ask(&["--lost", "--json", "--tag", "lost", "--fail-over", "4320"]);
        assert_eq!(lost.status.code(), Some(1), "{lost:?}");
        let answer: Value = serde_json::from_slice(&lost.stdout).expect("an answer");
        assert_eq!((&answer["source"], &answer["live_bytes"]), (&"scan".into(), &LOST_SIZE.into()));
        let lost = ask(&["--lost", "--tag", "lost", "--fail-over", "4321"]);
        assert_eq!(lost.status.code(), Some(0), "{lost:?}");
        verify(&log);
    }
    let mut random = Random::new(7);
    for round in 0..harness::count(20, 200) {
        let log = folder.join(format!("killed {round}.jay"));
        let mut child =
            child!().argument("forever").log(&log).setting("SCRUBJAY_MODE", "count").start();
        assert_eq!(child.line(), "begun");
        thread::sleep(std::time::Duration::from_micros(random.below(60_000) as u64));
        child.kill();
        child.finish();
        verify(&log);
        let said = cli::run(["leaks".as_ref(), "--json".as_ref(), log.as_os_str()]);
        let answer: Value = serde_json::from_slice(&said.stdout).expect("an answer");
        assert!(answer["scan"]["number"].as_u64() >= Some(5), "{said:?}");
        assert_eq!(held(&answer["scan"], "lost", "nothing", "lost").0, LOST_SIZE as i64);
    }
}

fn verify(log: &std::path::Path) {
    let said = cli::run(["log".as_ref(), "verify".as_ref(), log.as_os_str()]);
    assert!(said.status.success(), "{said:?}");
}

/// Bytes and blocks of a tag that are of one kind, and held in one way or in any: an
/// old word on the stack may hold what a static does.
fn held(scan: &Value, kind: &str, held_by: &str, tag: &str) -> (i64, i64) {
    let groups = scan["groups"].as_array().into_iter().flatten();
    let groups = groups.filter(|group| {
        group["kind"] == kind && (held_by.is_empty() || group["held_by"] == held_by)
    });
    let sites = groups.flat_map(|group| group["sites"].as_array().into_iter().flatten());
    let sites = sites.filter(|site| site["tag"] == tag);
    let figure = |site: &Value, name: &str| site[name]["value"].as_i64().unwrap_or(0);
    sites.fold((0, 0), |sum, site| (sum.0 + figure(site, "bytes"), sum.1 + figure(site, "blocks")))
}

pub fn child(arguments: &[String]) {
    // A frame that lives may hold an address from before that is handed out again. So
    // this is from an arena of its own, and larger than what was freed there.
    thread::spawn(lose).join().expect("it loses");
    keep();
    scrub_stack(usize::MAX);
    for _ in 0..4 {
        grow();
        scrub_stack(usize::MAX);
        let report = scan().expect("there is a registry");
        let lost = report.lost().find(|site| site.tag == "lost").expect("it is lost");
        assert_eq!((lost.bytes, lost.held_by), (LOST_SIZE as u64, HeldBy::Nothing), "{report}");
        let ring = report.cycles.iter().find(|cycle| cycle.blocks == 2).expect("it is a ring");
        assert!(ring.members().all(|(tag, _)| tag == "rings"), "{report}");
        let told = report.to_string();
        assert!(told.contains("nothing reaches it; tag lost"), "{told}");
    }
    if arguments[0] == "forever" {
        // So many sites that writing them takes a good part of the time.
        keep_by_many_ways(12);
        // The log has four scans; from now on one of them is overwritten each time.
        scan().expect("there is a registry");
        println!("begun");
        for number in 0_u64.. {
            // The first row, in every other scan of a set: so all others move.
            let largest = (number / 4 % 2 == 0).then(|| vec![1_u8; 1 << 20]);
            scan().expect("there is a registry");
            drop(black_box(largest));
        }
    }
}

#[inline(never)]
fn lose() {
    let _scope = LOST.enter();
    mem::forget(black_box(vec![1_u8; LOST_SIZE]));
    ring();
}

struct Node {
    next: RefCell<Option<Rc<Node>>>,
    _weight: [u8; 3_000],
}

#[inline(never)]
fn ring() {
    let _scope = RINGS.enter();
    let first = Rc::new(Node { next: RefCell::new(None), _weight: [1; 3_000] });
    let second = Rc::new(Node { next: RefCell::new(Some(Rc::clone(&first))), _weight: [2; 3_000] });
    *first.next.borrow_mut() = Some(black_box(second));
}

#[inline(never)]
fn keep() {
    let _scope = CACHE.enter();
    KEPT.lock().expect("nobody panics").push(vec![1_u8; KEPT_SIZE - 96]);
}

/// Each block has a stack of its own.
#[inline(never)]
fn keep_by_many_ways(turns: u32) {
    if turns == 0 {
        return mem::forget(black_box(Box::new(1_u8)));
    }
    keep_by_many_ways(black_box(turns - 1));
    keep_by_many_ways(black_box(turns - 1));
    black_box(());
}

#[inline(never)]
fn grow() {
    let _scope = GROWN.enter();
    MORE.lock().expect("nobody panics").push(vec![1_u8; KEPT_SIZE]);
}
