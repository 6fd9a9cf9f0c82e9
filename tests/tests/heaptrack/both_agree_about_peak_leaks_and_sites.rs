//! A program on one thread that does the same in every run is recorded by
//! heaptrack over the system's allocator, and records itself over scrubjay.
//!
//! heaptrack stands at the C library's functions and sees what libraries ask
//! these for: blocks that came from other code than the program's. scrubjay sees
//! what it allocates itself to know stacks, under a tag of its own. Both are set
//! aside; the former are explained one by one.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;

use scrubjay_tests::folder::Folder;
use scrubjay_tests::heaptrack::{self, Kind, Recording};
use scrubjay_tests::log::Log;
use scrubjay_tests::{acorns, cli, harness};
use serde_json::Value;

use crate::sites::{self, Sites};

const OVER_SYSTEM: &str = env!("CARGO_BIN_EXE_acorns-over-system");
const OVER_SCRUBJAY: &str = env!("CARGO_BIN_EXE_acorns-over-scrubjay");

/// What heaptrack alone sees, asked for by code that is not the program's: a
/// function in the stack, and what it is about.
const OF_LIBRARIES: [(&str, &str); 2] = [
    ("call_init", "constructors of libraries that heaptrack brings: libstdc++'s pool"),
    ("pthread_getattr_np", "the C library reads where the first thread's stack is, for std"),
];
/// Likewise what the program's code asks for.
const OF_PROGRAM: [(&str, &str); 1] =
    [("constructor", "is scrubjay the global allocator? Here it is not")];

pub fn test() {
    if !heaptrack::is_here() {
        harness::skip("needs heaptrack: `apt-get install heaptrack`");
    }
    let folder = Folder::new();
    let recording = Recording::of::<&str>(OVER_SYSTEM.as_ref(), &[], &folder);
    let kinds = recording.kinds();
    let is_own: Vec<bool> = kinds.iter().map(|kind| !is_explained(kind)).collect();
    let theirs = recording.figures(&is_own);

    let path = folder.join("run.jay");
    let status = Command::new(OVER_SCRUBJAY).env("SCRUBJAY_LOG", &path).status();
    assert!(status.is_ok_and(|status| status.success()));
    let log = Log::read(&path);
    log.check();
    let ours = Ours::of(&log);

    let left = acorns::LEFT_BYTES as u64;
    assert!((left..left + 1024).contains(&ours.live_bytes), "{ours:?} beside {left}");
    assert_eq!(ours.allocated_blocks, theirs.allocated_blocks, "allocated blocks");
    assert_eq!(ours.live_bytes, theirs.end.bytes, "bytes left");
    assert_eq!(ours.peak_bytes, theirs.peak.bytes, "bytes at the peak");

    let of_theirs = |live| sites::of_recording(live, &kinds);
    compare("left", &sites::of_answer(&answer("leaks", &path)), &of_theirs(&theirs.end), 3);
    compare("at the peak", &sites::of_answer(&answer("peak", &path)), &of_theirs(&theirs.peak), 5);
}

pub fn child(arguments: &[String]) {
    harness::no_child(arguments);
}

/// Whether a block is one that heaptrack alone sees. One that libraries asked for
/// has to be explained.
fn is_explained(kind: &Kind) -> bool {
    let is_of_library = kind.module != OVER_SYSTEM;
    let known = if is_of_library { &OF_LIBRARIES[..] } else { &OF_PROGRAM[..] };
    let is_in_stack = |name: &str| kind.functions.iter().any(|function| function.contains(name));
    let Some((_, why)) = known.iter().find(|(name, _)| is_in_stack(name)) else {
        assert!(!is_of_library, "unexplained: {} bytes by {:?}", kind.size, kind.functions);
        return false;
    };
    println!("heaptrack alone: {} bytes, {}: {why}", kind.size, kind.functions[0]);
    true
}

/// What the journal says of the program's blocks.
#[derive(Debug, Default)]
struct Ours {
    allocated_blocks: u64,
    live_bytes: u64,
    peak_bytes: u64,
}

impl Ours {
    fn of(log: &Log) -> Self {
        let allocators = log.tag(sites::ALLOCATORS);
        let mut ours = Self::default();
        for record in &log.events {
            let event = &record.event;
            if log.tag_of(event.site) == allocators {
                continue;
            }
            if event.kind.allocates() {
                ours.allocated_blocks += 1;
                ours.live_bytes += event.size;
                ours.peak_bytes = ours.peak_bytes.max(ours.live_bytes);
            } else if event.kind.frees() {
                ours.live_bytes -= event.size;
            }
        }
        ours
    }
}

fn answer(command: &str, log: &Path) -> Value {
    let options = [command, "--json", "--top", "1000", "--frames", "1000"].map(OsStr::new);
    let output = cli::run(options.into_iter().chain([log.as_os_str()]));
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).expect("an answer in JSON")
}

/// All sites are the same, and so many are the program's.
fn compare(what: &str, ours: &Sites, theirs: &Sites, least: usize) {
    assert_eq!(ours, theirs, "{what}");
    let named = ours.keys().filter(|functions| !functions.is_empty()).count();
    assert!(named >= least, "{what}: {ours:?}");
}
