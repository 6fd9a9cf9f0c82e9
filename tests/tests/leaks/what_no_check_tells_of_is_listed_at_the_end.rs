//! A worker that no check started leaks for one, by a function that no check
//! stands in: the check cannot know, and the process says so at its end.

use std::hint::black_box;
use std::sync::mpsc::{self, Receiver, Sender};
use std::{mem, thread};

use scrubjay::LeakCheck;
use scrubjay_tests::child;
use scrubjay_tests::folder::Folder;

pub fn test() {
    let finished = child!().argument("leak").succeed();
    assert!(finished.output.contains("nothing is leaked"), "{finished:?}");
    let told = &finished.errors;
    assert!(told.contains("orphans: "), "{told}");
    let line = format!("what_no_check_tells_of_is_listed_at_the_end.rs:{LEAKS_AT} ");
    assert!(told.contains(&line), "{told}");

    // Of a file for all checks the orphans take notice, too.
    let folder = Folder::new();
    let known = folder.join("known.toml");
    let entry = "[[suppress]]\nname = \"n\"\nreason = \"r\"\nfunction = \"*_the_end::leak\"\n";
    let file = format!("scrubjay-suppressions = 1\n{entry}");
    std::fs::write(&known, file).expect("the folder can be written");
    let child = child!().argument("leak").setting("SCRUBJAY_SUPPRESSIONS", &known);
    let finished = child.succeed();
    assert_eq!(finished.errors, "", "{finished:?}");

    let finished = child!().argument("clean").succeed();
    assert!(!finished.errors.contains("orphans"), "{finished:?}");
}

pub fn child(arguments: &[String]) {
    let job = if arguments[0] == "leak" { leak } else { work };
    let (jobs, answers) = start_worker();
    let report = LeakCheck::new()
        .run(|| {
            jobs.send(job).unwrap();
            answers.recv().unwrap();
        })
        .unwrap();
    println!("{report}");
}

/// Not in the function that the check stands in.
fn start_worker() -> (Sender<fn()>, Receiver<()>) {
    let (jobs, todo) = mpsc::channel::<fn()>();
    let (done, answers) = mpsc::channel();
    thread::spawn(move || {
        for job in todo {
            job();
            done.send(()).unwrap();
        }
    });
    (jobs, answers)
}

fn work() {
    drop(black_box(vec![1_u8; 4_321]));
}

const LEAKS_AT: u32 = line!() + 4;

#[inline(never)]
fn leak() {
    mem::forget(black_box(vec![1_u8; 4_321]));
}
