//! A debugger writes more into a core file than the kernel does, and ends: not
//! the address space that scrubjay keeps without memory in it.

use std::process::Command;

use scrubjay_tests::scenarios::{self, Attacked, Settings};
use scrubjay_tests::{child, harness};

pub fn test() {
    if Command::new("gcore").arg("--help").output().is_err() {
        harness::skip("there is no gcore");
    }
    for settings in [Settings::COUNT, Settings::JOURNAL] {
        let settings = Settings { core: true, debugger: true, ..settings };
        let found = scenarios::attack(child!(), "free-secret", settings);
        if let Some(why) = &found.no_core {
            panic!("{why}");
        }
        assert!(found.residues.iter().any(|(attacked, _)| *attacked == Attacked::Core));
        let wrong = scenarios::complaints(&found);
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}

pub fn child(arguments: &[String]) {
    scenarios::play(arguments);
}
