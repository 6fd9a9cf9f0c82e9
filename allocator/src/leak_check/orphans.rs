//! Orphans: what is lost at the end of the process, since checks began, and was
//! told by none of them. A pool's worker may have made it for a test that its
//! stack does not name.

use std::collections::HashSet;
use std::io::Write;
use std::sync::{LazyLock, Mutex, Once, PoisonError};

use super::growth::Growth;
use super::report::{Leak, LeakKind, LeakReport};
use super::running::apart;
use super::survey::Survey;
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
/// standard error at the end of the process, too.
pub fn orphans() -> LeakReport {
    apart(|| {
        let claimed = CLAIMED.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let survey = Survey::take(&|record, block| {
            block.born >= *START
                && !own::is_own(site::tag_of(block.site))
                && owner::get(block.owner).is_none()
                && !claimed.contains(&(record, block.born))
        });
        let lost = survey.groups().filter(|group| group.is_lost());
        let of = |group| Leak::of(group, LeakKind::Lost, Growth::default().levels(0));
        let mut report = LeakReport {
            name: "what no leak check has told of".to_owned(),
            leaks: lost.map(of).collect(),
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
    if report.leaked_blocks() > 0 {
        apart(|| {
            // Nobody is left to tell where that fails.
            let _ = writeln!(std::io::stderr(), "scrubjay: orphans: {}", report.listing());
        });
    }
}
