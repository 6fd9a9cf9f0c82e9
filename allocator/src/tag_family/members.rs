//! A family's members, by name: a table that only ever gains.

use core::fmt;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use crate::keyed_hash;
use crate::limits::FAMILY_OTHERS_MAX;
use crate::published::Published;
use crate::tag::Tag;

/// A tag of a family.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) hash: u64,
    /// Empty where the hash has to do.
    pub(super) name: Box<str>,
    pub(super) tag: Tag,
}

/// All of a family's.
pub(super) struct Members {
    /// At least twice as many as there can be members, so that a search ends.
    pub(super) places: Box<[Published<Member>]>,
    limit: u32,
    pub(super) count: AtomicU32,
    key: [u64; 2],
    is_hashed: bool,
    pub(super) other: Tag,
    /// Hashes of names beyond the bound, 0 where there is none yet.
    others: Box<[AtomicU64]>,
    other_count: AtomicU32,
}

impl Members {
    pub(super) fn new(limit: u32, key: [u64; 2], is_hashed: bool, other: Tag) -> Self {
        let place_count = (2 * limit as usize).next_power_of_two();
        // Twice as many: the places of one name are near each other.
        let others = (0..2 * FAMILY_OTHERS_MAX).map(|_| AtomicU64::new(0)).collect();
        Self {
            places: (0..place_count).map(|_| Published::empty()).collect(),
            limit,
            count: AtomicU32::new(0),
            key,
            is_hashed,
            other,
            others,
            other_count: AtomicU32::new(0),
        }
    }

    /// A name's hash; never 0.
    pub(super) fn hash(&self, name: &str) -> u64 {
        keyed_hash::hash(self.key, name.as_bytes()).max(1)
    }

    fn places_of(&self, hash: u64) -> impl Iterator<Item = &Published<Member>> {
        let start = hash as usize % self.places.len();
        self.places[start..].iter().chain(&self.places[..start])
    }

    pub(super) fn find(&self, hash: u64, name: &str) -> Option<&'static Member> {
        let name = if name.is_empty() { "(none)" } else { name };
        self.places_of(hash)
            .map_while(Published::get)
            .find(|member| member.hash == hash && (self.is_hashed || &*member.name == name))
    }

    pub(super) fn is_full(&self) -> bool {
        self.count.load(Ordering::Acquire) >= self.limit
    }

    /// Adds one. The caller holds the lock on families, and there is room.
    pub(super) fn add(&self, member: &'static Member) -> &'static Member {
        if let Some(free) = self.places_of(member.hash).find(|place| place.get().is_none()) {
            free.set(member);
            self.count.fetch_add(1, Ordering::AcqRel);
        }
        member
    }

    /// Notes a name beyond the bound; answers how many there are with it, if it is
    /// new and they are counted still.
    pub(super) fn note_other(&self, hash: u64) -> Option<u32> {
        let start = hash as usize % self.others.len();
        for place in self.others[start..].iter().chain(&self.others[..start]) {
            let known = match place.load(Ordering::Relaxed) {
                0 if self.other_count() as usize >= FAMILY_OTHERS_MAX => return None,
                0 => place.compare_exchange(0, hash, Ordering::Relaxed, Ordering::Relaxed),
                known => Err(known),
            };
            match known {
                Ok(_) => return Some(self.other_count.fetch_add(1, Ordering::Relaxed) + 1),
                Err(known) if known == hash => return None,
                Err(_) => {}
            }
        }
        None
    }

    /// Threads that come at once may count some beyond the most that is told.
    pub(super) fn other_count(&self) -> u32 {
        self.other_count.load(Ordering::Relaxed).min(FAMILY_OTHERS_MAX as u32)
    }
}

impl fmt::Debug for Members {
    /// Neither the key nor any name.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.count.load(Ordering::Relaxed);
        formatter.debug_struct("Members").field("count", &count).finish_non_exhaustive()
    }
}
