//! A setting without meaning costs one line on standard error, and the default
//! is used; a good one is taken over.

use scrubjay_log_format::{CHUNK_SIZE_DEFAULT, Mode, WipePolicy};
use scrubjay_tests::child;
use scrubjay_tests::folder::Folder;
use scrubjay_tests::log::Log;

const BAD: [(&str, &str, &str); 9] = [
    ("SCRUBJAY_MODE", "Journal", "count, sample or journal"),
    ("SCRUBJAY_WIPE", "none", "all, tagged or off"),
    ("SCRUBJAY_FULL", "1", "wait or drop"),
    ("SCRUBJAY_CORRUPTION", "ignore", "abort or count"),
    ("SCRUBJAY_LOG_LIMIT", "2T", "a size up to 1T"),
    ("SCRUBJAY_LOG_LIMIT", "-1", "a size up to 1T"),
    ("SCRUBJAY_CHUNK_SIZE", "5000", "a power of two from 4K to 2M"),
    ("SCRUBJAY_CHUNK_SIZE", "4M", "a power of two from 4K to 2M"),
    ("SCRUBJAY_FRAMES", "3", "a count from 4 to 4096"),
];

pub fn test() {
    for (name, value, expected) in BAD {
        let folder = Folder::new();
        let path = folder.join("run.jay");
        let finished = child!().log(&path).setting(name, value).succeed();
        let line = format!("scrubjay: {name} is ignored: expected {expected}, found \"{value}\"\n");
        assert_eq!(finished.errors, line);
        let header = Log::read(&path).header;
        assert_eq!((header.mode, header.wipe), (Mode::Journal, WipePolicy::All));
        assert_eq!((header.chunk_size, header.frame_capacity), (CHUNK_SIZE_DEFAULT, 1024));
        assert_eq!(header.limit_bytes, 1 << 30);
    }
    let folder = Folder::new();
    let path = folder.join("run.jay");
    let finished = child!()
        .log(&path)
        .setting("SCRUBJAY_MODE", "count")
        .setting("SCRUBJAY_WIPE", "tagged")
        .setting("SCRUBJAY_LOG_LIMIT", "5M")
        .setting("SCRUBJAY_CHUNK_SIZE", "8k")
        .setting("SCRUBJAY_FRAMES", "17")
        .setting("SCRUBJAY_FULL", "")
        .succeed();
    assert_eq!(finished.errors, "");
    let header = Log::read(&path).header;
    assert_eq!((header.mode, header.wipe), (Mode::Count, WipePolicy::Tagged));
    assert_eq!((header.chunk_size, header.frame_capacity), (8 << 10, 17));
    assert_eq!(header.limit_bytes, 5 << 20);
}

pub fn child(_: &[String]) {
    drop(std::hint::black_box(vec![0_u8; 100]));
}
