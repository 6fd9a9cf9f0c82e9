//! What the system has swapped out of a block is wiped as well: a page that is
//! not in memory is not one that nobody touched.

use scrubjay_tests::scenarios::{self, SWAPPED, Settings};
use scrubjay_tests::swap::Swap;
use scrubjay_tests::{child, harness};

/// Of a block's 4,096 pages so many have to be swapped out to be a test.
const PAGES_MIN: u64 = 1_000;

pub fn test() {
    let swap = Swap::on();
    let mut wrong = Vec::new();
    for settings in [
        Settings::COUNT,
        Settings { mappings: false, ..Settings::COUNT },
        Settings::JOURNAL,
        Settings { mappings: false, ..Settings::JOURNAL },
    ] {
        let found = scenarios::attack(child!(), SWAPPED, settings);
        let swapped = found.swapped.expect("the victim says how much was swapped out");
        println!("  {}, {} pages swapped out", settings.mode, swapped);
        if swapped < PAGES_MIN {
            let why = swap.err().unwrap_or_else(|| "there is swap".to_owned());
            harness::skip(format!("{why}, and {swapped} pages of 4,096 go out when asked to"));
        }
        let complaints = scenarios::complaints(&found);
        wrong.extend(complaints.iter().map(|what| format!("{settings:?}: {what}")));
    }
    let unwiped = Settings { wipe: false, mappings: false, ..Settings::COUNT };
    let control = scenarios::attack(child!(), SWAPPED, unwiped);
    wrong.extend(scenarios::control_complaints(&control));
    drop(swap);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

pub fn child(arguments: &[String]) {
    scenarios::play(arguments);
}
