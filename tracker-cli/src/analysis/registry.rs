//! The registry: live blocks of watched tags, how old they are, and whether
//! ledger and journal know the same ones.

use std::collections::BTreeMap;

use scrubjay_log_format::{ChunkKind, Registered, TagClass, TagDeclaration, header, registry, tag};
use serde::Serialize;

use super::clock::Clock;
use super::file::{Chunks, LogFile, Place};
use super::findings::{Check, Finding, Findings};
use super::ledger::Ledger;
use super::live::LiveBlocks;
use super::tables::{ledger_kind, records};
use super::tag_sums::Tag;
use crate::error::Error;
use crate::text;

/// The live blocks of one watched tag.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Watched {
    /// False in a log of before there was a registry.
    pub is_registered: bool,
    pub blocks: u64,
    pub bytes: u64,
    /// Null where there is no block, or the clock was never measured.
    pub oldest_age_ns: Option<u64>,
    pub greatest_age_ms: Option<u64>,
    /// Blocks that are older than the tag allows.
    pub blocks_over_age: u64,
    pub bytes_over_age: u64,
    /// Live blocks that the registry does not have.
    pub blocks_of_unknown_age: u64,
    /// Blocks that found no room in it, ever.
    pub unregistered_blocks: u64,
    /// Blocks that a fork inherited; the child's registry has none of them.
    pub inherited_blocks: u64,
}

impl Watched {
    /// Whether every live block is known to be as young as the tag asks.
    pub fn is_within_age(&self) -> bool {
        self.greatest_age_ms.is_none()
            || self.blocks_over_age == 0 && self.blocks_of_unknown_age == 0 && self.is_dated()
    }

    fn is_dated(&self) -> bool {
        self.blocks == 0 || self.oldest_age_ns.is_some()
    }
}

/// Whether a tag's live blocks stand in the registry.
pub fn is_watched(tag: &Tag) -> bool {
    tag.declaration.as_ref().is_some_and(|declared| declared.is_watched)
}

/// Whether an allocator that has a registry would keep it of this tag.
fn is_to_be_watched(declared: &TagDeclaration) -> bool {
    declared.class == TagClass::Secret || declared.greatest_age_ms > 0
}

/// Each watched tag's live blocks, as old as they are at `now`, in ticks.
pub fn watched(ledger: &Ledger, clock: &Clock, now: u64) -> BTreeMap<u32, Watched> {
    let mut tags: BTreeMap<u32, Watched> = ledger
        .known()
        .filter_map(|(index, tag)| Some((index, tag, tag.declaration.as_ref()?)))
        .filter(|(_, tag, declared)| is_watched(tag) || is_to_be_watched(declared))
        .map(|(index, tag, declared)| {
            let age = declared.greatest_age_ms;
            let watched = Watched {
                is_registered: declared.is_watched,
                blocks: tag.registered_blocks,
                bytes: tag.registered_bytes,
                greatest_age_ms: (age > 0).then_some(age),
                unregistered_blocks: tag.totals[tag::UNREGISTERED_BLOCKS],
                inherited_blocks: tag.totals[tag::INHERITED_BLOCKS],
                ..Watched::default()
            };
            (index, watched)
        })
        .collect();
    for (_, block) in &ledger.registry {
        let Some(watched) = tags.get_mut(&ledger.sites.tag(block.site)) else { continue };
        let age_ns = clock.span_ns(now.saturating_sub(block.born_ticks));
        watched.oldest_age_ns = watched.oldest_age_ns.max(age_ns);
        let allowed = watched.greatest_age_ms.map(|age| age.saturating_mul(1_000_000));
        if age_ns > allowed && allowed.is_some() {
            watched.blocks_over_age += 1;
            watched.bytes_over_age = watched.bytes_over_age.wrapping_add(block.size);
        }
    }
    for (index, watched) in &mut tags {
        let live = ledger.tags.get(*index as usize).map_or(0, Tag::live_blocks);
        watched.blocks_of_unknown_age = live.saturating_sub_unsigned(watched.blocks).max(0) as u64;
    }
    tags
}

/// How the registry's blocks of a watched tag differ from the ledger's live
/// ones, beyond what is in flight, inherited or found no room; `None` where
/// they agree.
pub fn disagreement(file: &LogFile, ledger: &Ledger, tag: &Tag) -> Option<String> {
    // What an approximate fork inherited is not known to a block.
    if !is_watched(tag) || file.header.has(header::FLAG_APPROXIMATE) {
        return None;
    }
    let missing = tag.live_blocks().saturating_sub_unsigned(tag.registered_blocks);
    let may_miss = [tag::INHERITED_BLOCKS, tag::UNREGISTERED_BLOCKS]
        .iter()
        .fold(0u64, |sum, &word| sum.saturating_add(tag.totals[word]));
    let in_flight = ledger.in_flight_max(file);
    let is_near = missing >= 0i64.saturating_sub_unsigned(in_flight)
        && missing <= 0i64.saturating_add_unsigned(may_miss.saturating_add(in_flight));
    // Where nothing explains a difference the bytes agree, too.
    let is_exact = may_miss == 0 && in_flight == 0;
    if is_near && !(is_exact && tag.registered_bytes != tag.live_bytes() as u64) {
        return None;
    }
    Some(format!(
        "the registry has {}, {} bytes, but the ledger {}, {} bytes live",
        text::plural(tag.registered_blocks, "block"),
        text::count(tag.registered_bytes),
        text::signed_count(tag.live_blocks()),
        text::signed_count(tag.live_bytes()),
    ))
}

/// The registry alone, and against the ledger.
///
/// # Errors
/// Where the file cannot be read.
pub fn check(file: &LogFile, ledger: &Ledger, findings: &mut Findings) -> Result<(), Error> {
    check_records(file, ledger, findings)?;
    for (index, tag) in ledger.known() {
        if let Some(what) = disagreement(file, ledger, tag) {
            let name = ledger.name(index);
            let message = format!("tag {name}: {what}");
            let (offset, slot) = (None, None);
            findings.add(Finding {
                check: Check::Registry,
                offset,
                tag: Some(name),
                slot,
                message,
            });
        }
    }
    Ok(())
}

/// Records that name no watched tag.
fn check_records(file: &LogFile, ledger: &Ledger, findings: &mut Findings) -> Result<(), Error> {
    let mut chunks = Chunks::new(file);
    while let Some((_, place)) = chunks.next()? {
        let Place::Chunk(header) = place else { continue };
        if header.kind != ChunkKind::Registry as u16 {
            continue;
        }
        let Some(kind) = ledger_kind(&header) else { continue };
        let Ok(bytes) = chunks.load(&header)? else { continue };
        for (_, offset, record) in records(file, &header, kind, bytes) {
            let words = record.as_chunks::<8>().0;
            let word = |at: usize| words.get(at).map_or(0, |word| u64::from_le_bytes(*word));
            let site = word(registry::SITE);
            let tag = u32::try_from(site).ok().map(|site| ledger.sites.tag(site) as usize);
            let tag = tag.and_then(|tag| ledger.tags.get(tag));
            if word(registry::ADDRESS) > registry::CLAIMED && !tag.is_some_and(is_watched) {
                let what = format!("a block in the registry of site {site}, which is not watched");
                findings.at(Check::Registry, offset, what);
            }
        }
    }
    Ok(())
}

/// Block by block against what the journal says is live, where that journal
/// saw every block. Of an event in flight either may be missing, of a realloc
/// both its blocks.
pub fn check_blocks(file: &LogFile, ledger: &Ledger, live: &LiveBlocks, findings: &mut Findings) {
    let is_watched = |site: u32| {
        let tag = ledger.sites.tag(site);
        ledger.tags.get(tag as usize).is_some_and(is_watched)
    };
    let mut differing = Vec::new();
    let mut registered: BTreeMap<u64, &Registered> = BTreeMap::new();
    for (offset, block) in ledger.registry.iter().filter(|(_, block)| is_watched(block.site)) {
        if registered.insert(block.address, block).is_some() {
            differing.push((Some(*offset), block.address, block.site, "is registered twice"));
            continue;
        }
        let found = live.get(block.address);
        if !found.is_some_and(|found| found.site() == block.site && found.size() == block.size) {
            let what = "is registered, but not live by the journal";
            differing.push((Some(*offset), block.address, block.site, what));
        }
    }
    let unregistered = |(address, block): &(u64, super::live::Block)| {
        is_watched(block.site()) && !registered.contains_key(address)
    };
    let mut missing: BTreeMap<u32, Vec<u64>> = BTreeMap::new();
    for (address, block) in live.iter().filter(unregistered) {
        missing.entry(ledger.sites.tag(block.site())).or_default().push(address);
    }
    for (tag, mut addresses) in missing {
        addresses.sort_unstable();
        let totals = &ledger.tags[tag as usize].totals;
        let may_miss = totals[tag::UNREGISTERED_BLOCKS];
        let beyond = addresses.into_iter().skip(may_miss.min(usize::MAX as u64) as usize);
        differing.extend(beyond.map(|address| (None, address, tag, "is live, but not registered")));
    }
    let in_flight = 2 * ledger.in_flight_max(file);
    if differing.len() as u64 <= in_flight {
        return;
    }
    for (offset, address, site, what) in differing {
        let name = ledger.name(ledger.sites.tag(site));
        let place = offset.map_or_else(String::new, |offset| format!("offset {offset}: "));
        let message = format!("{place}tag {name}: the block at {address:#x} {what}");
        let slot = None;
        findings.add(Finding { check: Check::Registry, offset, tag: Some(name), slot, message });
    }
}
