//! Under which circumstances everybody is measured.

/// A workload, on so many threads, built in a profile.
pub struct Setting {
    /// `release` or `dev`.
    pub profile: &'static str,
    /// As `scrubjay_benches::workloads` calls it.
    pub workload: &'static str,
    /// How many threads do it at the same time.
    pub threads: usize,
    /// Least length of a batch, in milliseconds.
    pub batch_ms: u32,
}

/// What the cost table shows.
pub fn all() -> Vec<Setting> {
    let mut settings = Vec::new();
    for profile in ["release", "dev"] {
        for workload in ["pair64", "mixed", "tokenizers"] {
            // More threads than cores take turns, of some milliseconds each.
            for (threads, batch_ms) in [(1, 5), (4, 10)] {
                settings.push(Setting { profile, workload, threads, batch_ms });
            }
        }
    }
    settings
}

/// Each program that Cargo has built for this run, once.
pub fn quick() -> Vec<Setting> {
    let setting =
        |workload, threads| Setting { profile: "release", workload, threads, batch_ms: 1 };
    vec![setting("pair64", 1), setting("grow", 1), setting("mixed", 4)]
}
