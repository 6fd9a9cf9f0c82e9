//! Under which circumstances everybody is measured.

use crate::model;

/// How programs are built.
pub struct Build {
    /// As the tables call it.
    pub name: &'static str,
    /// Cargo's profile.
    pub profile: &'static str,
    /// What the compiler is told besides.
    pub flags: Option<&'static str>,
}

/// As it is shipped.
pub static RELEASE: Build = Build { name: "release", profile: "release", flags: None };
/// As its author runs it.
pub static DEV: Build = Build { name: "dev", profile: "dev", flags: None };
/// As it is shipped by whoever wants stacks cheaply.
pub static FRAME_POINTERS: Build = Build {
    name: "frame pointers",
    profile: "release",
    flags: Some("-C force-frame-pointers=yes"),
};

/// A workload, on so many threads, built in a way.
pub struct Setting {
    /// How the programs are built.
    pub build: &'static Build,
    /// As `scrubjay_benches::workloads` calls it.
    pub workload: &'static str,
    /// How many threads do it at the same time.
    pub threads: usize,
    /// Frames below the workload; 0 as many as there are.
    pub depth: usize,
    /// Least length of a batch, in milliseconds.
    pub batch_ms: u32,
    /// One operation only, the first of the process's life.
    pub first: bool,
}

impl Setting {
    const fn of(build: &'static Build, workload: &'static str) -> Self {
        Self { build, workload, threads: 1, depth: 0, batch_ms: 5, first: false }
    }

    /// As the tables call it.
    pub fn name(&self) -> String {
        format!("{}{}", if self.first { "first " } else { "" }, self.workload)
    }
}

/// What the cost table shows.
pub fn cost() -> Vec<Setting> {
    let mut settings = Vec::new();
    for build in [&RELEASE, &DEV] {
        for workload in ["pair64", "mixed", "tokenizers"] {
            // More threads than cores take turns, of some milliseconds each.
            for (threads, batch_ms) in [(1, 5), (4, 10)] {
                settings.push(Setting { threads, batch_ms, ..Setting::of(build, workload) });
            }
        }
    }
    settings
}

/// What the table of wiping shows.
pub fn wiping() -> Vec<Setting> {
    let release = |workload| Setting::of(&RELEASE, workload);
    let mut settings: Vec<Setting> = WIPING.iter().copied().map(release).collect();
    for workload in ["vec 1 MiB", "vec 8 MiB", "vec 64 MiB"] {
        settings.push(Setting { first: true, ..release(workload) });
    }
    settings
}

/// What the table of stacks shows.
pub fn stacks() -> Vec<Setting> {
    let mut settings = Vec::new();
    for build in [&FRAME_POINTERS, &RELEASE] {
        for workload in ["pair64", "json", "syntax", "tokenizers"] {
            for depth in [20, 60] {
                settings.push(Setting { depth, ..Setting::of(build, workload) });
            }
        }
        settings.push(Setting::of(build, model::NAME));
    }
    settings
}

/// What the table of leak checks shows. Not `tokenizers`, whose cache grows with
/// every round: which a check tells.
pub fn leaks() -> Vec<Setting> {
    let mut settings = Vec::new();
    for build in [&DEV, &RELEASE] {
        for workload in ["test 20 µs", "test 10 ms", "json", "syntax"] {
            settings.push(Setting::of(build, workload));
        }
    }
    settings
}

/// What the table of tags that travel shows.
pub fn travel() -> Vec<Setting> {
    ["scope", "span entered", "span with a block", "span made"]
        .map(|workload| Setting::of(&RELEASE, workload))
        .into()
}

const WIPING: &[&str] = &[
    "write 64 B",
    "write 256 B",
    "write 1 KiB",
    "write 4 KiB",
    "write 64 KiB",
    "write 1 MiB",
    "write 16 MiB",
    "write 64 MiB",
    "memset 1 KiB",
    "memset 4 KiB",
    "memset 64 KiB",
    "memset 1 MiB",
    "memset 16 MiB",
    "cold 4 KiB",
    "cold 64 KiB",
    "cold 1 MiB",
    "untouched 1 GiB",
    "json",
    "tokenizers",
    "vec 64 KiB",
    "vec 128 KiB",
    "vec 256 KiB",
    "vec 512 KiB",
    "vec 1 MiB",
    "vec 2 MiB",
    "vec 4 MiB",
    "vec 8 MiB",
    "vec 16 MiB",
    "vec 32 MiB",
    "vec 64 MiB",
    "many 24 KiB",
    "many 100 KiB",
    "many 500 KiB",
];

/// Each program that Cargo has built for this run, once.
pub fn quick() -> Vec<Setting> {
    let setting =
        |workload, threads| Setting { threads, batch_ms: 1, ..Setting::of(&RELEASE, workload) };
    vec![setting("pair64", 1), setting("grow", 1), setting("mixed", 4), setting("vec 4 MiB", 1)]
}
