//! Work that leaves known figures, and a client for pages.

use std::hint::black_box;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use scrubjay::{Budget, Tag, TagStats};

static WEIGHTS: Tag = Tag::new("export/weights");
static PROMPT: Tag = Tag::new("export/prompt").secret();
static SPARED: Tag = Tag::new("export/spared").wipe(false);
/// Has room for one of the two blocks that are asked for.
static LIMITED: Tag = Tag::new("limited").budget(Budget::hard(1 << 20).soft_limit(64 << 10));

/// Tags whose figures stand still after [`work`].
pub const TAGS: [&str; 3] = ["export/weights", "export/prompt", "export/spared"];

/// What is left of the work.
pub type Left = Vec<Vec<u8>>;

/// Allocates, grows, fails and frees, so that no figure is 0 that can be otherwise.
pub fn work() -> Left {
    // Its own block is untagged.
    let mut left = Vec::with_capacity(TAGS.len());
    for (tag, size) in [(&WEIGHTS, 40_000), (&PROMPT, 500), (&SPARED, 7_000)] {
        let _scope = tag.enter();
        drop(black_box(vec![1_u8; 3 * size]));
        let mut grown = vec![2_u8; 64];
        (1..20).for_each(|step| grown.resize(64 * step, 3));
        drop(black_box(grown));
        assert!(Vec::<u8>::new().try_reserve_exact(isize::MAX as usize - 64).is_err());
        left.push(vec![4_u8; size]);
    }
    let _scope = LIMITED.enter();
    drop(black_box(vec![5_u8; 100_000]));
    assert!(Vec::<u8>::new().try_reserve_exact(2_000_000).is_err());
    left
}

/// Each figure of a tag, by its name in OpenMetrics.
pub fn figures(tag: &TagStats) -> [(&'static str, u64); 15] {
    [
        ("scrubjay_live_bytes", tag.live_bytes),
        ("scrubjay_live_blocks", tag.live_blocks),
        ("scrubjay_peak_bytes", tag.peak_bytes),
        ("scrubjay_allocated_bytes_total", tag.allocated_bytes),
        ("scrubjay_allocated_blocks_total", tag.allocated_blocks),
        ("scrubjay_freed_bytes_total", tag.freed_bytes),
        ("scrubjay_freed_blocks_total", tag.freed_blocks),
        ("scrubjay_failed_allocations_total", tag.failed_count),
        ("scrubjay_reallocs_in_place_total", tag.realloc_in_place_count),
        ("scrubjay_reallocs_moved_total", tag.realloc_moved_count),
        ("scrubjay_copied_bytes_total", tag.copied_bytes),
        ("scrubjay_wiped_bytes_total", tag.wiped_bytes),
        ("scrubjay_returned_bytes_total", tag.returned_bytes),
        ("scrubjay_carried_bytes_total", tag.carried_bytes),
        ("scrubjay_unwiped_bytes_total", tag.unwiped_bytes),
    ]
}

/// A tag's class, as labels name it.
pub fn class(tag: &TagStats) -> &'static str {
    if tag.is_secret { "secret" } else { "public" }
}

/// A connection that gives up after a while.
pub fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("the page is served");
    stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a time");
    stream.set_write_timeout(Some(Duration::from_secs(60))).expect("a time");
    stream
}

/// What a page answers to these bytes.
pub fn ask(address: SocketAddr, request: &[u8]) -> String {
    let mut stream = connect(address);
    stream.write_all(request).expect("the page takes what is within its limits");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("the answer comes whole");
    answer
}

/// What a page answers to a usual request.
pub fn get(address: SocketAddr, path: &str) -> String {
    ask(address, format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes())
}

/// Head and body of an answer, whose sizes agree.
pub fn parts(answer: &str) -> (&str, &str) {
    let (head, body) = answer.split_once("\r\n\r\n").expect("an answer has a head");
    assert!(head.contains(&format!("Content-Length: {}\r\n", body.len())), "{answer}");
    (head, body)
}

/// Whether a thread of this name runs.
pub fn has_thread(name: &str) -> bool {
    let threads = std::fs::read_dir("/proc/self/task").expect("Linux");
    threads.flatten().any(|thread| {
        let comm = std::fs::read_to_string(thread.path().join("comm"));
        comm.is_ok_and(|comm| comm.trim_end() == name)
    })
}

/// Waits until no thread of this name is left: who joins one is told a little before
/// the kernel has forgotten it.
pub fn await_end(name: &str) {
    let begin = Instant::now();
    while has_thread(name) {
        assert!(begin.elapsed() < Duration::from_secs(10), "{name} goes on");
        thread::sleep(Duration::from_millis(5));
    }
}
