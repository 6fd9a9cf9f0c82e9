//! A program that serves requests for a long simulated time, grows a little with
//! each, and is killed: in sample mode its log, which does not grow with time,
//! says in its timeline which tag grew, and in its leaks which function did it.
//!
//! A run of a year fills the usual ring of 1,024 frames within a second and then
//! halves it 25 times. Here a day takes some milliseconds, and a ring of 16
//! frames is halved about 7 times.

use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use scrubjay::Tag;
use scrubjay_tests::folder::Folder;
use scrubjay_tests::{child, cli};
use serde_json::Value;

static WEIGHTS: Tag = Tag::new("weights");
static REQUESTS: Tag = Tag::new("requests");
static SESSIONS: Tag = Tag::new("sessions");

/// Larger than what grows, and there from the start.
const WEIGHTS_SIZE: usize = 12 << 20;
const DAYS: usize = 365;
const DAY: Duration = Duration::from_millis(6);
const SESSIONS_A_DAY: usize = 40;
const SESSION_SIZE: usize = 300;
const REQUESTS_A_DAY: usize = 20;
/// What has grown in the end.
const DAYS_SIZE: f64 = (DAYS * SESSIONS_A_DAY * SESSION_SIZE) as f64;

pub fn test() {
    let folder = Folder::new();
    let short = run(&folder.join("short.jay"), DAYS / 10);
    let path = folder.join("run.jay");
    let long = run(&path, DAYS);
    assert!(long <= short + (2 << 20), "{short} bytes for a tenth, {long} for all");

    let verified = cli::run(["log", "verify", path.to_str().expect("utf-8")]);
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stdout));
    timeline_names_the_tag(&path);
    leaks_name_the_function(&path);
}

/// Has it run for so many days and kills it; the size of its log.
fn run(path: &Path, days: usize) -> u64 {
    let mut child = child!()
        .log(path)
        .setting("SCRUBJAY_MODE", "sample")
        .setting("SCRUBJAY_SAMPLE_INTERVAL", "16K")
        .setting("SCRUBJAY_FRAMES", "16")
        .argument(days.to_string())
        .start();
    child.lines_until_pause();
    child.kill();
    assert!(!child.finish().status.success());
    path.metadata().expect("the log is there").len()
}

fn answer(question: &[&str], path: &Path) -> Value {
    let arguments = question.iter().chain(&["--json"]).copied();
    let asked = cli::run(arguments.chain([path.to_str().expect("utf-8")]));
    assert!(asked.status.success(), "{}", String::from_utf8_lossy(&asked.stderr));
    serde_json::from_slice(&asked.stdout).expect("JSON")
}

fn list(value: &Value) -> &[Value] {
    value.as_array().expect("a list")
}

fn number(value: &Value) -> f64 {
    value.as_f64().expect("a number")
}

/// From a tenth of the time on it grew all the time, and no other tag as much.
fn timeline_names_the_tag(path: &Path) {
    let timeline = answer(&["timeline"], path);
    let (tags, points) = (list(&timeline["tags"]), list(&timeline["points"]));
    let end = number(&points.last().expect("points")["at_ns"]);
    let later: Vec<&Value> =
        points.iter().filter(|point| number(&point["at_ns"]) >= end / 10.0).collect();
    assert!(later.len() >= 6, "{} points", later.len());
    let levels = |index: usize| -> Vec<f64> {
        later.iter().map(|point| number(&list(&point["tag_bytes"])[index])).collect()
    };
    let growth = |index: usize| {
        let levels = levels(index);
        levels[levels.len() - 1] - levels[0]
    };
    let most = (0..tags.len()).max_by(|&a, &b| growth(a).total_cmp(&growth(b))).expect("tags");
    assert_eq!(tags[most], SESSIONS.name());
    assert!(levels(most).is_sorted(), "{:?}", levels(most));
    assert!(growth(most) > DAYS_SIZE / 2.0, "{:?}", levels(most));
}

/// The estimate is right within twice its interval, the ledger to the byte.
fn leaks_name_the_function(path: &Path) {
    let leaks = answer(&["leaks", "--frames", "64"], path);
    let is_sessions = |entry: &&Value| entry["tag"] == SESSIONS.name();
    let tag = list(&leaks["tags"]).iter().find(is_sessions).expect("the tag leaks");
    assert_eq!(number(&tag["bytes"]), DAYS_SIZE);
    let site = list(&leaks["sites"]).iter().find(is_sessions).expect("a site of the tag leaks");
    let names = list(&site["frames"]).iter().filter_map(|frame| frame["function"].as_str());
    // In release its path is not in the names, where it was inlined.
    let is_named = names.clone().any(|name| name.ends_with("remember_session"));
    assert!(is_named, "{:?}", names.collect::<Vec<_>>());
    let [value, low, high] = ["value", "low", "high"].map(|name| number(&site["bytes"][name]));
    let range = value - 2.0 * (value - low)..value + 2.0 * (high - value);
    assert!(range.contains(&DAYS_SIZE), "{DAYS_SIZE} is not {value} ({low} to {high})");
}

pub fn child(arguments: &[String]) {
    let days: usize = arguments[0].parse().expect("a number");
    let weights = {
        let _scope = WEIGHTS.enter();
        black_box(vec![0.5_f32; WEIGHTS_SIZE / 4])
    };
    let mut sessions = Vec::with_capacity(SESSIONS_A_DAY * days);
    for day in 0..days {
        let start = Instant::now();
        for request in 0..REQUESTS_A_DAY {
            serve_request(day * REQUESTS_A_DAY + request);
        }
        (0..SESSIONS_A_DAY).for_each(|_| sessions.push(remember_session()));
        std::thread::sleep(DAY.saturating_sub(start.elapsed()));
    }
    child::pause();
    drop((weights, sessions));
}

/// What a request needs is given back.
#[inline(never)]
fn serve_request(number: usize) {
    let _scope = REQUESTS.enter();
    let prompt = black_box(vec![b'p'; 100 + number * 37 % 4_000]);
    let answer = black_box(prompt.iter().rev().copied().collect::<Vec<u8>>());
    drop((prompt, answer));
}

/// What a session remembers is forgotten nowhere.
#[inline(never)]
fn remember_session() -> Vec<u8> {
    let _scope = SESSIONS.enter();
    black_box(vec![b's'; SESSION_SIZE])
}
