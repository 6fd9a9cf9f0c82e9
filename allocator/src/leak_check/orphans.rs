//! Orphans: what is lost at the end of the process, since checks began, and was
//! told by none of them. A pool's worker may have made it for a test that its
//! stack does not name.

use std::collections::HashSet;
use std::io::{self, Write};
use std::sync::{LazyLock, Mutex, Once, PoisonError};

use super::apart::apart;
use super::descriptors::are_of_one_test;
use super::growth::Growth;
use super::report::{Leak, LeakKind, LeakReport};
use super::suppressed::{Files, unused_of_all};
use super::survey::{Group, Survey};
use crate::{clock, os, own, owner, site};

/// What checks have told of: records, and the births of their blocks.
static CLAIMED: LazyLock<Mutex<HashSet<(u32, u64)>>> = LazyLock::new(Mutex::default);
/// When the first check began, in ticks.
static START: LazyLock<u64> = LazyLock::new(clock::ticks);

/// A check begins: from the first on, what is lost is somebody's.
pub(super) fn begin() {
    static LIST: Once = Once::new();
    LIST.call_once(|| {
        LazyLock::force(&START);
        os::at_exit(list);
    });
}

/// A check tells of blocks.
pub(super) fn claim(lost: &[(u32, u64)]) {
    CLAIMED.lock().unwrap_or_else(PoisonError::into_inner).extend(lost);
}

/// What is lost now of all that was allocated since the first check began, that
/// no check has told of, and that is not of one that still runs. Listed on
/// standard error at the end of the process, too. What the file of
/// `SCRUBJAY_SUPPRESSIONS` names is let pass here as well: see
/// [`crate::LeakCheck::suppressions`].
pub fn orphans() -> LeakReport {
    apart(|| {
        let claimed = CLAIMED.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let survey = Survey::take(&|record, block| {
            block.born >= *START
                && !own::is_own(site::tag_of(block.site))
                && owner::living(block.owner) == 0
                && !claimed.contains(&(record, block.born))
        });
        let lost = survey.groups().filter(|group| group.is_lost());
        let lost: Vec<(&Group, LeakKind)> = lost.map(|group| (group, LeakKind::Lost)).collect();
        // Where the file cannot be read, every check has failed.
        let reasons = Files::read(&[]).map(|files| files.reasons(&lost)).unwrap_or_default();
        let mut reasons = reasons.into_iter();
        let (mut leaks, mut allowed, mut told) = (Vec::new(), Vec::new(), HashSet::new());
        for (group, kind) in lost {
            let levels = Growth::default().levels(0);
            let leak = Leak::of(group, survey.holder(group), kind, levels);
            match reasons.next().flatten() {
                Some(reason) => allowed.push((leak, reason)),
                None => {
                    told.insert(group.place);
                    leaks.push(leak);
                }
            }
        }
        let mut report = LeakReport {
            name: "what no leak check has told of".to_owned(),
            leaks,
            cycles: survey.cycles_at(&told),
            allowed,
            pause_ns: survey.pause_ns(),
            doubts: survey.doubts(),
            ..LeakReport::default()
        };
        report.signals.reach = survey.is_scanned();
        report.doubt_names();
        report.sort();
        report
    })
}

extern "C" fn list() {
    let report = orphans();
    apart(|| {
        // Nobody is left to tell where that fails.
        if report.leaked_blocks() > 0 {
            let _ = writeln!(io::stderr(), "scrubjay: orphans: {}", report.listing());
        }
        // One test's process says nothing of a file that is for all.
        let unused = if are_of_one_test() { Vec::new() } else { unused_of_all() };
        for entry in unused {
            let _ = writeln!(io::stderr(), "scrubjay: matched nothing in any leak check: {entry}");
        }
    });
}
