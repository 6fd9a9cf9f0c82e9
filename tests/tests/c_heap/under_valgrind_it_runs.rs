//! Valgrind puts its own functions in the place of these: C blocks are then
//! not ours, and the program runs as it would.

use std::process::{Command, Stdio};

use scrubjay_tests::child::Child;
use scrubjay_tests::harness;

use crate::c::{Ask, Block};

pub fn test() {
    let mut valgrind = Command::new("valgrind");
    valgrind.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
    if !valgrind.status().is_ok_and(|status| status.success()) {
        harness::skip("needs valgrind: `apt-get install valgrind`");
    }
    let options = ["--quiet", "--error-exitcode=9"];
    // Address space for large blocks, which valgrind may not have to give.
    let child = Child::under("valgrind", &options, module_path!());
    child.setting("SCRUBJAY_MAPPINGS", "off").succeed();
}

pub fn child(_: &[String]) {
    for size in [0, 1, 24, 1_000, 100_000] {
        for ask in [Ask::Malloc, Ask::Calloc, Ask::Memalign(64), Ask::PosixMemalign(4096)] {
            let mut block = Block::by(ask, size).expect("memory");
            block.bytes().fill(1);
            assert!(block.resize(2 * size + 1));
            assert!(block.resize(size / 2 + 1));
        }
    }
    let strings: Vec<String> = (0..1_000).map(|number| number.to_string()).collect();
    assert_eq!(strings.concat().len(), 2_890);
}
