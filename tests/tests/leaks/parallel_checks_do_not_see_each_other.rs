//! 64 tests at a time in one process, half of which leak: no clean one fails, no
//! leaking one passes, and each names its line. Among them are those that drop on
//! another thread, and that are the first to touch what all share.

use std::hint::black_box;
use std::sync::{Arc, Barrier, LazyLock, Mutex, mpsc};
use std::{mem, thread};

use scrubjay::{LeakCheck, LeakReport};
use scrubjay_tests::{child, harness};

/// Tests of each kind.
const EACH: usize = 8;
const KINDS: [(Work, bool); 8] = [
    (allocate_and_drop, false),
    (touch_a_lazy_static, false),
    (drop_on_another_thread, false),
    (hand_on_and_join, false),
    (forget, true),
    (forget_on_another_thread, true),
    (leave_a_cycle, true),
    (grow_a_static, true),
];

type Work = fn(usize);

pub fn test() {
    let rounds = harness::count(10, 200);
    let mut wrong = Vec::new();
    for _ in 0..rounds {
        let finished = child!().run();
        assert!(finished.status.success(), "{finished:?}");
        let told: Vec<&str> = finished.output.lines().collect();
        assert_eq!(told.len(), EACH * KINDS.len());
        wrong
            .extend(told.iter().filter(|line| !line.starts_with("right")).map(|s| (*s).to_owned()));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

pub fn child(_: &[String]) {
    let barrier = Arc::new(Barrier::new(EACH * KINDS.len()));
    let tests: Vec<_> = (0..EACH)
        .flat_map(|number| KINDS.iter().map(move |&kind| (number, kind)))
        .map(|(number, (work, leaks))| {
            let barrier = barrier.clone();
            thread::spawn(move || {
                barrier.wait();
                let report = LeakCheck::new().run(|| work(number)).expect("a check can be made");
                verdict(&report, leaks)
            })
        })
        .collect();
    let verdicts: Vec<String> = tests.into_iter().map(|test| test.join().unwrap()).collect();
    verdicts.iter().for_each(|verdict| println!("{verdict}"));
}

fn verdict(report: &LeakReport, leaks: bool) -> String {
    let is_line = |leak: &scrubjay::Leak| {
        leak.frames.iter().any(|frame| frame.function.ends_with("leaks_here"))
    };
    match (leaks, report.is_ok()) {
        (false, true) => "right: clean".to_owned(),
        (true, false) if report.leaks.iter().all(is_line) => "right: leaks".to_owned(),
        _ => format!("wrong: {report:?}").replace('\n', " "),
    }
}

fn allocate_and_drop(number: usize) {
    let words: Vec<String> = (0..100).map(|n| format!("{number} {n}")).collect();
    drop(black_box(words));
}

fn touch_a_lazy_static(number: usize) {
    static WORDS: LazyLock<Vec<String>> =
        LazyLock::new(|| (0..100).map(|n| n.to_string()).collect());
    assert_eq!(black_box(&WORDS[number]).len(), 1);
}

fn drop_on_another_thread(number: usize) {
    static DROPPER: LazyLock<Mutex<mpsc::Sender<Vec<u8>>>> = LazyLock::new(|| {
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || receiver.iter().for_each(drop));
        Mutex::new(sender)
    });
    DROPPER.lock().unwrap().send(black_box(vec![1; 1_000 + number])).unwrap();
}

fn hand_on_and_join(number: usize) {
    let words: Vec<String> = (0..number).map(|n| n.to_string()).collect();
    thread::spawn(move || drop(black_box(words))).join().unwrap();
}

fn forget(number: usize) {
    mem::forget(leaks_here(number));
}

fn forget_on_another_thread(number: usize) {
    thread::spawn(move || mem::forget(leaks_here(number))).join().unwrap();
}

fn leave_a_cycle(number: usize) {
    struct Node {
        _content: Vec<u8>,
        next: Mutex<Option<Arc<Node>>>,
    }
    fn leaks_here(number: usize) -> Arc<Node> {
        Arc::new(Node { _content: vec![1; 64 + number], next: Mutex::default() })
    }
    let node = leaks_here(number);
    *node.next.lock().unwrap() = Some(node.clone());
}

fn grow_a_static(number: usize) {
    static KEPT: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());
    #[inline(never)]
    fn leaks_here(kept: &mut Vec<Vec<u8>>, number: usize) {
        kept.push(black_box(vec![1; 64 + number]));
    }
    leaks_here(&mut KEPT.lock().unwrap(), number);
}

#[inline(never)]
fn leaks_here(number: usize) -> Vec<u8> {
    black_box(vec![1; 100 + number])
}
