//! What is exported: one list, of which each exporter makes its own form.

use crate::budgets::{BudgetStatus, budgets};
use crate::own;
use crate::report::{Report, TagStats};
use crate::vitals::{CgroupVitals, Vitals, vitals};

/// The figures of one moment.
#[derive(Debug)]
pub(super) struct Figures {
    report: Report,
    budgets: Vec<BudgetStatus>,
    vitals: Vitals,
}

impl Figures {
    /// Takes them. Costs some 150 µs, most of it for the kernel's, and about 5 ns a
    /// thread and tag; what it allocates is scrubjay's.
    pub(super) fn now() -> Self {
        own::account(|| Self { report: Report::now(), budgets: budgets(), vitals: vitals() })
    }

    fn cgroup(&self) -> Option<CgroupVitals> {
        self.vitals.cgroup
    }
}

/// How a figure moves, and whether parts of it add up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// It only rises while the process lives.
    Counter,
    /// It rises and falls; figures of several tags or processes add up.
    Amount,
    /// It rises and falls; a sum of several means nothing.
    Mark,
}

/// What a figure counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    Bytes,
    Blocks,
    /// What the name says.
    Ones,
}

/// Whose figure it is, and where it stands.
#[derive(Clone, Copy)]
enum Of {
    /// One for each tag.
    Tag(fn(&TagStats) -> u64),
    /// One for each budget that has it.
    Budget(fn(&BudgetStatus) -> Option<u64>),
    /// One for the process; `None` where the system does not tell.
    Process(fn(&Figures) -> Option<u64>),
}

/// What tells the figures of a family apart: labels, as all exporters name them.
pub(super) type Labels = Vec<(&'static str, &'static str)>;

/// One figure, under all its names.
#[allow(dead_code, reason = "no form has both names")]
pub(super) struct Family {
    /// In OpenMetrics and the `metrics` facade: with its unit, and `_total` where
    /// it is a counter.
    pub(super) name: &'static str,
    /// In OpenTelemetry.
    pub(super) dotted: &'static str,
    pub(super) kind: Kind,
    pub(super) unit: Unit,
    of: Of,
    /// One sentence, in ASCII and on one line.
    pub(super) help: &'static str,
}

impl Family {
    /// One figure for each tag, each budget, or the process; none where there is none.
    pub(super) fn values(&self, now: &Figures) -> Vec<(Labels, u64)> {
        let class = |tag: &TagStats| if tag.is_secret { "secret" } else { "public" };
        let of_tag = |tag: &TagStats| vec![("tag", tag.name), ("class", class(tag))];
        let of_budget = |budget: &BudgetStatus| vec![("budget", budget.name)];
        match self.of {
            Of::Tag(read) => now.report.tags.iter().map(|tag| (of_tag(tag), read(tag))).collect(),
            Of::Budget(read) => {
                let known = |budget| Some((of_budget(budget), read(budget)?));
                now.budgets.iter().filter_map(known).collect()
            }
            Of::Process(read) => read(now).map(|value| (Vec::new(), value)).into_iter().collect(),
        }
    }
}

macro_rules! family {
    (
        $name:literal, $dotted:literal,
        $kind:ident $unit:ident of $of:ident $read:expr, $help:literal
    ) => {
        Family {
            name: $name,
            dotted: $dotted,
            kind: Kind::$kind,
            unit: Unit::$unit,
            of: Of::$of($read),
            help: $help,
        }
    };
}

/// All of them, in the order in which they are exported. What is to be exported
/// besides gets a line here, and a field of [`Figures`] where it is in no report.
pub(super) const FAMILIES: &[Family] = &[
    family!("scrubjay_live_bytes", "scrubjay.tag.live",
        Amount Bytes of Tag |tag| tag.live_bytes, "Bytes live now."),
    family!("scrubjay_live_blocks", "scrubjay.tag.blocks",
        Amount Blocks of Tag |tag| tag.live_blocks, "Blocks live now."),
    family!("scrubjay_peak_bytes", "scrubjay.tag.peak",
        Mark Bytes of Tag |tag| tag.peak_bytes,
        "Greatest live so far, within the peak bound."),
    family!("scrubjay_allocated_bytes_total", "scrubjay.tag.allocated",
        Counter Bytes of Tag |tag| tag.allocated_bytes, "Bytes ever allocated."),
    family!("scrubjay_allocated_blocks_total", "scrubjay.tag.allocations",
        Counter Blocks of Tag |tag| tag.allocated_blocks, "Blocks ever allocated."),
    family!("scrubjay_freed_bytes_total", "scrubjay.tag.freed",
        Counter Bytes of Tag |tag| tag.freed_bytes, "Bytes ever freed."),
    family!("scrubjay_freed_blocks_total", "scrubjay.tag.frees",
        Counter Blocks of Tag |tag| tag.freed_blocks, "Blocks ever freed."),
    family!("scrubjay_failed_allocations_total", "scrubjay.tag.failures",
        Counter Ones of Tag |tag| tag.failed_count,
        "Allocations and reallocs that got no memory."),
    family!("scrubjay_reallocs_in_place_total", "scrubjay.tag.reallocs_in_place",
        Counter Ones of Tag |tag| tag.realloc_in_place_count, "Reallocs that kept the address."),
    family!("scrubjay_reallocs_moved_total", "scrubjay.tag.reallocs_moved",
        Counter Ones of Tag |tag| tag.realloc_moved_count, "Reallocs that moved."),
    family!("scrubjay_copied_bytes_total", "scrubjay.tag.copied",
        Counter Bytes of Tag |tag| tag.copied_bytes, "Bytes that reallocs copied."),
    family!("scrubjay_wiped_bytes_total", "scrubjay.tag.wiped",
        Counter Bytes of Tag |tag| tag.wiped_bytes,
        "Freed bytes that were overwritten before release."),
    family!("scrubjay_returned_bytes_total", "scrubjay.tag.returned",
        Counter Bytes of Tag |tag| tag.returned_bytes,
        "Freed bytes that went back to the kernel as whole pages."),
    family!("scrubjay_carried_bytes_total", "scrubjay.tag.carried",
        Counter Bytes of Tag |tag| tag.carried_bytes,
        "Freed bytes that a realloc kept in use."),
    family!("scrubjay_unwiped_bytes_total", "scrubjay.tag.unwiped",
        Counter Bytes of Tag |tag| tag.unwiped_bytes,
        "Freed bytes that were left as they were, by policy."),
    family!("scrubjay_external_bytes", "scrubjay.tag.external",
        Amount Bytes of Tag |tag| tag.external_bytes,
        "Bytes that no allocator sees, as the program says; no part of the live bytes."),
    family!("scrubjay_budget_limit_bytes", "scrubjay.budget.limit",
        Mark Bytes of Budget |budget| budget.hard_bytes, "The hard limit of a budget."),
    family!("scrubjay_budget_soft_limit_bytes", "scrubjay.budget.soft_limit",
        Mark Bytes of Budget |budget| budget.soft_bytes, "The soft limit of a budget."),
    family!("scrubjay_budget_charged_bytes", "scrubjay.budget.charged",
        Mark Bytes of Budget |budget| Some(budget.charged_bytes),
        "What the blocks take that count in a budget."),
    family!("scrubjay_budget_refused_allocations_total", "scrubjay.budget.refusals",
        Counter Ones of Budget |budget| Some(budget.refused_count),
        "Allocations that found no room in a budget."),
    family!("scrubjay_budget_refused_bytes_total", "scrubjay.budget.refused",
        Counter Bytes of Budget |budget| Some(budget.refused_bytes),
        "Bytes that found no room in a budget."),
    family!("scrubjay_budget_soft_passes_total", "scrubjay.budget.soft_passes",
        Counter Ones of Budget |budget| Some(budget.soft_count),
        "How often a soft limit was passed."),
    family!("scrubjay_process_live_bytes", "scrubjay.process.live",
        Amount Bytes of Process |now| Some(now.report.total.live_bytes),
        "Bytes live now, of all tags."),
    family!("scrubjay_process_live_blocks", "scrubjay.process.blocks",
        Amount Blocks of Process |now| Some(now.report.total.live_blocks),
        "Blocks live now, of all tags."),
    family!("scrubjay_process_peak_bytes", "scrubjay.process.peak",
        Mark Bytes of Process |now| Some(now.report.total.peak_bytes),
        "Greatest live so far of all tags together, within the peak bound."),
    family!("scrubjay_process_allocated_bytes_total", "scrubjay.process.allocated",
        Counter Bytes of Process |now| Some(now.report.total.allocated_bytes),
        "Bytes ever allocated, of all tags."),
    family!("scrubjay_process_freed_bytes_total", "scrubjay.process.freed",
        Counter Bytes of Process |now| Some(now.report.total.freed_bytes),
        "Bytes ever freed, of all tags."),
    family!("scrubjay_process_resident_bytes", "process.memory.usage",
        Amount Bytes of Process |now| Some(now.vitals.resident_bytes),
        "Memory of the process that is resident, as the kernel counts it."),
    family!("scrubjay_process_swapped_bytes", "scrubjay.process.swapped",
        Amount Bytes of Process |now| Some(now.vitals.swapped_bytes),
        "Memory of the process that is swapped out."),
    family!("scrubjay_cgroup_usage_bytes", "scrubjay.cgroup.usage",
        Mark Bytes of Process |now| now.cgroup().map(|group| group.usage_bytes),
        "What all processes use of the control group that limits memory."),
    family!("scrubjay_cgroup_limit_bytes", "scrubjay.cgroup.limit",
        Mark Bytes of Process |now| now.cgroup().and_then(|group| group.limit_bytes),
        "The least memory limit of the control group and all above it."),
    family!("scrubjay_peak_bound_bytes", "scrubjay.process.peak_bound",
        Mark Bytes of Process |now| Some(now.report.peak_bound_bytes),
        "How far a peak can be off the truth."),
    family!("scrubjay_threads", "scrubjay.process.threads",
        Amount Ones of Process |now| Some(now.report.thread_count), "Threads that record now."),
    family!("scrubjay_damaged_blocks_total", "scrubjay.process.damaged",
        Counter Blocks of Process |now| Some(now.report.corruption_count),
        "Damaged blocks that were found, where the policy is to count them."),
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn names_say_unit_and_kind_and_are_one_familys() {
        let mut seen = HashSet::new();
        for family in FAMILIES {
            let stem = family.name.strip_suffix("_total");
            assert_eq!(stem.is_some(), family.kind == Kind::Counter, "{}", family.name);
            let stem = stem.unwrap_or(family.name);
            assert_eq!(stem.ends_with("_bytes"), family.unit == Unit::Bytes, "{}", family.name);
            assert_eq!(stem.ends_with("_blocks"), family.unit == Unit::Blocks, "{}", family.name);
            assert!(stem.starts_with("scrubjay_"), "{}", family.name);
            assert!(seen.insert(family.name) && seen.insert(family.dotted), "{}", family.name);
        }
    }

    #[test]
    fn helps_are_one_plain_line() {
        for family in FAMILIES {
            let plain = |byte: u8| (b' '..=b'~').contains(&byte) && byte != b'\\' && byte != b'"';
            assert!(
                family.help.bytes().all(plain) && family.help.ends_with('.'),
                "{}",
                family.name
            );
        }
    }
}
