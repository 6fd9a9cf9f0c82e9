//! A program that closes every descriptor, as daemons do, closes its log's,
//! too. The file that it opens next, under the same number, stays its own; the
//! journal ends.

use std::fs::File;
use std::io::Write;

use scrubjay_log_format::process;
use scrubjay_tests::folder::Folder;
use scrubjay_tests::log::Log;
use scrubjay_tests::{child, system, told};

pub fn test() {
    for how in ["goes-on", "forks"] {
        let folder = Folder::new();
        let (path, other) = (folder.join("%p.jay"), folder.join("other"));
        let finished = child!().log(&path).argument(&other).argument(how).succeed();
        let text = std::fs::read_to_string(&other).expect("the other file is there");
        assert_eq!(text, "mine, and mine", "{how}");
        if how == "goes-on" {
            let log = Log::read(&folder.join(format!("{}.jay", finished.process)));
            log.check();
            told::check(&log, &finished.output);
            let reason = log.process[process::JOURNAL_END_REASON];
            assert_eq!(reason, process::JOURNAL_END_NO_SPACE);
        }
    }
}

pub fn child(arguments: &[String]) {
    system::close_all();
    let others: Vec<_> = (0..10).map(|_| File::create(&arguments[0])).collect();
    let mut other = others[0].as_ref().expect("the folder can be written");
    other.write_all(b"mine").expect("it is ours");
    if arguments[1] == "forks" {
        let forked = system::fork(system::Fork::Library, true, || {
            drop(vec![0_u8; 100]);
            other.write_all(b", and mine").expect("it is still open");
        });
        system::wait(forked);
        return;
    }
    // More than the windows that are mapped already hold.
    for size in 0..1_000_000 {
        drop(std::hint::black_box(Vec::<u8>::with_capacity(1 + size % 9)));
    }
    other.write_all(b", and mine").expect("it is still open");
    told::tell();
}
