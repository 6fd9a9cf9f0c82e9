//! Where no log can be written the program runs all the same: a folder that is
//! missing, one that nobody can write, a limit of file sizes below the first
//! window. One line says so; nothing kills.

use std::path::Path;

use scrubjay::Report;
use scrubjay_tests::child;
use scrubjay_tests::folder::Folder;

pub fn test() {
    let folder = Folder::new();
    let missing = folder.join("missing/run.jay");
    let small = folder.join("run.jay");
    let cases = [
        (missing.as_path(), u64::MAX, "the file cannot be created (error "),
        (Path::new("/proc/self/run.jay"), u64::MAX, "the file cannot be created (error "),
        (small.as_path(), 1 << 20, "the limit of file sizes forbids it"),
        (small.as_path(), 0, "the limit of file sizes forbids it"),
    ];
    for (path, limit, why) in cases {
        let finished = child!().log(path).file_size_limit(limit).succeed();
        let line = format!("scrubjay: no log is written to \"{}\": {why}", path.display());
        assert!(finished.errors.starts_with(&line), "{}", finished.errors);
        assert_eq!(finished.errors.lines().count(), 1, "{}", finished.errors);
        assert_eq!(finished.output, "1000 bytes are live\n");
    }
    let long = "x".repeat(5_000);
    let finished = child!().log(Path::new(&long)).succeed();
    assert!(finished.errors.starts_with("scrubjay: no log is written"), "{}", finished.errors);
    assert_eq!(finished.errors.lines().count(), 1, "{}", finished.errors);
}

pub fn child(_: &[String]) {
    static TAG: scrubjay::Tag = scrubjay::Tag::new("counted");
    let scope = TAG.enter();
    let held = std::hint::black_box(vec![0_u8; 1_000]);
    drop(scope);
    let report = Report::now();
    let live = report.tag(TAG.name()).expect("the tag was entered").live_bytes;
    println!("{live} bytes are live");
    drop(held);
}
