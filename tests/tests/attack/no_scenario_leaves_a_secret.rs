//! Whatever a program does with a secret, another process finds not one window
//! of 8 bytes of it in freed blocks, nor in the log or a core file. What it
//! finds elsewhere stands on stacks and in registers.

use scrubjay_tests::scenarios::{self, Kinds, Settings};
use scrubjay_tests::{child, harness, parallel};

/// In release each scenario runs in all of these.
const ALL: [Settings; 4] = [
    Settings { core: true, ..Settings::COUNT },
    Settings { mappings: false, log: true, ..Settings::COUNT },
    Settings::JOURNAL,
    Settings { mappings: false, core: true, ..Settings::JOURNAL },
];
/// What the soak adds: glibc as it comes.
const MORE: [Settings; 2] = [
    Settings { kept: false, core: true, debugger: true, ..Settings::COUNT },
    Settings { kept: false, core: true, debugger: true, ..Settings::JOURNAL },
];

pub fn test() {
    let mut jobs = Vec::new();
    for (index, name) in scenarios::names().enumerate() {
        let settings: Vec<Settings> = match cfg!(debug_assertions) {
            // Searching takes ten times as long: each scenario in one.
            true if !harness::is_soak() => vec![ALL[index % ALL.len()]],
            _ => ALL.into_iter().chain(MORE).take(harness::count(ALL.len(), 6)).collect(),
        };
        jobs.extend(settings.into_iter().map(|settings| (name, settings)));
    }
    let results = parallel::map(&jobs, |&(name, settings)| {
        let found = scenarios::attack(child!(), name, settings);
        let wrong = scenarios::complaints(&found);
        (found, wrong)
    });
    let (mut kinds, mut wrong, mut core_count) = (Kinds::default(), Vec::new(), 0);
    for ((name, settings), (found, complaints)) in jobs.iter().zip(results) {
        kinds.add(&found);
        core_count += usize::from(settings.core && found.no_core.is_none());
        if let Some(why) = &found.no_core {
            println!("  no core file of {name}: {why}");
        }
        let freed: Vec<String> =
            found.freed().map(|(what, count)| format!("{what:?} {count}").to_lowercase()).collect();
        let mappings = if settings.mappings { "mapped" } else { "unmapped" };
        println!("  {name}, {}, {mappings}: freed {}", settings.mode, freed.join(", "));
        wrong.extend(complaints.iter().map(|what| format!("{name}, {settings:?}: {what}")));
    }
    println!("  {} attacks, {core_count} core files; outside of blocks was found:", jobs.len());
    kinds.print();
    if cfg!(scrubjay_without_barrier) {
        // The optimiser may take the overwriting out, or not: see the program
        // `unkept` for what it does to one that nothing follows.
        println!("  without the barrier: {} finds", wrong.len());
        return;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

pub fn child(arguments: &[String]) {
    scenarios::play(arguments);
}
