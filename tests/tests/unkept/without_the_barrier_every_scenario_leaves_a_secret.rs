//! Optimised, the overwriting is gone, and the attack finds something in every
//! scenario. In the dev profile it is there, and nothing is found of blocks
//! that are just freed: it is the optimiser that makes the difference.

use scrubjay_tests::scenarios::{self, Settings};
use scrubjay_tests::{child, parallel};

pub fn test() {
    let names: Vec<&str> = match cfg!(debug_assertions) {
        true => vec!["free"],
        false => scenarios::names().collect(),
    };
    let results = parallel::map(&names, |name| scenarios::attack(child!(), name, Settings::COUNT));
    let mut wrong = Vec::new();
    for (name, found) in names.iter().zip(results) {
        let freed: u64 = found.freed().map(|(_, count)| count).sum();
        println!("  {name}, overwritten without a barrier: freed {freed}");
        if cfg!(debug_assertions) {
            let left = found.labels.iter().filter(|(_, count)| **count > 0);
            wrong.extend(left.map(|found| format!("{found:?}")));
        } else {
            let complaints = scenarios::control_complaints(&found);
            wrong.extend(complaints.iter().map(|what| format!("{name}: {what}")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

pub fn child(arguments: &[String]) {
    scenarios::play(arguments);
}
