//! The wipe evidence: where every allocated byte went, and why some were
//! released as they were.

use scrubjay_log_format::{TagClass, WipePolicy, WipeRequest, cell, header, tag};
use serde::Serialize;

use super::file::LogFile;
use super::ledger::Ledger;
use super::tag_sums::{Tag, unaccounted};
use crate::text;

/// Why bytes were released as they were.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// The program's policy wipes nothing.
    PolicyOff,
    /// It wipes what tags ask for, and this one did not.
    NotAsked,
    /// The tag declined.
    Declined,
    /// No rule: they should have been wiped, or nobody knows the rule.
    Unexplained,
}

impl Reason {
    /// Why blocks of a tag are released as they are.
    fn of(policy: WipePolicy, tag: &Tag) -> Self {
        let Some(declared) = &tag.declaration else { return Self::Unexplained };
        let is_secret = declared.class == TagClass::Secret;
        match (policy, declared.request) {
            (_, _) if declared.wipe => Self::Unexplained,
            (WipePolicy::Off, _) => Self::PolicyOff,
            (_, WipeRequest::Spare) => Self::Declined,
            (WipePolicy::Tagged, WipeRequest::None) if !is_secret => Self::NotAsked,
            // A log of before requests were recorded has none of a tag that
            // declined; nothing else spares it under these policies.
            (_, WipeRequest::None) => Self::Declined,
            (_, WipeRequest::Wipe) => Self::Unexplained,
        }
    }

    /// The reason as a part of a sentence.
    pub fn words(self) -> &'static str {
        match self {
            Self::PolicyOff => "the policy is off",
            Self::NotAsked => "the policy is tagged, and the tag did not ask",
            Self::Declined => "the tag declined to be wiped",
            Self::Unexplained => "unexplained: they should have been wiped",
        }
    }
}

/// Where the bytes of one tag went, or of all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Evidence {
    pub allocated_bytes: u64,
    /// Live when a fork made this process.
    pub inherited_bytes: u64,
    pub live_bytes: i64,
    pub wiped_bytes: u64,
    pub returned_bytes: u64,
    pub carried_bytes: u64,
    pub unwiped_bytes: u64,
    /// Freed, and not yet any of these when the log ends.
    pub in_flight_bytes: i64,
}

impl Evidence {
    /// What the ledger says of a tag.
    pub fn new(tag: &Tag) -> Self {
        let sums = &tag.sums;
        Self {
            allocated_bytes: sums[cell::ALLOCATED_BYTES],
            inherited_bytes: tag.totals[tag::INHERITED_BYTES],
            live_bytes: tag.live_bytes(),
            wiped_bytes: sums[cell::WIPED_BYTES],
            returned_bytes: sums[cell::RETURNED_BYTES],
            carried_bytes: sums[cell::CARRIED_BYTES],
            unwiped_bytes: sums[cell::UNWIPED_BYTES],
            in_flight_bytes: unaccounted(sums),
        }
    }
}

/// What of a tag's evidence cannot be so in a log that does not move any more:
/// bytes freed that nobody accounts for, though nobody was in the middle of a
/// release, or more accounted for than was freed. Empty where it adds up.
pub fn contradictions(file: &LogFile, ledger: &Ledger, tag: &Tag) -> Vec<String> {
    let mut found = Vec::new();
    for &(slot, gap) in &tag.gaps {
        if gap < 0 {
            let more = text::count(gap.unsigned_abs());
            found.push(format!(
                "slot {slot}: {more} more bytes wiped, returned, carried or left than freed"
            ));
        } else if ledger.slot_in_flight_max(file, slot) == 0 {
            let bytes = text::count(gap as u64);
            found.push(format!("slot {slot}: {bytes} freed bytes are not accounted for"));
        }
    }
    if tag.live_bytes() < 0 && !file.header.has(header::FLAG_APPROXIMATE) {
        found.push(format!("{} bytes live", text::signed_count(tag.live_bytes())));
    }
    found
}

/// Why the unwiped bytes of a tag were left; `None` where there are none.
pub fn reason(file: &LogFile, tag: &Tag) -> Option<Reason> {
    (tag.sums[cell::UNWIPED_BYTES] > 0).then(|| Reason::of(file.header.wipe, tag))
}
