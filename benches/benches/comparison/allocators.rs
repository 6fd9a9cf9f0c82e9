//! Who takes part.

/// An allocator, or a mode of one.
pub struct Allocator {
    /// As the table calls it.
    pub name: &'static str,
    /// The program that is built over it.
    pub program: &'static str,
    /// What its environment says.
    pub environment: &'static [(&'static str, &'static str)],
    /// Whether it writes a log.
    pub log: bool,
    /// What its program runs under.
    pub under: Under,
    /// Workloads that are none of its business.
    pub lacks: &'static [&'static str],
}

/// What a program runs under.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Under {
    /// Nothing.
    Nothing,
    /// `heaptrack`, as its users record: its interpreter reads a pipe.
    Heaptrack,
    /// heaptrack's library alone, which writes a file that nobody interprets.
    HeaptrackRaw,
}

type Environment = &'static [(&'static str, &'static str)];

const fn peer(name: &'static str, program: &'static str) -> Allocator {
    Allocator { name, program, environment: &[], log: false, under: Under::Nothing, lacks: &[] }
}

const fn under(name: &'static str, under: Under) -> Allocator {
    Allocator { under, ..peer(name, "with-system") }
}

const fn jemalloc(name: &'static str, environment: Environment) -> Allocator {
    Allocator { environment, ..peer(name, "with-jemalloc") }
}

const fn ours(name: &'static str, environment: Environment, log: bool) -> Allocator {
    Allocator { environment, log, ..peer(name, "with-scrubjay") }
}

/// Those of the cost table. The first is what all are compared with, the second
/// the same once more: what these two differ by is noise.
pub const COST: &[Allocator] = &[
    peer("System", "with-system"),
    peer("System again", "with-system"),
    peer("stats_alloc", "with-stats-alloc"),
    peer("dhat", "with-dhat"),
    ours("count", &[("SCRUBJAY_WIPE", "off")], false),
    ours("count + wipe", &[("SCRUBJAY_WIPE", "all")], false),
    ours(
        "journal without stacks + wipe",
        &[("SCRUBJAY_WIPE", "all"), ("SCRUBJAY_STACKS", "off")],
        true,
    ),
    ours("journal + wipe", &[("SCRUBJAY_WIPE", "all"), ("SCRUBJAY_STACKS", "on")], true),
];

/// Those of the table of wiping: as above, and peers that wipe, too.
pub const WIPING: &[Allocator] = &[
    peer("System", "with-system"),
    peer("System again", "with-system"),
    peer("zeroizing-alloc", "with-zeroizing-alloc"),
    peer("hardened_malloc light", "with-hardened-malloc"),
    ours("not wiping", &[("SCRUBJAY_WIPE", "off")], false),
    ours("wiping", &[("SCRUBJAY_WIPE", "all")], false),
];

const fn checked(name: &'static str, environment: Environment) -> Allocator {
    Allocator { environment, ..peer(name, "with-leak-check") }
}

/// Those of the table of leak checks, and what the registry costs without any.
pub const LEAKS: &[Allocator] = &[
    peer("System", "with-system"),
    peer("System again", "with-system"),
    ours("count", &[("SCRUBJAY_STACKS", "off")], false),
    ours("count + live", &[("SCRUBJAY_STACKS", "off"), ("SCRUBJAY_LIVE", "on")], false),
    checked("leak check", &[("SCRUBJAY_STACKS", "off"), ("SCRUBJAY_LIVE", "on")]),
    checked("leak check + stacks", &[("SCRUBJAY_STACKS", "on"), ("SCRUBJAY_LIVE", "on")]),
];

/// Those of the table of stacks. Nobody else in it wipes, so nobody does.
pub const STACKS: &[Allocator] = &[
    peer("System", "with-system"),
    peer("System again", "with-system"),
    ours("count", &[("SCRUBJAY_WIPE", "off"), ("SCRUBJAY_MODE", "count")], false),
    ours("sample", &[("SCRUBJAY_WIPE", "off"), ("SCRUBJAY_MODE", "sample")], false),
    ours(
        "count + stacks",
        &[("SCRUBJAY_WIPE", "off"), ("SCRUBJAY_MODE", "count"), ("SCRUBJAY_STACKS", "on")],
        false,
    ),
    ours("journal", &[("SCRUBJAY_WIPE", "off"), ("SCRUBJAY_STACKS", "off")], true),
    ours("journal + stacks", &[("SCRUBJAY_WIPE", "off"), ("SCRUBJAY_STACKS", "on")], true),
    jemalloc("jemalloc", &[]),
    jemalloc(
        "jemalloc prof",
        &[("_RJEM_MALLOC_CONF", "prof:true,prof_active:true,lg_prof_sample:19")],
    ),
    peer("dhat", "with-dhat"),
    under("heaptrack raw", Under::HeaptrackRaw),
    under("heaptrack", Under::Heaptrack),
];

const fn spans(name: &'static str, environment: Environment) -> Allocator {
    Allocator { environment, lacks: &["scope"], ..peer(name, "with-spans") }
}

const fn span_tags(name: &'static str, environment: Environment) -> Allocator {
    Allocator { environment, ..peer(name, "with-span-tags") }
}

/// Those of the table of tags that travel. The first are `tracing` as it is.
pub const TRAVEL: &[Allocator] = &[
    spans("no subscriber", &[]),
    spans("no subscriber again", &[]),
    spans("registry", &[("SPANS", "registry")]),
    span_tags("scrubjay, by name", &[("SCRUBJAY_WIPE", "off")]),
    span_tags("scrubjay, by field", &[("SCRUBJAY_WIPE", "off"), ("SPANS", "field")]),
    peer("tracking-allocator", "with-tracking-allocator"),
];
