//! What a thread-local of a library holds that the program has loaded meanwhile is
//! not lost, on whichever thread: nobody but the loader knows where it stands.

use std::hint::black_box;
use std::path::Path;
use std::process::Command;
use std::sync::mpsc;
use std::time::Duration;
use std::{fs, mem, thread};

use scrubjay::{LeakCheck, LeakReport, Tag, scan_within, scrub_stack};
use scrubjay_tests::folder::Folder;
use scrubjay_tests::{child, harness, system};

const LIBRARY: &str = "
    use std::cell::Cell;
    thread_local!(static HELD: Cell<[usize; 100]> = const { Cell::new([0; 100]) });
    #[unsafe(no_mangle)]
    pub extern \"C\" fn hold(word: usize) {
        HELD.set([word; 100]);
    }
    // Without it nobody would read what is held.
    #[unsafe(no_mangle)]
    pub extern \"C\" fn held() -> usize {
        HELD.get()[99]
    }
";

static HELD: Tag = Tag::new("held");
const SIZE: usize = 4_321;
/// On a busy machine threads may stand still for long.
const PATIENCE: Duration = Duration::from_secs(20);

pub fn test() {
    let folder = Folder::new();
    let (source, library) = (folder.join("library.rs"), folder.join("library.so"));
    fs::write(&source, LIBRARY).expect("the folder is the test's");
    let mut compile = Command::new("rustc");
    compile.args(["--edition=2024", "--crate-type=cdylib", "-Copt-level=1", "-o"]);
    match compile.arg(&library).arg(&source).output() {
        Err(error) => harness::skip(format!("rustc cannot be started: {error}")),
        Ok(compiled) => assert!(compiled.status.success(), "{compiled:?}"),
    }
    child!().argument(library).succeed();
}

pub fn child(arguments: &[String]) {
    let hold = system::load(Path::new(&arguments[0]), c"hold");
    let report = check(|| keep(hold));
    assert!(report.is_ok() && report.kept.iter().any(|leak| leak.bytes == SIZE as u64), "{report}");
    assert_eq!(lost(), 0);
    hold(0);
    assert_eq!(lost(), SIZE, "which shows that nothing else has held it");

    let (done, is_done) = mpsc::channel();
    let (go_on, may_go_on) = mpsc::channel::<()>();
    let other = thread::spawn(move || {
        keep(hold);
        scrub_stack(usize::MAX);
        done.send(()).expect("the test waits");
        may_go_on.recv().expect("the test says so");
        hold(0);
        scrub_stack(usize::MAX);
    });
    is_done.recv().expect("the thread holds it");
    assert_eq!(lost(), SIZE);
    go_on.send(()).expect("the thread waits");
    other.join().expect("nothing fails");
    assert_eq!(lost(), 2 * SIZE);
}

fn check(work: impl FnOnce()) -> LeakReport {
    LeakCheck::new().run_once(work).expect("a check can be made").1
}

#[inline(never)]
fn keep(hold: extern "C" fn(usize)) {
    let _scope = HELD.enter();
    let block = black_box(vec![1_u8; SIZE]);
    hold(block.as_ptr().expose_provenance());
    mem::forget(block);
}

/// Bytes of the tag that nothing reaches.
#[inline(never)]
fn lost() -> usize {
    scrub_stack(usize::MAX);
    let report = scan_within(PATIENCE).expect("there is a registry");
    report.lost().filter(|site| site.tag == HELD.name()).map(|site| site.bytes as usize).sum()
}
