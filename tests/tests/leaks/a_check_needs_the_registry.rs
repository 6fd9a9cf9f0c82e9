//! Without the registry of live blocks a check does not pass in silence.

use scrubjay::{LeakCheck, LeakCheckError};
use scrubjay_tests::child;

pub fn test() {
    let finished = child!().setting("SCRUBJAY_LIVE", "off").succeed();
    assert!(finished.output.contains("SCRUBJAY_LIVE=on"), "{finished:?}");
}

pub fn child(_: &[String]) {
    let error = LeakCheck::new().run(|| unreachable!("no check can be made")).unwrap_err();
    assert_eq!(error, LeakCheckError::NoRegistry);
    println!("{error}");
}
