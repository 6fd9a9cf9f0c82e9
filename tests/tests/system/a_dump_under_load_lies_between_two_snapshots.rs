//! A dump while four threads allocate: its structure is whole, and each tag's
//! figures lie between those of a snapshot before and one after. With and
//! without a log of the process.

use std::path::Path;
use std::time::Duration;

use scrubjay_log_format::header;
use scrubjay_tests::folder::Folder;
use scrubjay_tests::load::Load;
use scrubjay_tests::log::Log;
use scrubjay_tests::{child, harness, told};

pub fn test() {
    for mode in ["none", "count", "journal"] {
        let folder = Folder::new();
        let child = match mode {
            "none" => child!(),
            mode => child!().log(&folder.join("run.jay")).setting("SCRUBJAY_MODE", mode),
        };
        child.argument(folder.as_os_str()).succeed();
    }
}

pub fn child(arguments: &[String]) {
    let load = Load::start(4);
    std::thread::sleep(Duration::from_millis(20));
    for round in 0..harness::count(20, 100) {
        let name = Path::new(&arguments[0]).join(format!("dump-{round}.jay"));
        let before = told::now();
        let path = scrubjay::dump(&name).expect("a dump can be written");
        let after = told::now();
        assert_eq!(path, name);
        let log = Log::read(&path);
        assert!(log.header.has(header::FLAG_DUMP) && log.events.is_empty());
        for (tag, before) in &before {
            let dumped = told::of_cell(&log.cell(log.tag(tag)));
            for ((before, dumped), after) in before.iter().zip(dumped).zip(after[tag]) {
                assert!((*before..=after).contains(&dumped), "{tag}: {before} {dumped} {after}");
            }
        }
        std::fs::remove_file(path).expect("a dump is a file");
    }
    load.stop();
}
