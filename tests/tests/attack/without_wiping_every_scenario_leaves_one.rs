//! The control: with wiping and own mappings off, the same attack finds
//! something in every scenario, in memory and in a core file.

use scrubjay_tests::scenarios::{self, Settings};
use scrubjay_tests::{child, parallel};

pub fn test() {
    let names: Vec<&str> = scenarios::names().collect();
    let results = parallel::map(&names, |name| {
        let core = !cfg!(debug_assertions);
        let settings = Settings { wipe: false, mappings: false, core, ..Settings::COUNT };
        let found = scenarios::attack(child!(), name, settings);
        let wrong = scenarios::control_complaints(&found);
        (found, wrong)
    });
    let mut wrong = Vec::new();
    for (name, (found, complaints)) in names.iter().zip(results) {
        let freed: Vec<String> =
            found.freed().map(|(what, count)| format!("{what:?} {count}").to_lowercase()).collect();
        println!("  {name}, control: freed {}", freed.join(", "));
        wrong.extend(complaints.iter().map(|what| format!("{name}: {what}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

pub fn child(arguments: &[String]) {
    scenarios::play(arguments);
}
