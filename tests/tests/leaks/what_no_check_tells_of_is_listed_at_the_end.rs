//! A worker that no check started leaks for one, by a function that no check
//! stands in: the check cannot know, and the process says so at its end.

use std::hint::black_box;
use std::sync::mpsc;
use std::{mem, thread};

use scrubjay::LeakCheck;
use scrubjay_tests::child;

pub fn test() {
    let finished = child!().argument("leak").succeed();
    assert!(finished.output.contains("nothing is leaked"), "{finished:?}");
    let told = &finished.errors;
    assert!(told.contains("orphans: "), "{told}");
    assert!(told.contains("4321 bytes in 1 blocks"), "{told}");
    assert!(told.contains("what_no_check_tells_of_is_listed_at_the_end.rs:48"), "{told}");

    let finished = child!().argument("clean").succeed();
    assert!(!finished.errors.contains("orphans"), "{finished:?}");
}

pub fn child(arguments: &[String]) {
    let job = if arguments[0] == "leak" { leak } else { work };
    let (jobs, todo) = mpsc::channel::<fn()>();
    let (done, answers) = mpsc::channel();
    thread::spawn(move || {
        for job in todo {
            job();
            done.send(()).unwrap();
        }
    });
    let report = LeakCheck::new()
        .run(|| {
            jobs.send(job).unwrap();
            answers.recv().unwrap();
        })
        .unwrap();
    println!("{report}");
}

fn work() {
    drop(black_box(vec![1_u8; 4_321]));
}

#[inline(never)]
fn leak() {
    mem::forget(black_box(vec![1_u8; 4_321]));
}
