//! What a program notes is in its log, also in one that starts later, in a dump,
//! and in a forked child's, which begins with its parent's notes. What is too
//! long is cut at a character and marked; what is too much is counted.

use scrubjay_log_format::{note, process};
use scrubjay_tests::child;
use scrubjay_tests::folder::Folder;
use scrubjay_tests::log::Log;
use scrubjay_tests::system::{self, Fork};

pub fn test() {
    for how in ["library", "raw"] {
        let folder = Folder::new();
        let path = folder.join("%p.jay");
        let finished = child!().log(&path).folder(&folder).argument(how).succeed();
        let forked = finished.output.trim().strip_prefix("forked ").expect("the child is named");
        check(&folder.join(format!("{}.jay", finished.process)), ["early", "parents"]);
        check(&folder.join(format!("{forked}.jay")), ["early", "childs"]);
        check(&folder.join("dump.jay"), ["early", "parents"]);
    }
    let folder = Folder::new();
    child!().folder(&folder).argument("late").succeed();
    check(&folder.join("late.jay"), ["early", "parents"]);
    check(&folder.join("dump.jay"), ["early", "parents"]);

    let folder = Folder::new();
    let path = folder.join("run.jay");
    child!().log(&path).argument("many").succeed();
    let log = Log::read(&path);
    assert_eq!(log.notes.len(), note::COUNT_MAX as usize);
    assert_eq!(log.process[process::NOTE_OVERFLOW_COUNT], 7);
    let [name, value] = [&log.notes[0], &log.notes[1]];
    assert!(name.is_cut && value.is_cut && !log.notes[2].is_cut);
    assert_eq!(name.name, "\u{fc}".repeat(note::NAME_SIZE_MAX / 2));
    assert_eq!(value.value, format!("a{}", "\u{fc}".repeat(note::VALUE_SIZE_MAX / 2 - 1)));
}

fn check(path: &std::path::Path, expected: [&str; 2]) {
    let log = Log::read(path);
    let told: Vec<_> =
        log.notes.iter().map(|note| (note.index, &note.name[..], &note.value[..])).collect();
    assert_eq!(told, [(0, "when", expected[0]), (1, "when", expected[1])], "{}", path.display());
}

pub fn child(arguments: &[String]) {
    if arguments[0] == "many" {
        scrubjay::note(&"\u{fc}".repeat(100), "x");
        scrubjay::note("x", &format!("a{}", "\u{fc}".repeat(1_000)));
        (0..note::COUNT_MAX + 5).for_each(|number| scrubjay::note("number", &number.to_string()));
        return;
    }
    scrubjay::note("when", "early");
    if arguments[0] == "late" {
        scrubjay::start_log("late.jay").expect("the folder can be written");
    } else {
        let how = if arguments[0] == "raw" { Fork::Raw } else { Fork::Library };
        let forked = system::fork(how, true, || scrubjay::note("when", "childs"));
        system::wait(forked);
        println!("forked {forked}");
    }
    scrubjay::note("when", "parents");
    scrubjay::dump("dump.jay").expect("the folder can be written");
}
