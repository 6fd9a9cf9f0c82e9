//! The workloads over scrubjay, each operation under a leak check of its own;
//! and how long a program stands still for a search, by what it holds.

use std::env;
use std::hint::black_box;
use std::process::ExitCode;
use std::time::Duration;

use scrubjay::{LeakCheck, Scrubjay};
use scrubjay_benches::child;
use scrubjay_benches::statistics::median;

#[global_allocator]
static ALLOCATOR: Scrubjay = Scrubjay::new();

/// How many searches a figure is the median of.
const SEARCHES: usize = 15;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match &arguments[..] {
        [what, blocks, size] if what == "--pause" => pause(blocks, size),
        _ => child::checked(check),
    }
}

fn check(body: &mut dyn FnMut()) {
    LeakCheck::new().assert(body);
}

/// Prints the median pause, in nanoseconds, with so many blocks of a size live.
fn pause(blocks: &str, size: &str) -> ExitCode {
    let (Ok(blocks), Ok(size)) = (blocks.parse(), size.parse()) else { return ExitCode::from(2) };
    // Whole and written to: a search has to read all of it.
    let held: Vec<Vec<u8>> = (0_u64..blocks).map(|number| vec![number as u8 | 1; size]).collect();
    let mut pauses = Vec::new();
    for _ in 0..SEARCHES {
        // Something has to be left, else there is nothing to search for.
        let check = LeakCheck::new().settle(Duration::ZERO);
        let report = check.run_once(|| std::mem::forget(black_box(Box::new(1_u64))));
        let Some(pause) = report.ok().and_then(|(_, report)| report.pause_ns) else {
            return ExitCode::FAILURE;
        };
        pauses.push(pause as f64);
    }
    black_box(held);
    println!("{}", median(&pauses));
    ExitCode::SUCCESS
}
