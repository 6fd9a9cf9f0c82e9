//! What a look found, summed up by site and by how it is held.

use std::collections::BTreeMap;
use std::time::Duration;

use scrubjay_log_format::Scan;
use scrubjay_log_format::scan::{self, Row};

use super::report::{HeldCycle, HeldSite, HeldTag, ScanReport};
use crate::leak_check::look::Look;
use crate::store::Store;
use crate::{live, own, site, tag};

/// Sites of a cycle that are told apart; of a longer one the first.
const MEMBERS_MAX: usize = 16;

/// The sums of one scan.
pub(super) struct Gathered {
    scan: Scan,
    /// The largest first.
    rows: Vec<Row>,
    cycles: Vec<HeldCycle>,
}

impl Gathered {
    /// Sums up, in the order in which the log has it.
    pub(super) fn of(look: &Look, ticks: u64) -> Self {
        let counts = &look.counts;
        let mut scan = Scan {
            number: 0,
            ticks,
            pause_ns: counts.pause_ns,
            blocks: 0,
            bytes: 0,
            stopped_count: counts.stopped_count,
            running_count: counts.running_count,
            root_bytes: counts.root_size,
            block_bytes: counts.block_size,
            unreadable_root_bytes: counts.unreadable_root_size,
            unreadable_block_bytes: counts.unreadable_block_size,
            missed_count: counts.missed_count,
            flags: if counts.is_stop_complete { 0 } else { scan::FLAG_INCOMPLETE },
            rowless_blocks: 0,
            rowless_bytes: 0,
            unrecorded_blocks: live::overflow_count(),
        };
        let mut sums = BTreeMap::new();
        look.each(|seen| {
            let (block, held_by) = (seen.block, seen.held_by);
            let site = block.site;
            if own::is_own(site::tag_of(site)) {
                return;
            }
            let (held_by, born_ticks) = (scan::HeldBy::from(held_by), block.born);
            let row = sums.entry((site, held_by)).or_insert(Row {
                site,
                held_by,
                blocks: 0,
                bytes: 0,
                born_ticks,
            });
            row.blocks += 1;
            row.bytes += block.size as u64;
            row.born_ticks = row.born_ticks.min(born_ticks);
            scan.blocks += 1;
            scan.bytes += block.size as u64;
        });
        let mut rows: Vec<Row> = sums.into_values().collect();
        rows.sort_by_key(|row| u64::MAX - row.bytes);
        Self { scan, rows, cycles: cycles(look) }
    }

    /// Enters it in the log; its number there.
    pub(super) fn log(&self, store: &Store) -> Option<u64> {
        store.add_scan(self.scan, &self.rows)
    }

    /// The same for people.
    pub(super) fn report(self, look: &Look, number: Option<u64>, took: Duration) -> ScanReport {
        let mut tags: BTreeMap<u32, HeldTag> = BTreeMap::new();
        for row in &self.rows {
            let index = site::tag_of(row.site);
            let sums =
                tags.entry(index).or_insert_with(|| HeldTag::new(tag::name_or_unknown(index)));
            sums.add(row);
        }
        let mut tags: Vec<HeldTag> = tags.into_values().collect();
        tags.sort_by_key(|tag| (u64::MAX - tag.bytes(), tag.tag));
        let mut doubts = look.doubts();
        let unseen: u64 = self
            .rows
            .iter()
            .filter(|row| row.held_by == scan::HeldBy::Unknown)
            .map(|row| row.blocks)
            .sum();
        if unseen > 0 {
            doubts.push(format!("{unseen} blocks came or moved too late to be looked at"));
        }
        let Scan { blocks, bytes, stopped_count, running_count, root_bytes, block_bytes, .. } =
            self.scan;
        ScanReport {
            number,
            bytes,
            blocks,
            sites: self.rows.iter().map(HeldSite::new).collect(),
            tags,
            cycles: self.cycles,
            threads_stopped: stopped_count,
            threads_running: running_count,
            root_bytes,
            block_bytes,
            unreadable_bytes: self.scan.unreadable_root_bytes + self.scan.unreadable_block_bytes,
            pause: Duration::from_nanos(self.scan.pause_ns),
            took,
            doubts,
        }
    }
}

/// Cycles whose members come from the same sites, as one; those with the most bytes
/// first.
fn cycles(look: &Look) -> Vec<HeldCycle> {
    let mut sums: BTreeMap<Vec<u32>, HeldCycle> = BTreeMap::new();
    let mut sites = Vec::new();
    look.each_cycle(|members| {
        sites.clear();
        sites.extend(members.iter().map(|&(site, _)| site));
        // From wherever the search came upon it.
        let first = (0..sites.len()).min_by_key(|&at| (sites[at], sites[(at + 1) % sites.len()]));
        sites.rotate_left(first.unwrap_or(0));
        sites.truncate(MEMBERS_MAX);
        let bytes: u64 = members.iter().map(|&(_, size)| size).sum();
        if let Some(sum) = sums.get_mut(&sites) {
            sum.add(members.len() as u64, bytes);
        } else {
            let mut sum = HeldCycle::new(&sites);
            sum.add(members.len() as u64, bytes);
            sums.insert(sites.clone(), sum);
        }
    });
    let mut cycles: Vec<HeldCycle> = sums.into_values().collect();
    cycles.sort_by_key(|cycle| u64::MAX - cycle.bytes);
    cycles
}
