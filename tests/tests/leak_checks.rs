//! Leak checks under the standard test harness, whose tests run in parallel.

use std::cell::RefCell;
use std::collections::HashMap;
use std::hint::black_box;
use std::rc::Rc;
use std::sync::{LazyLock, Mutex};
use std::thread;

use scrubjay::{Config, Context, HeldBy, LeakCheck, LeakKind, Limit, Scrubjay};
use tokio::runtime::{Builder, Runtime};

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

#[scrubjay::leak_check(suppressions("tests/known.toml"))]
#[test]
fn an_attribute_takes_a_file_of_suppressions() {
    std::mem::forget(black_box(Box::new([1_u64; 5])));
}

#[scrubjay::leak_check]
#[test]
#[should_panic(expected = "leaks")]
fn a_failure_says_how_much() {
    std::mem::forget(black_box(Box::new([1_u64; 3])));
}

/// Some addresses may stand in frames from before, where other blocks had them.
#[test]
fn a_guard_checks_a_part_of_a_test() {
    let guard = LeakCheck::new().guard().unwrap();
    let held = black_box(vec![1_u8; 77]);
    (1_000..1_020).for_each(forget);
    let report = guard.finish();
    assert!(report.leaked_blocks() >= 15, "{report:?}");
    let kept: Vec<u64> = report.kept.iter().map(|leak| leak.bytes).collect();
    assert!(kept.contains(&77), "{report:?}");
    drop(held);
}

#[test]
#[should_panic(expected = "leaks")]
fn a_guard_that_is_dropped_fails_its_test() {
    let _guard = LeakCheck::new().guard().unwrap();
    (1_000..1_020).for_each(forget);
}

#[test]
fn limits_are_held() {
    let work = || drop(black_box((vec![1_u8; 1_000], vec![1_u8; 500])));
    let exceeded = |check: LeakCheck| {
        let report = check.run(work).unwrap();
        let limits: Vec<_> =
            report.exceeded.iter().map(|over| (over.limit, over.found, over.allowed)).collect();
        limits
    };
    assert_eq!(exceeded(LeakCheck::new().peak_bytes(1_500).allocated_blocks(2)), []);
    let over = exceeded(LeakCheck::new().peak_bytes(1_499));
    assert_eq!(over, [(Limit::PeakBytes, 1_500, 1_499)]);
    let over = exceeded(LeakCheck::new().allocated_bytes(1_000).allocated_blocks(1));
    let expected = [(Limit::AllocatedBytes, 1_500, 1_000), (Limit::AllocatedBlocks, 2, 1)];
    assert_eq!(over, expected);
}

#[test]
fn what_is_allowed_is_no_leak_and_what_matches_nothing_is_told() {
    #[inline(never)]
    fn known_leak() {
        std::mem::forget(black_box(vec![1_u8; 44]));
    }
    let report = LeakCheck::new()
        .allow_site("known_leak", "it is known")
        .allow_site("no_such_function", "it is gone")
        .allow_held_by(HeldBy::ThreadLocal, "none")
        .run(known_leak)
        .unwrap();
    assert!(report.is_ok(), "{report}");
    assert_eq!(report.allowed[0].1, "it is known");
    assert_eq!(report.allowed[0].0.bytes, 44);
    assert_eq!(report.unused, ["it is gone", "none"]);
}

#[test]
fn a_cycle_is_told_from_what_it_holds() {
    struct Node {
        _name: String,
        next: RefCell<Option<Rc<Node>>>,
    }
    let report = LeakCheck::new()
        .run(|| {
            let node = Rc::new(Node { _name: "n".repeat(60), next: RefCell::default() });
            let other = Rc::new(Node { _name: "n".repeat(60), next: Some(node.clone()).into() });
            *node.next.borrow_mut() = Some(other);
        })
        .unwrap();
    let held_by = |holder| report.leaks.iter().filter(move |leak| leak.held_by == holder);
    assert!(held_by(HeldBy::Cycle).count() > 0, "{report}");
    assert!(held_by(HeldBy::Lost).count() > 0, "{report}");
}

#[test]
fn work_that_is_adopted_or_followed_is_the_checks() {
    static RUNTIME: LazyLock<Runtime> =
        LazyLock::new(|| Builder::new_multi_thread().worker_threads(1).build().unwrap());
    // Its threads are nobody's.
    RUNTIME.block_on(RUNTIME.spawn(async {})).unwrap();
    // Without a stack that names the test.
    async fn task() {
        forget(66);
    }
    let report = LeakCheck::new()
        .run(|| {
            let task = Context::current().follow(task());
            RUNTIME.block_on(RUNTIME.spawn(task)).unwrap();
        })
        .unwrap();
    assert!(report.leaked_bytes() >= 66, "{report}");

    let report = LeakCheck::new()
        .run(|| {
            let context = Context::current();
            let blocking = RUNTIME.spawn_blocking(move || {
                let _adopted = context.adopt();
                forget(88);
            });
            RUNTIME.block_on(blocking).unwrap();
        })
        .unwrap();
    assert!(report.leaked_bytes() >= 88, "{report}");
}

/// Leaks so many bytes, from a frame that is gone then.
#[inline(never)]
fn forget(size: usize) {
    std::mem::forget(black_box(vec![1_u8; size]));
}

#[test]
fn asynchronous_work_is_checked() {
    let runtime = Builder::new_current_thread().build().unwrap();
    let check = || {
        LeakCheck::new().test_async(async || {
            let words: Vec<String> = (0..10).map(|n| n.to_string()).collect();
            tokio::task::yield_now().await;
            drop(black_box(words));
        })
    };
    runtime.block_on(check());
}

#[test]
fn what_streams_is_bounded() {
    scrubjay::assert_bounded(1_024, |n| {
        for number in 0..n {
            drop(black_box(vec![0_u8; 100 + number % 8]));
        }
    });
}

#[test]
#[should_panic(expected = "not bounded by 1024 bytes: 128 bytes live at 64, 256")]
fn what_collects_is_not() {
    scrubjay::assert_bounded(1_024, |n| drop(black_box(vec![0_u16; n])));
}

#[test]
fn nested_checks_have_bills_of_their_own() {
    LeakCheck::new().assert(|| {
        let kept = black_box(vec![1_u8; 10]);
        let report =
            LeakCheck::new().rounds(1).run(|| std::mem::forget(black_box(vec![1_u8; 20]))).unwrap();
        assert_eq!(report.leaked_bytes(), 20, "{report}");
        drop(kept);
    });
}

#[test]
fn a_report_is_json_and_a_log_too() {
    let path = std::env::temp_dir().join(format!("scrubjay-leak-{}.jay", std::process::id()));
    let report = LeakCheck::new().dump(&path).run(|| forget(1_234)).unwrap();
    let json: serde_json::Value = serde_json::from_str(&report.to_json()).unwrap();
    assert_eq!(json["leaks"][0]["bytes"].as_u64(), Some(report.leaks[0].bytes));
    let frames = json["leaks"][0]["frames"].as_array().unwrap();
    assert!(frames.iter().any(|frame| frame["line"].is_u64()), "{json}");
    assert!(json["leaks"][0]["kind"].is_string() && json["leaks"][0]["age_ns"].is_u64());
    let text = report.to_string();
    assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text}");
    let log = std::fs::read(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    assert!(log.starts_with(b"SCRUBJAY"), "a log was written");
}
