//! Tests in parallel that share a rayon pool, a tokio runtime, a bounded cache
//! and a regular expression, none of which knows of contexts: no clean one fails,
//! and of those that leak at most a tenth passes, whose blocks are found as
//! orphans.

use std::collections::VecDeque;
use std::hint::black_box;
use std::sync::{Arc, Barrier, LazyLock, Mutex, mpsc};
use std::{mem, thread};

use rayon::prelude::*;
use regex::Regex;
use scrubjay::LeakCheck;
use scrubjay_tests::{child, harness};
use tokio::runtime::{Builder, Runtime};

/// Its threads are the first test's, as far as contexts tell.
static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_multi_thread().worker_threads(2).build().unwrap());
static WORD: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\b[a-z]+(\d+)\b").unwrap());
/// The last eight lines that anybody put in.
static CACHE: Mutex<VecDeque<(usize, String)>> = Mutex::new(VecDeque::new());

pub fn test() {
    let rounds = harness::count(5, 200);
    let (mut leaking, mut missed, mut wrong) = (0, 0, Vec::new());
    for _ in 0..rounds {
        let finished = child!().run();
        assert!(finished.status.success(), "{finished:?}");
        for line in finished.output.lines() {
            match line.split_once(": ") {
                Some(("clean", "ok")) => {}
                Some(("leaks", told)) => {
                    leaking += 1;
                    missed += usize::from(told != "found");
                }
                _ => wrong.push(line.to_owned()),
            }
        }
    }
    println!("  {missed} of {leaking} leaks missed");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(leaking == rounds * NAMES * 3 && missed * 10 <= leaking, "{missed} of {leaking}");
}

pub fn child(_: &[String]) {
    let checks: Vec<fn() -> String> = CHECKS.iter().copied().flatten().copied().collect();
    let barrier = Arc::new(Barrier::new(checks.len()));
    let started = checks.into_iter().map(|check| {
        let barrier = barrier.clone();
        thread::spawn(move || {
            barrier.wait();
            check()
        })
    });
    let checks: Vec<_> = started.collect();
    let told: Vec<String> = checks.into_iter().map(|check| check.join().unwrap()).collect();
    told.iter().for_each(|told| println!("{told}"));
}

/// Checks in functions of their own, as tests are.
macro_rules! checks {
    ($($name:ident $number:literal),*) => {
        const NAMES: usize = [$($number),*].len();
        const CHECKS: &[&[fn() -> String]] = &[$($name::CHECKS),*];
        $(mod $name {
            use super::*;
            pub const CHECKS: &[fn() -> String] = &[
                sums, jobs, tasks, cached, matched, jobs_that_leak, tasks_that_leak, sums_that_leak,
            ];
            fn sums() -> String {
                clean(LeakCheck::new().run(|| {
                    let words = (0..100).into_par_iter().map(|n| vec![n; $number + 1]);
                    assert_eq!(words.map(|word| word.len()).sum::<usize>(), 100 * ($number + 1));
                }))
            }
            fn jobs() -> String {
                clean(LeakCheck::new().run(|| {
                    let (sender, receiver) = mpsc::channel();
                    rayon::spawn(move || sender.send(black_box(vec![1_u8; $number])).unwrap());
                    assert_eq!(receiver.recv().unwrap().len(), $number);
                }))
            }
            fn tasks() -> String {
                clean(LeakCheck::new().run(|| {
                    let task = RUNTIME.spawn(async { black_box(vec![1_u8; 200 + $number]).len() });
                    assert_eq!(RUNTIME.block_on(task).unwrap(), 200 + $number);
                }))
            }
            fn cached() -> String {
                clean(LeakCheck::new().run(|| {
                    let mut cache = CACHE.lock().unwrap();
                    cache.retain(|(number, _)| *number != $number);
                    cache.push_back(($number, "x".repeat(300 + $number)));
                    cache.truncate(8);
                }))
            }
            fn matched() -> String {
                clean(LeakCheck::new().run(|| {
                    let found = WORD.captures(concat!("a word", $number, " more")).unwrap();
                    assert_eq!(found[1].parse::<usize>().unwrap(), $number);
                }))
            }
            fn jobs_that_leak() -> String {
                leaks(LeakCheck::new().run(|| {
                    let (sender, receiver) = mpsc::channel();
                    rayon::spawn(move || {
                        mem::forget(black_box(vec![1_u8; 400 + $number]));
                        sender.send(()).unwrap();
                    });
                    receiver.recv().unwrap();
                }))
            }
            fn tasks_that_leak() -> String {
                leaks(LeakCheck::new().run(|| {
                    let leak = async { mem::forget(black_box(vec![1_u8; 500 + $number])) };
                    RUNTIME.block_on(RUNTIME.spawn(leak)).unwrap();
                }))
            }
            fn sums_that_leak() -> String {
                leaks(LeakCheck::new().run(|| {
                    let leak = |n: usize| mem::forget(black_box(vec![n; 600 + $number]));
                    (0..4).into_par_iter().for_each(leak);
                }))
            }
        })*
    };
}

checks!(one 1, two 2, three 3, four 4, five 5, six 6, seven 7, eight 8);

type Answer = Result<scrubjay::LeakReport, scrubjay::LeakCheckError>;

fn clean(report: Answer) -> String {
    let report = report.expect("a check can be made");
    if report.is_ok() { "clean: ok".to_owned() } else { format!("{report:?}").replace('\n', " ") }
}

fn leaks(report: Answer) -> String {
    let report = report.expect("a check can be made");
    if report.is_ok() { "leaks: missed".to_owned() } else { "leaks: found".to_owned() }
}
