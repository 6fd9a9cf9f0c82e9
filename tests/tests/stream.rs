//! Reading a log takes memory by what is live, not by how long the log is.

use std::hint::black_box;
use std::path::Path;
use std::process::{Command, Stdio};

use scrubjay::{Scrubjay, Tag};
use scrubjay_tests::folder::Folder;
use scrubjay_tests::{cli, harness, memory};

#[global_allocator]
static ALLOCATOR: Scrubjay = Scrubjay::new();

static KEPT: Tag = Tag::new("kept");
static PASSING: Tag = Tag::new("passing");

/// Blocks that stay live from the first to the last event.
const KEPT_COUNT: usize = 20_000;
const SHORT: u64 = 100_000;
/// What is resident also goes by chance (the kernel counts it by processor, and
/// late), and the first reader looks symbols up that the others find: the least
/// of so many runs is what a command needs.
const RUNS: usize = 4;

fn main() {
    if let Some(events) = std::env::args().nth(2).filter(|_| is_child()) {
        work(events.parse().expect("a number"));
        return;
    }
    let long = harness::count(5_000_000, 100_000_000) as u64;
    let folder = Folder::new();
    for command in [&["summary"][..], &["log", "verify"], &["leaks"]] {
        let few = peaks(&folder, command, SHORT).min().expect("it runs");
        let most = few + few / 10;
        let mut many = u64::MAX;
        for peak in peaks(&folder, command, long) {
            many = many.min(peak);
            if many <= most {
                break;
            }
        }
        assert!(many <= most, "{command:?}: {few} KiB for {SHORT} events, {many} KiB for {long}");
        println!("{command:?}: {few} KiB for {SHORT} events, {many} KiB for {long}");
    }
    println!("test memory_does_not_follow_the_length_of_the_log ... ok");
}

fn is_child() -> bool {
    std::env::args().nth(1).as_deref() == Some("child")
}

/// The greatest resident memory of a command on a log of so many events, in KiB,
/// in each of some runs. The log is made the first time.
fn peaks(folder: &Path, command: &[&str], events: u64) -> impl Iterator<Item = u64> {
    let log = folder.join(format!("{events}.jay"));
    if !log.exists() {
        let status = Command::new(std::env::current_exe().expect("a test knows its own path"))
            .args(["child", &events.to_string()])
            .env("SCRUBJAY_LOG", &log)
            .env("SCRUBJAY_LOG_LIMIT", "8G")
            .status()
            .expect("the child starts");
        assert!(status.success(), "the child ends well");
    }
    (0..RUNS).map(move |_| {
        let mut reader = Command::new(cli::binary());
        reader.args(command).arg(&log).stdout(Stdio::null());
        let (status, peak) = memory::peak_of(&mut reader).expect("the command line starts");
        assert!(status.success(), "{command:?} {}", log.display());
        peak
    })
}

fn work(events: u64) {
    let kept: Vec<Vec<u8>> = {
        let _scope = KEPT.enter();
        (0..KEPT_COUNT).map(|index| vec![0; 16 + index % 100]).collect()
    };
    let _scope = PASSING.enter();
    for index in 0..(events - KEPT_COUNT as u64) / 2 {
        drop(black_box(vec![0_u8; 16 + index as usize % 100]));
    }
    black_box(kept);
}
