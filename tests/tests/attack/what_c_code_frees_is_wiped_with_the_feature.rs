//! With the feature `c-heap` nothing is found of what C code frees either.
//! Without it that is beyond scrubjay's reach, and is found.

use scrubjay_tests::child;
use scrubjay_tests::scenarios::{self, C_CODE, Settings};

pub fn test() {
    let mut wrong = Vec::new();
    for (name, _) in C_CODE {
        for settings in [
            Settings { core: true, ..Settings::COUNT },
            Settings { mappings: false, log: true, ..Settings::COUNT },
            Settings::JOURNAL,
            Settings { mappings: false, core: true, ..Settings::JOURNAL },
        ] {
            let wiped = cfg!(feature = "c-heap");
            let found = scenarios::attack(child!(), name, settings);
            let freed: u64 = found.freed().map(|(_, count)| count).sum();
            println!("  {name}, {}: freed {freed}", settings.mode);
            let complaints = scenarios::complaints(&found);
            if wiped {
                wrong.extend(complaints.iter().map(|what| format!("{name}: {what}")));
            } else if complaints.is_empty() {
                wrong.push(format!("{name}: nothing is found, though nobody wiped"));
            }
        }
        let unwiped = Settings { wipe: false, mappings: false, ..Settings::COUNT };
        let control = scenarios::attack(child!(), name, unwiped);
        let complaints = scenarios::control_complaints(&control);
        wrong.extend(complaints.iter().map(|what| format!("{name}: {what}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

pub fn child(arguments: &[String]) {
    scenarios::play(arguments);
}
