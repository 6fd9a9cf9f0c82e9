//! Where a test has its process to itself, what it leaves open is a leak, told by
//! kind; what is opened at first use is none.

use std::fs::File;
use std::mem;
use std::net::TcpListener;
use std::sync::OnceLock;

use scrubjay::{DescriptorKind, LeakCheck};
use scrubjay_tests::child;

pub fn test() {
    let finished = child!().setting("NEXTEST_EXECUTION_MODE", "process-per-test").succeed();
    assert!(finished.output.contains("/dev/null"), "{finished:?}");
}

pub fn child(_: &[String]) {
    static FIRST: OnceLock<File> = OnceLock::new();
    let open = || File::open("/dev/null").unwrap();
    let report = LeakCheck::new()
        .run(|| {
            FIRST.get_or_init(open);
            drop(open());
        })
        .unwrap();
    assert!(report.is_ok(), "{report}");

    let kinds = |work: fn()| {
        let report = LeakCheck::new().run(work).unwrap();
        assert!(!report.is_ok(), "{report:?}");
        println!("{report}");
        let kinds: Vec<DescriptorKind> = report.descriptors.iter().map(|left| left.kind).collect();
        kinds
    };
    let file = kinds(|| mem::forget(File::open("/dev/null").unwrap()));
    assert!(!file.is_empty() && file.iter().all(|&kind| kind == DescriptorKind::File));
    let socket = kinds(|| mem::forget(TcpListener::bind("127.0.0.1:0").unwrap()));
    assert!(!socket.is_empty() && socket.iter().all(|&kind| kind == DescriptorKind::Socket));
    let pipe = kinds(|| mem::forget(std::io::pipe().unwrap()));
    assert!(!pipe.is_empty() && pipe.iter().all(|&kind| kind == DescriptorKind::Pipe));
}
