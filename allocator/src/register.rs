//! A tag gets its index, its place among the budgets, and its declaration in the
//! log.

use core::sync::atomic::Ordering;

use scrubjay_log_format::{pressure, process};

use crate::budget::{self, Budget, Limits};
use crate::cgroup;
use crate::control::{self, control};
use crate::store::{self, Store};
use crate::tag::{self, Tag};

const _: () = assert!(budget::TOTAL == pressure::TOTAL);

impl Tag {
    /// The tag's index. The first call registers it, for which there must be a
    /// store; 0 where the registry is full.
    #[inline]
    pub(crate) fn index(&'static self) -> u32 {
        self.settled_index().unwrap_or_else(|| self.register())
    }

    #[cold]
    fn register(&'static self) -> u32 {
        // A forked child has no store before its first event: this is its parent's.
        if control::mode() == 0 {
            return 0;
        }
        let limits = self.declared_budget().map(limits_of);
        let _guard = control().tags.wait();
        // Behind the lock: a log that starts meanwhile has declared what there was.
        let Some(store) = store::current() else { return 0 };
        let declare = |index| {
            cover(index, limits);
            declare(store, index);
            declare_budget(store, index);
        };
        self.add(store.config().wipe, declare).unwrap_or_else(|| {
            store.process()[process::TAG_OVERFLOW_COUNT].fetch_add(1, Ordering::Relaxed);
            0
        })
    }
}

/// A budget's limits now.
pub(crate) fn limits_of(budget: Budget) -> Limits {
    budget.limits(|| cgroup::memory_max().unwrap_or(u64::MAX))
}

/// Puts a tag in its place among the budgets, and sets its own, if it has one. The
/// caller holds the lock on tags.
pub(crate) fn cover(index: u32, limits: Option<Limits>) {
    let _guard = control().budgets.wait();
    let is_new = limits.is_some() && !budget::has_budget(index);
    if let Some(limits) = limits {
        budget::set(index, limits);
    }
    put_in_place(index);
    if is_new {
        (0..tag::count()).filter(|&other| is_below(other, index)).for_each(put_in_place);
        control::outdate();
    }
}

/// Puts a tag under the nearest budget.
fn put_in_place(index: u32) {
    if index == budget::TOTAL {
        return budget::put_under(index, None);
    }
    if tag::is_exempt(index) {
        budget::force(index);
    }
    let nearest = (1..tag::count())
        .filter(|&other| budget::has_budget(other) && other != index && is_below(index, other))
        .max_by_key(|&other| tag::name(other).map_or(0, str::len));
    let all = Some(budget::TOTAL).filter(|&all| budget::has_budget(all));
    let parent = nearest.or(all);
    let is_covered = parent.is_some() || budget::has_budget(index);
    if is_covered && (parent != budget::parent_of(index) || !budget::is_covered(index)) {
        budget::put_under(index, parent);
        tag::charge_to_budget(index);
    }
}

/// Whether a tag's name goes on from another's behind a `/`; all are below the
/// process.
fn is_below(index: u32, above: u32) -> bool {
    if above == budget::TOTAL {
        return true;
    }
    // "untagged" is no tag: nothing stands below it.
    let names = tag::name(index).zip(tag::name(above)).filter(|_| above != 0);
    let rest = names.and_then(|(name, above)| name.strip_prefix(above));
    rest.is_some_and(|rest| rest.starts_with('/'))
}

/// Writes a tag's declaration into a store.
fn declare(store: &Store, index: u32) {
    let Some(words) = store.declaration(index) else { return };
    store::store_bytes(words, &tag::declaration(index).encode());
}

/// Writes every declaration into a store, and every budget. The caller holds the
/// lock on tags, or is alone.
pub(crate) fn declare_all(store: &Store) {
    for index in 0..tag::count() {
        declare(store, index);
    }
    declare_budgets(store);
}

/// Writes all budgets into a store.
pub(crate) fn declare_budgets(store: &Store) {
    (0..tag::count()).chain([budget::TOTAL]).for_each(|index| declare_budget(store, index));
}

/// Writes what is known of a tag's budget, or the process's, into a store; nothing
/// where there is none.
pub(crate) fn declare_budget(store: &Store, index: u32) {
    let Some(record) = budget::record_of(index) else { return };
    let figures = budget::figures(index);
    let mut words = [0; pressure::BUDGET_WORD_COUNT];
    words[pressure::NUMBER] = u64::from(index) + 1;
    words[pressure::HARD] = figures.limits.hard;
    words[pressure::SOFT] = figures.limits.soft;
    words[pressure::HEADROOM] = figures.limits.headroom;
    words[pressure::MOST] = figures.most;
    words[pressure::REFUSED_COUNT] = figures.refused_count;
    words[pressure::REFUSED_BYTES] = figures.refused_bytes;
    words[pressure::SOFT_COUNT] = figures.soft_count;
    store.write_budget(record, words);
}
