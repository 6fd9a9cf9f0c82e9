//! What the memory of each vault tag has, and why it was refused: told once,
//! and kept.

use core::sync::atomic::{AtomicU64, Ordering};

use scrubjay_log_format::tag::{
    VAULT_IN_USE, VAULT_LOCKED, VAULT_REFUSED, VAULT_SECRET, VAULT_STATE,
};

use crate::limits::TAGS_MAX;
use crate::line::Line;
use crate::protection::{VaultError, VaultStatus};
use crate::{store, tag};

/// `VAULT_` bits by tag: those that hold for every block so far.
static BITS: [AtomicU64; TAGS_MAX] = [const { AtomicU64::new(0) }; TAGS_MAX];
/// Why a block was refused last, by tag; 0 if none was.
static REFUSALS: [AtomicU64; TAGS_MAX] = [const { AtomicU64::new(0) }; TAGS_MAX];

/// What is known of a tag.
pub(crate) fn of(site: u32) -> VaultStatus {
    let Some(bits) = BITS.get(site as usize) else { return VaultStatus::default() };
    VaultStatus {
        bits: bits.load(Ordering::Acquire),
        refusal: VaultError::decode(REFUSALS[site as usize].load(Ordering::Relaxed)),
    }
}

/// A block was made, of pages that have `bits`.
pub(super) fn made(site: u32, bits: u64, lack: Option<VaultError>) {
    let change = |before: u64| match before & VAULT_IN_USE {
        0 => bits | VAULT_IN_USE | before & VAULT_REFUSED,
        _ => before & (bits | VAULT_IN_USE | VAULT_REFUSED),
    };
    let Some((before, now)) = update(site, change) else { return };
    if let Some(lack) = lack
        && before != now
    {
        let standing = match (now & VAULT_SECRET, now & VAULT_LOCKED) {
            _ if bits == 0 => "ordinary blocks",
            (0, 0) => "guarded pages that may be swapped out and that root can read",
            _ => "locked pages that root can read",
        };
        tell(site, " makes do with ", standing, lack);
    }
}

/// A block was refused.
pub(super) fn refused(site: u32, why: VaultError) {
    let Some(place) = REFUSALS.get(site as usize) else { return };
    let before = place.swap(why.encode(), Ordering::Relaxed);
    let _ = update(site, |bits| bits | VAULT_REFUSED);
    // Once for each reason that follows another.
    if VaultError::decode(before) != Some(why) {
        tell(site, " refuses a block", "", why);
    }
}

/// Forgets what held for the blocks of the process that this one came from.
pub(super) fn forget() {
    for (bits, refusal) in BITS.iter().zip(&REFUSALS).take(tag::count() as usize) {
        bits.store(0, Ordering::Relaxed);
        refusal.store(0, Ordering::Relaxed);
    }
}

/// Answers what was and what is now, and notes it in the log.
fn update(site: u32, change: impl Fn(u64) -> u64) -> Option<(u64, u64)> {
    let place = BITS.get(site as usize)?;
    let before = place.load(Ordering::Relaxed);
    if change(before) == before {
        return Some((before, before));
    }
    let change = |bits| Some(change(bits));
    let before = place.fetch_update(Ordering::AcqRel, Ordering::Relaxed, change).ok()?;
    let now = place.load(Ordering::Relaxed);
    if let Some(totals) = store::current().and_then(|store| store.totals(site)) {
        totals[VAULT_STATE].store(now, Ordering::Relaxed);
    }
    Some((before, now))
}

#[cold]
fn tell(site: u32, what: &str, standing: &str, why: VaultError) {
    let (text, number) = why.text();
    let line = Line::new().text("vault tag ").text(tag::name_or_unknown(site));
    let line = line.text(what).text(standing).text(": ").text(text);
    number.into_iter().fold(line, Line::number).say();
}
