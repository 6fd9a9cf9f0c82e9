//! The corpus tells the truth: each case, in a process of its own and over an
//! allocator that does nothing but count, leaves behind what it says.
#![expect(unsafe_code, reason = "an allocator that counts")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::process::{Command, ExitCode, Stdio};
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use scrubjay_corpus::{Case, Leaked};

struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

static BLOCKS: AtomicI64 = AtomicI64::new(0);
static BYTES: AtomicI64 = AtomicI64::new(0);

fn count(blocks: i64, bytes: i64) {
    BLOCKS.fetch_add(blocks, Ordering::SeqCst);
    BYTES.fetch_add(bytes, Ordering::SeqCst);
}

// SAFETY: blocks are the system's, by the same layouts; counting neither
// unwinds nor allocates.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(1, layout.size() as i64);
        // SAFETY: the caller promises what the system asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        count(-1, -(layout.size() as i64));
        // SAFETY: the caller promises what the system asks for.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(0, size as i64 - layout.size() as i64);
        // SAFETY: the caller promises what the system asks for.
        unsafe { System.realloc(block, layout, size) }
    }
}

/// The first argument of a process that is to run the case of the second.
const ROLE: &str = "--case";
/// Processes at a time: they sleep most of it.
const AT_ONCE: usize = 4;
/// How long something late may take: threads that end, frees elsewhere.
const PATIENCE: Duration = Duration::from_secs(5);
/// Time for what is late after the first round, and after the last one.
const SETTLING: Duration = Duration::from_millis(80);
/// Rounds that are each looked at.
const EXACT_ROUNDS: i64 = 5;
/// Rounds that are averaged over.
const ROUNDS: i64 = 64;
/// What goes up and down is where it was after so many rounds: a multiple of
/// what any case takes.
const PERIOD: u32 = 12;
/// A container that doubles may have room for as much again, once more while
/// it moves from a power of two to the next.
const ROOM_FACTOR: i64 = 3;
/// What std may keep for each round beside what is leaked: a thread's parts.
const BESIDE: i64 = 4_096;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [ROLE, name] = arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        check(scrubjay_corpus::case(name).expect("a case of this name"));
        return ExitCode::SUCCESS;
    }
    let is_selected = |case: &&Case| {
        let mut names = arguments.iter().filter(|word| !word.starts_with('-')).peekable();
        names.peek().is_none() || names.any(|name| case.name.contains(name.as_str()))
    };
    let selected: Vec<&Case> = scrubjay_corpus::cases().filter(is_selected).collect();
    if arguments.iter().any(|argument| argument == "--list") {
        selected.iter().for_each(|case| println!("{}: test", case.name));
        return ExitCode::SUCCESS;
    }
    run(&selected)
}

/// Runs each case in a process; the output is that of Rust's own harness, so
/// that results can be added up.
fn run(selected: &[&Case]) -> ExitCode {
    let start = Instant::now();
    println!("\nrunning {} tests", selected.len());
    let (next, failed) = (AtomicUsize::new(0), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(case) = selected.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let holds = holds(case);
                    failed.fetch_add(usize::from(!holds), Ordering::Relaxed);
                    println!("test {} ... {}", case.name, if holds { "ok" } else { "FAILED" });
                }
            });
        }
    });
    let failed = failed.into_inner();
    let result = if failed == 0 { "ok" } else { "FAILED" };
    let passed = selected.len() - failed;
    let time = start.elapsed().as_secs_f64();
    println!(
        "\ntest result: {result}. {passed} passed; {failed} failed; 0 ignored; 0 measured; \
         0 filtered out; finished in {time:.2}s\n"
    );
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::from(101) }
}

fn holds(case: &Case) -> bool {
    let mut command = Command::new(std::env::current_exe().expect("programs have a path"));
    command.args([ROLE, case.name]).stdin(Stdio::null()).stdout(Stdio::null());
    command.status().expect("the program can be started").success()
}

/// Panics unless the case does what it says.
fn check(case: &Case) {
    (case.run)();
    thread::sleep(SETTLING);
    if case.rounds_to_settle > 1 {
        return check_slow(case);
    }
    let mut before = live();
    let Leaked { blocks, bytes, is_exact } = case.leaked;
    let (blocks, bytes) = (blocks as i64, bytes as i64);
    if is_exact {
        for round in 2..2 + EXACT_ROUNDS {
            (case.run)();
            let expected = (before.0 + blocks, before.1 + bytes);
            wait_for(|| live() == expected, || (round, before, live(), expected));
            before = live();
        }
        thread::sleep(SETTLING);
        assert_eq!(live(), before, "what is late comes to nothing");
        return;
    }
    for _ in 0..ROUNDS {
        (case.run)();
    }
    thread::sleep(SETTLING);
    let after = live();
    let (blocks_left, bytes_left) = (after.0 - before.0, after.1 - before.1);
    // What had room before the first of these rounds needs none: one less.
    let rounds = ROUNDS - 1;
    assert!(blocks_left >= rounds * blocks, "{blocks_left} blocks are left");
    // A doubling container may have doubled right before, and not since.
    assert!(bytes_left >= rounds * bytes, "{bytes_left} bytes are left");
    let bytes_max = ROUNDS * (ROOM_FACTOR * bytes + BESIDE);
    assert!(bytes_left <= bytes_max, "{bytes_left} bytes are left, at most {bytes_max} should be");
}

/// Panics unless the case grows until it settles, and then never again.
fn check_slow(case: &Case) {
    let run = |rounds| {
        let mut grew = false;
        for _ in 0..rounds {
            let before = live();
            (case.run)();
            grew |= live() > before;
        }
        grew
    };
    assert!(run(case.rounds_to_settle - 1), "it takes so many rounds");
    run(PERIOD - case.rounds_to_settle);
    let before = live();
    run(PERIOD);
    assert_eq!(live(), before, "it has settled");
}

/// Blocks and bytes that live.
fn live() -> (i64, i64) {
    (BLOCKS.load(Ordering::SeqCst), BYTES.load(Ordering::SeqCst))
}

fn wait_for<T: std::fmt::Debug>(holds: impl Fn() -> bool, otherwise: impl Fn() -> T) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < PATIENCE, "{:?}", otherwise());
        thread::sleep(Duration::from_millis(1));
    }
}
