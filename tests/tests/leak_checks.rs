//! Leak checks under the standard test harness, whose tests run in parallel.

use std::collections::HashMap;
use std::hint::black_box;
use std::sync::{LazyLock, Mutex};
use std::thread;

use scrubjay::{Config, LeakCheck, LeakKind, Scrubjay};

#[global_allocator]
static ALLOCATOR: Scrubjay = Scrubjay::with(Config::new().live_blocks(true).stacks(true));

#[test]
fn what_is_given_back_is_no_leak() {
    LeakCheck::new().assert(|| {
        let words: HashMap<String, usize> = (0..100).map(|n| (n.to_string(), n)).collect();
        assert_eq!(black_box(&words).len(), 100);
    });
}

#[test]
fn what_grows_in_a_static_is_one() {
    static LOG: Mutex<Vec<String>> = Mutex::new(Vec::new());
    let report = LeakCheck::new().run(|| LOG.lock().unwrap().push("x".repeat(1_000))).unwrap();
    println!("{report}");
    assert!(report.leaks.iter().all(|leak| leak.kind == LeakKind::Growing));
    assert!(report.leaked_bytes() >= 32_000, "{report}");
}

#[test]
fn what_is_made_at_first_use_is_none() {
    static WORDS: LazyLock<Vec<String>> =
        LazyLock::new(|| (0..100).map(|n| n.to_string()).collect());
    LeakCheck::new().assert(|| assert_eq!(black_box(&*WORDS).len(), 100));
}

#[test]
fn a_thread_takes_its_context_along() {
    let report = LeakCheck::new()
        .rounds(1)
        .run(|| {
            thread::spawn(|| std::mem::forget(black_box(vec![1_u8; 12_345]))).join().unwrap();
        })
        .unwrap();
    assert_eq!(report.leaks[0].bytes, 12_345);
}

#[scrubjay::leak_check]
#[test]
fn an_attribute_checks_a_test() {
    black_box(vec![1_u8; 100]);
}

#[scrubjay::leak_check(leaked_bytes(16), leaked_blocks(1), once)]
#[test]
fn an_attribute_has_settings() -> Result<(), String> {
    std::mem::forget(black_box(Box::new([1_u64; 2])));
    Ok(())
}

#[scrubjay::leak_check]
#[test]
#[should_panic(expected = "leaks")]
fn a_failure_says_how_much() {
    std::mem::forget(black_box(Box::new([1_u64; 3])));
}
