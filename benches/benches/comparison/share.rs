//! How near wiping comes to a plain memset of a block that is in the cache.

use scrubjay_benches::statistics::median;

use crate::units::time;
use crate::{Measured, Table};

/// Whether a setting is there only to be compared with.
pub fn is_reference(measured: &Measured) -> bool {
    measured.setting.workload.starts_with("memset ")
}

/// A table, where the run has both: what alloc, fill and free take longer when
/// the block is wiped is what the wipe takes.
pub fn text(table: &Table, all: &[Measured]) -> String {
    let place = |name| table.allocators.iter().position(|allocator| allocator.name == name);
    let (Some(wiping), Some(not_wiping)) = (place("wiping"), place("not wiping")) else {
        return String::new();
    };
    let mut rows = String::new();
    for reference in all.iter().filter(|measured| is_reference(measured)) {
        let size = reference.setting.workload.trim_start_matches("memset ");
        let name = format!("write {size}");
        let Some(written) = all.iter().find(|measured| measured.setting.workload == name) else {
            continue;
        };
        let pairs = written.nanoseconds[wiping].iter().zip(&written.nanoseconds[not_wiping]);
        let wipes: Vec<f64> = pairs.map(|(with, without)| with - without).collect();
        let memsets = &reference.nanoseconds[0];
        let shares: Vec<f64> =
            wipes.iter().zip(memsets).map(|(wipe, memset)| memset / wipe).collect();
        let (memset, wipe) = (time(median(memsets)), time(median(&wipes)));
        let share = median(&shares) * 100.0;
        rows += &format!("| {size} | {memset} | {wipe} | {share:.0} % |\n");
    }
    if rows.is_empty() {
        return rows;
    }
    "\nWhat the wipe takes: the difference between `wiping` and `not wiping` in `write`.\n\n\
     | size | plain memset, ns | wipe, ns | memset / wipe |\n| --- | --: | --: | --: |\n"
        .to_owned()
        + &rows
}
