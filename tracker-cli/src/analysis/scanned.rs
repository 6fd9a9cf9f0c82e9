//! What scans found: how the live blocks were held when the program's memory was
//! searched, and what grew from each to the next.

use std::collections::{BTreeMap, BTreeSet};

use scrubjay_log_format::scan::{
    FLAG_INCOMPLETE, HEADER_RECORDS, HeldBy, Row, SET_COUNT, SET_RECORDS, Scan,
};
use serde::Serialize;

use super::findings::{Check, Findings};
use super::held::Held;
use super::ledger::Ledger;

/// How many scans it takes to tell what grows.
const GROWTH_SCANS_MIN: usize = 3;

/// What a scan makes of blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Nothing reaches them any more.
    Lost,
    /// They are held, and of their site more in each scan than in the one before.
    Growing,
    /// They are held.
    Kept,
}

/// Blocks of one kind that are held in one way.
#[derive(Clone, Debug)]
pub struct Group {
    /// What the scan makes of them.
    pub kind: Kind,
    /// What holds them.
    pub held_by: HeldBy,
    /// Where they came from.
    pub held: Held,
}

/// A scan, and what it found.
#[derive(Clone, Debug)]
pub struct Found {
    /// The scan itself.
    pub scan: Scan,
    /// How many scans, this one included, tell of growth; 0 for too few.
    pub growth_scans: usize,
    /// What it found, the lost first.
    pub groups: Vec<Group>,
}

/// What the last scan found, or the last one that began by a moment.
pub fn find(ledger: &Ledger, until: Option<u64>) -> Option<Found> {
    let is_in_time = |scan: &Scan| until.is_none_or(|until| scan.ticks <= until);
    let scans: Vec<_> = ledger.scans.all().filter(|(_, scan, _)| is_in_time(scan)).collect();
    let (_, scan, rows) = scans.last()?;
    let growing = growing(&scans.iter().map(|(.., rows)| &rows[..]).collect::<Vec<_>>());
    let mut groups: BTreeMap<(Kind, HeldBy), Vec<&Row>> = BTreeMap::new();
    for row in rows {
        let kind = match row.held_by {
            held_by if held_by.is_lost() => Kind::Lost,
            _ if growing.contains(&row.site) => Kind::Growing,
            _ => Kind::Kept,
        };
        groups.entry((kind, row.held_by)).or_default().push(row);
    }
    let groups = groups.into_iter().map(|((kind, held_by), rows)| Group {
        kind,
        held_by,
        held: Held::by_scan(ledger, rows),
    });
    let growth_scans = if scans.len() < GROWTH_SCANS_MIN { 0 } else { scans.len() };
    Some(Found { scan: *scan, growth_scans, groups: groups.collect() })
}

/// What cannot be so in a sound log.
pub fn check(ledger: &Ledger, findings: &mut Findings) {
    for (offset, scan, rows) in ledger.scans.all() {
        let number = scan.number;
        let mut say = |what: &str| {
            findings.at(Check::Structure, *offset, format!("scan {number}: {what}"));
        };
        let first = (number % u64::from(SET_COUNT)) as u32 * SET_RECORDS;
        if ledger.scans.first_in(first..first + 1) != Some(*offset) {
            say("stands in the set of another");
        }
        let sum = rows.iter().fold((scan.rowless_blocks, scan.rowless_bytes), |sum, row| {
            (sum.0.wrapping_add(row.blocks), sum.1.wrapping_add(row.bytes))
        });
        if sum != (scan.blocks, scan.bytes) {
            say("its rows do not add up to it");
        }
        let keys: BTreeSet<(u32, HeldBy)> =
            rows.iter().map(|row| (row.site, row.held_by)).collect();
        if keys.len() < rows.len() {
            say("two of its rows are of one site and way");
        }
        let is_known = |site: u32| {
            ledger.sites.get(site).is_some()
                || ledger.tags.get(site as usize).is_some_and(|tag| tag.declaration.is_some())
        };
        if let Some(row) = rows.iter().find(|row| !is_known(row.site)) {
            say(&format!("it tells of site {}, which nothing declares", row.site));
        }
        let behind = first + HEADER_RECORDS + rows.len() as u32..first + SET_RECORDS;
        if let Some(offset) = ledger.scans.first_in(behind) {
            findings.at(Check::Structure, offset, "a row behind the last one of a scan");
        }
    }
}

/// Sites of which more is held in each scan than in the one before.
fn growing(scans: &[&[Row]]) -> BTreeSet<u32> {
    let kept = |rows: &[Row]| {
        let mut bytes: BTreeMap<u32, u64> = BTreeMap::new();
        for row in rows.iter().filter(|row| !row.held_by.is_lost()) {
            let sum = bytes.entry(row.site).or_default();
            *sum = sum.saturating_add(row.bytes);
        }
        bytes
    };
    let levels: Vec<BTreeMap<u32, u64>> = scans.iter().map(|rows| kept(rows)).collect();
    let Some(last) = levels.last().filter(|_| levels.len() >= GROWTH_SCANS_MIN) else {
        return BTreeSet::new();
    };
    let level = |levels: &BTreeMap<u32, u64>, site: &u32| levels.get(site).copied().unwrap_or(0);
    let grows =
        |site: &&u32| levels.windows(2).all(|pair| level(&pair[0], site) < level(&pair[1], site));
    last.keys().filter(grows).copied().collect()
}

impl Found {
    /// What could make it wrong, in sentences.
    pub fn doubts(&self) -> Vec<String> {
        let scan = &self.scan;
        let unreadable = scan.unreadable_root_bytes.saturating_add(scan.unreadable_block_bytes);
        let mut doubts = Vec::new();
        let mut say = |count: u64, what: &str| {
            if count > 0 {
                doubts.push(format!("{} {what}", crate::text::count(count)));
            }
        };
        say(scan.running_count.into(), "threads did not stand still");
        say(scan.missed_count, "mappings may hold what is lost");
        say(unreadable, "bytes could not be read");
        say(scan.unrecorded_blocks, "blocks found no record, and were not looked at");
        say(scan.rowless_blocks, "blocks found no room in the log, and are not told of");
        if scan.flags & FLAG_INCOMPLETE != 0 {
            doubts.push("there may have been threads that nobody asked to stand still".into());
        }
        doubts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_grows_does_so_from_each_scan_to_the_next() {
        let row =
            |site, bytes| Row { site, held_by: HeldBy::Static, blocks: 1, bytes, born_ticks: 0 };
        let scans = [[row(1, 1), row(2, 5), row(3, 3)], [row(1, 2), row(2, 5), row(3, 2)]];
        let third = [row(1, 3), row(2, 6), row(3, 4)];
        assert_eq!(growing(&[&scans[0], &scans[1]]), BTreeSet::new());
        assert_eq!(growing(&[&scans[0], &scans[1], &third]), BTreeSet::from([1]));
    }
}
