//! A process whose resident bytes come from everywhere: each part is told, within
//! what is stated here, and they add up to the whole.

use std::hint::black_box;
use std::sync::{Arc, Barrier};
use std::thread;

use scrubjay_tests::folder::Folder;
use scrubjay_tests::{child, cli, system};
use serde_json::Value;

/// Bytes of a file that is mapped, and read.
const WEIGHTS: usize = 48 << 20;
/// Bytes of a block that nobody touches.
const UNTOUCHED: usize = 200 << 20;
/// Blocks of C code, and their size in bytes.
const C_BLOCKS: (usize, usize) = (20_000, 1_000);
/// Blocks that were freed below one that lives.
const FREED: (usize, usize) = (200_000, 240);
/// Threads, and what each touches of its stack, bytes.
const STACKS: (usize, usize) = (4, 1 << 20);
/// What is live, besides, bytes.
const LIVE: usize = 10 << 20;

pub fn test() {
    let folder = Folder::new();
    let weights = folder.join("weights");
    std::fs::write(&weights, vec![7_u8; WEIGHTS]).expect("the folder can be written");
    let log = folder.join("dump.jay");
    let said = child!().argument(&weights).argument(&log).succeed();
    let resident: i64 = said.output.trim().parse().expect("a number");

    let said = cli::run(["summary".as_ref(), "--json".as_ref(), log.as_os_str()]);
    assert_eq!(said.status.code(), Some(0), "{said:?}");
    let summary: Value = serde_json::from_slice(&said.stdout).expect("an answer");
    let parts = &summary["kernel"]["newest_parts"];
    println!("  {parts}");
    let number = |value: &Value| value.as_i64().unwrap_or_else(|| panic!("{parts}"));
    let differences = parts["differences"].as_array().expect("differences");
    let of = |what: &str| {
        let found = differences.iter().find(|step| step["what"] == what);
        found.map_or(0, |step| number(&step["bytes"]))
    };
    let sum: i64 = differences.iter().map(|step| number(&step["bytes"])).sum();
    let told = number(&parts["resident_bytes"]);
    assert_eq!(number(&parts["live_bytes"]) + sum, told, "{parts}");
    assert!(told.abs_diff(resident) < 4 << 20, "{resident} by statm: {parts}");

    // Bytes that are expected of each, and by how much they may differ.
    let expected = [
        ("mapped files", WEIGHTS as i64, 4 << 20),
        ("large blocks' pages, never touched", -(UNTOUCHED as i64), 1 << 20),
        ("stacks", (STACKS.0 * STACKS.1) as i64, 2 << 20),
        // A chunk of the C library's has 8 bytes more, and 16 at least.
        ("free memory on the C heap", (FREED.0 * (FREED.1 + 16)) as i64, 4 << 20),
        ("rounding, and blocks of C code", (C_BLOCKS.0 * (C_BLOCKS.1 + 8)) as i64, 4 << 20),
    ];
    for (what, bytes, slack) in expected {
        assert!((of(what) - bytes).abs() < slack, "{what}: {} of {bytes}: {parts}", of(what));
    }
    assert!(of("the program and its libraries") > 1 << 20, "{parts}");
    assert!(of("scrubjay's tables") > 0, "{parts}");
    assert!(of("other anonymous memory").abs() < 4 << 20, "{parts}");

    let text = cli::run(["summary".as_ref(), log.as_os_str()]).stdout;
    let text = String::from_utf8(text).expect("text");
    for line in ["The heap and the kernel", "+    48.0 MiB  mapped files", "live on the heap"] {
        assert!(text.contains(line), "{line}: {text}");
    }
}

pub fn child(arguments: &[String]) {
    let weights = system::map_file(arguments[0].as_ref());
    let read: u64 = weights.iter().step_by(4096).map(|&byte| u64::from(byte)).sum();
    assert_eq!(read, 7 * (WEIGHTS / 4096) as u64);
    let untouched: Vec<u8> = Vec::with_capacity(UNTOUCHED);
    let live = vec![1_u8; LIVE];
    // First, so that they take no room that others leave.
    system::take_c_blocks(C_BLOCKS.0, C_BLOCKS.1);
    let blocks: Vec<Vec<u8>> = (0..FREED.0).map(|_| vec![1_u8; FREED.1]).collect();
    let last = black_box(vec![1_u8; FREED.1]);
    drop(black_box(blocks));
    let barrier = Arc::new(Barrier::new(STACKS.0 + 1));
    let deep = |barrier: Arc<Barrier>| {
        move || {
            use_stack();
            drop(black_box(Box::new(1)));
            barrier.wait();
            barrier.wait();
        }
    };
    let threads: Vec<_> =
        (0..STACKS.0).map(|_| thread::spawn(deep(Arc::clone(&barrier)))).collect();
    barrier.wait();
    black_box((&untouched, &live, &last));
    scrubjay::dump(&arguments[1]).expect("a dump");
    let statm = std::fs::read_to_string("/proc/self/statm").expect("the kernel tells");
    let pages: usize = statm.split(' ').nth(1).and_then(|field| field.parse().ok()).expect("pages");
    barrier.wait();
    threads.into_iter().for_each(|thread| thread.join().expect("it ends"));
    println!("{}", pages * 4096);
}

/// Touches the calling thread's stack.
#[inline(never)]
fn use_stack() {
    let mut frame = [0_u8; STACKS.1];
    black_box(&mut frame).fill(1);
    black_box(&frame);
}
