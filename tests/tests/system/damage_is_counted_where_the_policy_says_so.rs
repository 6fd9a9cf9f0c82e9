//! Under the policy `count` the same damage is named and counted, the program
//! goes on, and the block is not handed out again.

use scrubjay::Report;
use scrubjay_log_format::process;
use scrubjay_tests::folder::Folder;
use scrubjay_tests::log::Log;
use scrubjay_tests::misuse::{self, MISUSES, TAG};
use scrubjay_tests::{child, told};

pub fn test() {
    for (name, expected) in MISUSES {
        let folder = Folder::new();
        let path = folder.join("run.jay");
        let child = child!().log(&path).setting("SCRUBJAY_CORRUPTION", "count").argument(name);
        let finished = child.succeed();
        let address = finished.output.lines().next().unwrap_or_default();
        let expected = expected.replace("ADDRESS", address).replace("TAG", TAG.name());
        assert_eq!(finished.errors, format!("scrubjay: {expected}\n"), "{name}");
        let log = Log::read(&path);
        log.check();
        told::check(&log, &finished.output);
        assert_eq!(log.process[process::CORRUPTION_COUNT], 1, "{name}");
    }
}

pub fn child(arguments: &[String]) {
    let before = misuse::live();
    let block = misuse::commit(&arguments[0]);
    assert_eq!(Report::now().corruption_count, 1);
    // What was damaged stays live; what was released before stays released.
    let is_double = arguments[0].starts_with("double");
    assert_eq!(misuse::live() - before, u64::from(!is_double));
    let scope = TAG.enter();
    let others: Vec<_> = (0..1_000).map(|_| vec![0_u8; misuse::SIZE]).collect();
    assert!(is_double || others.iter().all(|other| other.as_ptr() as usize != block));
    drop(others);
    drop(scope);
    told::tell();
}
