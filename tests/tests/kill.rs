//! A log survives SIGKILL at any moment: it verifies, and it holds at least
//! what the process had acknowledged before.
//!
//! A round counts only if the kill hit an event in flight; the others prove
//! little.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use scrubjay::{Scrubjay, Tag};
use scrubjay_log_format::EventKind;
use scrubjay_tests::cli;
use scrubjay_tests::folder::Folder;
use scrubjay_tests::handing_on;
use scrubjay_tests::harness;
use scrubjay_tests::log::Log;
use scrubjay_tests::random::Random;

#[global_allocator]
static ALLOCATOR: Scrubjay = Scrubjay::new();

static WORKERS: [Tag; 4] =
    [Tag::new("worker/0"), Tag::new("worker/1"), Tag::new("worker/2"), Tag::new("worker/3")];

/// An acknowledgement: the worker's number, and its allocations so far.
const ACKNOWLEDGEMENT_SIZE: usize = 9;

fn main() {
    if std::env::args().nth(1).as_deref() == Some("child") {
        work();
    }
    let wanted = harness::count(20, 200);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970");
    let mut random = Random::new(now.as_nanos() as u64);
    let mut counted = 0;
    let mut rounds = 0;
    while counted < wanted {
        rounds += 1;
        assert!(rounds <= 20 * wanted, "{counted} of {rounds} rounds hit an event in flight");
        let delay = Duration::from_micros(random.below(60_000) as u64);
        counted += usize::from(round(delay));
    }
    println!(
        "test a_log_survives_sigkill ... ok ({counted} rounds of {rounds} hit an event in flight)"
    );
}

/// Kills a child after a delay. Answers whether an event was in flight.
fn round(delay: Duration) -> bool {
    let folder = Folder::new();
    let mut child = start(&folder);
    let log = folder.join(format!("{}.jay", child.id()));
    let mut pipe = child.stdout.take().expect("stdout is piped");
    let mut acknowledged = vec![0; ACKNOWLEDGEMENT_SIZE];
    pipe.read_exact(&mut acknowledged).expect("the child works");
    // Read on, lest the pipe fills and the load stops.
    let reader = std::thread::spawn(move || {
        pipe.read_to_end(&mut acknowledged).expect("the pipe is readable");
        acknowledged
    });
    std::thread::sleep(delay);
    child.kill().expect("the child is there");
    child.wait().expect("the child is ours");
    let acknowledged = last_of_each(&reader.join().expect("the reader does not panic"));

    let verified = cli::run(["log", "verify", log.to_str().expect("utf-8")]);
    assert!(
        verified.status.success(),
        "{}: {}{}",
        log.display(),
        String::from_utf8_lossy(&verified.stdout),
        String::from_utf8_lossy(&verified.stderr),
    );
    let read = Log::read(&log);
    for (worker, count) in acknowledged {
        let name = WORKERS[usize::from(worker)].name();
        let found = allocations(&read, name);
        assert!(found >= count, "{name}: {count} acknowledged, {found} in the journal");
    }
    // The orphan slot's word is not of this kind.
    read.threads.iter().any(|(&slot, thread)| slot != 0 && thread.in_flight())
}

/// How many blocks of a tag were allocated, reallocs aside.
fn allocations(log: &Log, name: &str) -> u64 {
    let first = [EventKind::Alloc, EventKind::AllocZeroed];
    let site = log.tag(name);
    let own =
        log.events.iter().map(|record| record.event).filter(|event| log.tag_of(event.site) == site);
    own.filter(|event| first.contains(&event.kind)).count() as u64
}

fn start(folder: &Path) -> Child {
    let program: PathBuf = std::env::current_exe().expect("a test knows its own path");
    Command::new(program)
        .arg("child")
        .env("SCRUBJAY_LOG", folder.join("%p.jay"))
        .env("SCRUBJAY_MODE", "journal")
        .env("SCRUBJAY_LOG_LIMIT", "4G")
        .stdout(Stdio::piped())
        .spawn()
        .expect("the child starts")
}

fn last_of_each(acknowledged: &[u8]) -> BTreeMap<u8, u64> {
    let (whole, _) = acknowledged.as_chunks::<ACKNOWLEDGEMENT_SIZE>();
    whole.iter().map(|[worker, count @ ..]| (*worker, u64::from_le_bytes(*count))).collect()
}

/// Runs until it is killed.
fn work() -> ! {
    let mut pipe = File::options().write(true).open("/proc/self/fd/1").expect("stdout is a pipe");
    pipe.flush().expect("a pipe needs no flush");
    std::thread::scope(|scope| {
        for worker in 0..WORKERS.len() {
            let pipe = pipe.try_clone().expect("descriptors are left");
            scope.spawn(move || work_as(worker as u8, pipe));
        }
    });
    unreachable!("no worker ends")
}

fn work_as(worker: u8, mut pipe: File) -> ! {
    let _scope = WORKERS[usize::from(worker)].enter();
    handing_on::work(worker, |count| {
        let mut acknowledgement = [worker; ACKNOWLEDGEMENT_SIZE];
        acknowledgement[1..].copy_from_slice(&count.to_le_bytes());
        pipe.write_all(&acknowledgement).expect("the parent reads");
    })
}
