//! Who takes part.

/// An allocator, or a mode of one.
pub struct Allocator {
    /// As the table calls it.
    pub name: &'static str,
    /// The program that is built over it.
    pub program: &'static str,
    /// What scrubjay's environment says.
    pub wipe: Option<&'static str>,
    /// Whether it writes a log.
    pub journal: bool,
}

const fn peer(name: &'static str, program: &'static str) -> Allocator {
    Allocator { name, program, wipe: None, journal: false }
}

const fn ours(name: &'static str, wipe: &'static str, journal: bool) -> Allocator {
    Allocator { name, program: "with-scrubjay", wipe: Some(wipe), journal }
}

/// Those of the cost table. The first is what all are compared with, the second
/// the same once more: what these two differ by is noise.
pub const COST: &[Allocator] = &[
    peer("System", "with-system"),
    peer("System again", "with-system"),
    peer("stats_alloc", "with-stats-alloc"),
    peer("dhat", "with-dhat"),
    ours("count", "off", false),
    ours("count + wipe", "all", false),
    ours("journal + wipe", "all", true),
];

/// Those of the table of wiping: as above, and peers that wipe, too.
pub const WIPING: &[Allocator] = &[
    peer("System", "with-system"),
    peer("System again", "with-system"),
    peer("zeroizing-alloc", "with-zeroizing-alloc"),
    peer("hardened_malloc light", "with-hardened-malloc"),
    ours("not wiping", "off", false),
    ours("wiping", "all", false),
];
