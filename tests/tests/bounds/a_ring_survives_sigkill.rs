//! A ring that overwrites its chunks all the time survives SIGKILL at any moment:
//! what the ledger counted is what the journal holds and what it dropped, but for
//! events in flight and at most one chunk a thread, whose records are there.
//!
//! A round counts only if the kill hit an event in flight.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use scrubjay::Tag;
use scrubjay_log_format::process;
use scrubjay_tests::folder::Folder;
use scrubjay_tests::log::Log;
use scrubjay_tests::random::Random;
use scrubjay_tests::{child, cli, handing_on, harness, settle};

static WORKERS: [Tag; 4] =
    [Tag::new("worker/0"), Tag::new("worker/1"), Tag::new("worker/2"), Tag::new("worker/3")];

pub fn test() {
    let wanted = harness::count(20, 200);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970");
    let mut random = Random::new(now.as_nanos() as u64);
    let (mut counted, mut rounds) = (0, 0);
    let (mut going, mut unsettled) = (0, 0);
    while counted < wanted {
        rounds += 1;
        assert!(rounds <= 20 * wanted, "{counted} of {rounds} rounds hit an event in flight");
        let delay = Duration::from_micros(random.below(40_000) as u64);
        let chunk_size = if random.one_in(2) { "4K" } else { "64K" };
        let left = round(delay, chunk_size);
        counted += usize::from(left.in_flight > 0);
        going += usize::from(left.going > 0);
        unsettled += usize::from(left.unsettled > 0);
    }
    println!(
        "{counted} of {rounds} rounds hit an event in flight, {going} a chunk that was being \
         overwritten, {unsettled} while it was being counted"
    );
}

/// Kills a child some time after its ring has wrapped.
fn round(delay: Duration, chunk_size: &str) -> settle::Left {
    let folder = Folder::new();
    let path = folder.join("run.jay");
    let mut child = child!()
        .log(&path)
        .setting("SCRUBJAY_LIMIT", "ring")
        .setting("SCRUBJAY_LOG_LIMIT", "3M")
        .setting("SCRUBJAY_CHUNK_SIZE", chunk_size)
        .setting("SCRUBJAY_STACKS", "off")
        .folder(&folder)
        .start();
    assert_eq!(child.line(), "working");
    wait_until_it_wraps(&path);
    std::thread::sleep(delay);
    child.kill();
    let finished = child.finish();
    assert!(!finished.status.success());
    let log = Log::read(&path);
    let left = settle::check(&log, handing_on::LARGEST as u64);
    let verified = cli::run(["log", "verify", path.to_str().expect("utf-8")]);
    assert!(
        verified.status.success(),
        "{}: {}{}",
        path.display(),
        String::from_utf8_lossy(&verified.stdout),
        String::from_utf8_lossy(&verified.stderr),
    );
    for (worker, tag) in WORKERS.iter().enumerate() {
        // A worker may not have come to its first scope.
        let is_known = log.tags.values().any(|known| known.name == tag.name());
        let counted = if is_known { log.ledger(tag.name()).allocated_blocks } else { 0 };
        let acknowledged = acknowledged(&folder, worker);
        assert!(counted >= acknowledged, "{acknowledged} acknowledged, {counted} counted");
    }
    left
}

fn wait_until_it_wraps(path: &Path) {
    let file = File::open(path).expect("a child that works has its log");
    let place = process::OFFSET + process::OVERWRITTEN_CHUNK_COUNT * 8;
    let start = Instant::now();
    let mut bytes = [0; 8];
    while bytes == [0; 8] {
        assert!(start.elapsed() < Duration::from_secs(60), "the ring does not wrap");
        file.read_exact_at(&mut bytes, place as u64).expect("a log has its words");
    }
}

fn acknowledged(folder: &Path, worker: usize) -> u64 {
    let mut bytes = [0; 8];
    let file = File::open(folder.join(worker.to_string())).expect("each worker makes its file");
    match file.read_exact_at(&mut bytes, 0) {
        Ok(()) => u64::from_le_bytes(bytes),
        Err(_) => 0,
    }
}

/// Runs until it is killed.
pub fn child(_: &[String]) {
    let files: Vec<File> = (0..WORKERS.len())
        .map(|worker| File::create(worker.to_string()).expect("the folder can be written"))
        .collect();
    println!("working");
    std::thread::scope(|scope| {
        for (worker, file) in files.into_iter().enumerate() {
            scope.spawn(move || work(worker, &file));
        }
    });
}

fn work(worker: usize, file: &File) {
    let _scope = WORKERS[worker].enter();
    handing_on::work(worker as u8, |count| {
        file.write_all_at(&count.to_le_bytes(), 0).expect("the file can be written");
    });
}
