//! The sites' counters, settled: shared ones and caches together, moves that a
//! kill interrupted decided, and what is left of each tag without a site.

use std::collections::BTreeMap;

use scrubjay_log_format::{cell, site};

use super::ledger::Ledger;
use super::site_store::SiteCounters;
use super::slot_journal::SiteSums;
use crate::text;

/// Counters that a cache moves: those that cells have, too.
pub const MOVED_COUNT: usize = 4;
/// The cells' words of the same meaning.
pub const CELL_WORDS: [usize; MOVED_COUNT] =
    [cell::ALLOCATED_BYTES, cell::ALLOCATED_BLOCKS, cell::FREED_BYTES, cell::FREED_BLOCKS];
/// Most interrupted moves of one counter and tag of which every combination is
/// tried.
const TRIED_MAX: usize = 16;

/// What each site counted.
#[derive(Debug, Default)]
pub struct SiteLedger {
    /// The counters by site.
    pub sites: BTreeMap<u32, SiteCounters>,
    /// What the cells of each tag have beyond its sites: blocks without a
    /// stack. Below zero where something is wrong.
    pub stackless: BTreeMap<u32, [i64; MOVED_COUNT]>,
    /// How many caches were in the middle of a move.
    pub move_count: u64,
    /// What nothing decides.
    pub unsettled: Vec<Unsettled>,
}

/// A counter that was being moved, and may have arrived or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unsettled {
    /// The site.
    pub site: u32,
    /// Which of its counters.
    pub counter: usize,
    /// How much may be missing of it.
    pub amount: u64,
}

impl Unsettled {
    /// What may be missing, and where.
    pub fn sentence(&self, ledger: &Ledger) -> String {
        let tag = ledger.name(ledger.sites.tag(self.site));
        let name = site::COUNTER_NAMES[self.counter].replace('_', " ");
        let amount = text::count(self.amount);
        format!(
            "tag {tag}, site {}: {amount} {name} were being moved, and may be missing",
            self.site
        )
    }
}

impl SiteLedger {
    /// Settles the counters of a log against its cells; and against what its
    /// journal says of each site, where that saw every event.
    pub fn settle(ledger: &Ledger, journal: Option<&SiteSums>) -> Self {
        let mut settled = Self { sites: ledger.site_store.shared.clone(), ..Self::default() };
        let mut uncertain = Vec::new();
        for (_, cached) in &ledger.site_store.cached {
            let counters = settled.sites.entry(cached.site).or_default();
            settled.move_count += u64::from(cached.moving.is_some());
            for (counter, &amount) in cached.counters.iter().enumerate() {
                match cached.moving.map(|moving| counter.cmp(&(moving as usize))) {
                    // Moved already.
                    Some(std::cmp::Ordering::Less) => {}
                    Some(std::cmp::Ordering::Equal) if amount != 0 => {
                        uncertain.push(Unsettled { site: cached.site, counter, amount });
                    }
                    _ => counters[counter] = counters[counter].wrapping_add(amount),
                }
            }
        }
        for (index, tag) in ledger.known() {
            settled.stackless.insert(index, CELL_WORDS.map(|word| tag.sums[word] as i64));
        }
        for (&site, counters) in &settled.sites {
            let rest = settled.stackless.entry(ledger.sites.tag(site)).or_default();
            for (rest, &counter) in rest.iter_mut().zip(counters) {
                *rest = rest.wrapping_sub(counter as i64);
            }
        }
        settled.decide(ledger, uncertain, journal);
        settled.stackless.retain(|_, rest| *rest != [0; MOVED_COUNT]);
        settled
    }

    /// Finds out which interrupted moves have arrived.
    fn decide(&mut self, ledger: &Ledger, uncertain: Vec<Unsettled>, journal: Option<&SiteSums>) {
        let mut groups: BTreeMap<(u32, usize), Vec<Unsettled>> = BTreeMap::new();
        for one in uncertain {
            let told = journal.map(|sums| sums.get(one.site as usize).copied().unwrap_or_default());
            let here = self.sites.get(&one.site).map_or(0, |counters| counters[one.counter]);
            match told.map(|sums| sums.counters()[one.counter].wrapping_sub(here)) {
                Some(lacking) if lacking == one.amount => self.take(ledger, one),
                Some(0) => {}
                _ => groups.entry((ledger.sites.tag(one.site), one.counter)).or_default().push(one),
            }
        }
        for ((tag, counter), group) in groups {
            let rest = self.stackless.get(&tag).map_or(0, |rest| rest[counter]);
            let fitting = (0..1_u32 << group.len().min(TRIED_MAX))
                .find(|choice| i128::from(rest) == chosen(&group, *choice).map(sum_of).sum());
            let least = group.iter().map(sum_of).min().unwrap_or(0);
            match fitting {
                Some(choice) => {
                    let chosen: Vec<Unsettled> = chosen(&group, choice).copied().collect();
                    chosen.into_iter().for_each(|one| self.take(ledger, one));
                }
                // Any of them would be more than the tag has.
                None if i128::from(rest) < least => {}
                None => self.unsettled.extend(group),
            }
        }
    }

    /// Counts what had not arrived.
    fn take(&mut self, ledger: &Ledger, one: Unsettled) {
        let counters = self.sites.entry(one.site).or_default();
        counters[one.counter] = counters[one.counter].wrapping_add(one.amount);
        let rest = self.stackless.entry(ledger.sites.tag(one.site)).or_default();
        rest[one.counter] = rest[one.counter].wrapping_sub(one.amount as i64);
    }

    /// Bytes and blocks live of a site, by its own count.
    pub fn live(&self, site: u32) -> (i64, i64) {
        self.sites.get(&site).map_or((0, 0), |counters| {
            let live = |allocated: usize, freed: usize, inherited: usize| {
                let live = counters[allocated].wrapping_sub(counters[freed]);
                live.wrapping_add(counters[inherited]) as i64
            };
            let bytes = live(site::ALLOCATED_BYTES, site::FREED_BYTES, site::INHERITED_BYTES);
            let blocks = live(site::ALLOCATED_BLOCKS, site::FREED_BLOCKS, site::INHERITED_BLOCKS);
            (bytes, blocks)
        })
    }

    /// Bytes and blocks live of each tag that none of its sites has.
    pub fn stackless_live(&self, ledger: &Ledger) -> BTreeMap<u32, (i64, i64)> {
        let mut live: BTreeMap<u32, (i64, i64)> = ledger
            .known()
            .map(|(index, tag)| (index, (tag.live_bytes(), tag.live_blocks())))
            .collect();
        for &site in self.sites.keys() {
            let (bytes, blocks) = self.live(site);
            let rest = live.entry(ledger.sites.tag(site)).or_default();
            *rest = (rest.0.wrapping_sub(bytes), rest.1.wrapping_sub(blocks));
        }
        live.retain(|_, rest| *rest != (0, 0));
        live
    }
}

fn sum_of(one: &Unsettled) -> i128 {
    one.amount.into()
}

/// Those of a group whose bits are set in a choice.
fn chosen(group: &[Unsettled], choice: u32) -> impl Iterator<Item = &Unsettled> {
    let is_chosen = move |&(at, _): &(usize, &Unsettled)| at < 32 && choice >> at & 1 != 0;
    group.iter().enumerate().filter(is_chosen).map(|(_, one)| one)
}
