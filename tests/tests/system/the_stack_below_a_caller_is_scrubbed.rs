//! What a function that has returned left on the stack another process finds;
//! after `scrub_stack` it does not, on the first thread and on others. The stack
//! is never left, wherever that is asked for.

use std::hint::black_box;

use scrubjay_tests::attack::{Memory, Secret, Windows};
use scrubjay_tests::child::{self, pause};
use scrubjay_tests::foreign_stacks;
use scrubjay_tests::random::Random;

const SECRET_SIZE: usize = 10_000;
const ENOUGH: usize = 256 << 10;

pub fn test() {
    for thread in ["first", "second"] {
        let [scrubbed, left] = ["scrub", "leave"].map(|way| {
            let mut running =
                child::Child::of(module_path!()).argument(thread).argument(way).start();
            running.lines_until_pause();
            let found = windows_in(running.process());
            running.go_on();
            assert!(running.finish().status.success());
            found
        });
        println!("  {thread} thread: {scrubbed} windows, control {left}");
        assert_eq!(scrubbed, 0, "{thread} thread");
        assert!(left > 1000, "{thread} thread: the control finds nothing: {left}");
    }
    let limits = child::Child::of(module_path!()).argument("limits").succeed();
    println!("  {}", limits.output.trim());
}

/// How many windows of the secret another process's memory holds.
fn windows_in(process: u32) -> usize {
    let mut secret = vec![0; SECRET_SIZE];
    Random::new(5).fill(&mut secret);
    let windows = Windows::of(&[Secret { name: "on the stack".to_owned(), pieces: vec![secret] }]);
    let memory = Memory::of(process, None).expect("a child's memory can be read");
    let mut found = 0;
    memory
        .read(|_, bytes| windows.search(bytes, |_, _| found += 1))
        .expect("the child stands still");
    found
}

/// Works on a secret and returns, which takes nothing off the stack.
#[inline(never)]
fn work() -> u8 {
    let mut secret = [0_u8; SECRET_SIZE];
    Random::new(5).fill(&mut secret);
    black_box(&mut secret).iter().fold(0, |sum, byte| sum ^ byte)
}

fn leave_or_scrub(way: &str) {
    black_box(work());
    if way == "scrub" {
        let size = scrubjay::scrub_stack(ENOUGH);
        assert!((SECRET_SIZE..=ENOUGH).contains(&size), "{size} bytes");
    }
    pause();
}

pub fn child(arguments: &[String]) {
    let way = arguments.get(1).map_or("", String::as_str).to_owned();
    match arguments[0].as_str() {
        "first" => leave_or_scrub(&way),
        "second" => {
            std::thread::spawn(move || leave_or_scrub(&way)).join().expect("it does not panic");
        }
        _ => limits(),
    }
}

/// All of the stack, and more, on every kind of stack.
fn limits() {
    let first = scrubjay::scrub_stack(usize::MAX);
    let small = std::thread::Builder::new().stack_size(64 << 10).spawn(|| {
        let none = scrubjay::scrub_stack(0);
        assert_eq!(none, 0);
        let touched = scrubjay::scrub_stack(usize::MAX);
        // Now that every page was touched down to the guard.
        (touched, deep(12), scrubjay::scrub_stack(usize::MAX))
    });
    let (touched, _, all) = small.expect("a thread starts").join().expect("it does not panic");
    assert!(touched <= all && all < 64 << 10, "{touched} then {all} of 64 KiB");
    let signal = foreign_stacks::on_signal_stack(|| scrubjay::scrub_stack(usize::MAX));
    assert!(signal > 0 && signal < foreign_stacks::SIZE, "{signal} on a signal stack");
    let coroutine = foreign_stacks::on_coroutine(|| scrubjay::scrub_stack(usize::MAX));
    assert_eq!(coroutine, 0, "a coroutine's limits are not known");
    println!("scrubbed: first thread {first}, small thread {all}, signal stack {signal}");
}

/// Touches about a KiB of stack a level.
#[inline(never)]
fn deep(levels: usize) -> u8 {
    let bytes = black_box([levels as u8; 1024]);
    if levels == 0 { bytes[0] } else { deep(levels - 1) ^ bytes[levels] }
}
