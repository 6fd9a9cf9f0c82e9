//! Another process reads the memory of blocks that held a secret and were
//! released, in every way there is: it finds not one window of 8 bytes of it.
//! The control, without wiping and own mappings, finds some in each way.

use scrubjay_tests::folder::Folder;
use scrubjay_tests::{child, releases};

pub fn test() {
    let ways = releases::WAYS.iter().map(|(name, _)| *name);
    for way in ways.chain([releases::AT_EXIT]) {
        for mode in ["count", "journal"] {
            let (folder, key) = (Folder::new(), releases::new_key());
            let child = || child!().log(&folder.join("run.jay")).setting("SCRUBJAY_MODE", mode);
            for mappings in ["on", "off"] {
                let child = child().setting("SCRUBJAY_MAPPINGS", mappings);
                let found = releases::found(child, way, key);
                assert!(found.values().all(|&count| count == 0), "{way}, {mode}: {found:?}");
            }
            let unwiped =
                child().setting("SCRUBJAY_WIPE", "off").setting("SCRUBJAY_MAPPINGS", "off");
            let control = releases::found(unwiped, way, key);
            let hidden = |label: &str| releases::HIDDEN_BY_GLIBC.contains(&label);
            let shows = control.iter().all(|(label, &count)| count > 0 || hidden(label));
            assert!(shows, "the control of {way}, {mode}: {control:?}");
        }
    }
}

pub fn child(arguments: &[String]) {
    releases::release(&arguments[0], arguments[1].parse().expect("a number"));
}
