//! What a budget is said to be: amounts, before anything counts against them.

use crate::limits::HEADROOM_SHIFT;

/// An amount of memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Amount {
    Bytes(u64),
    /// Of what the process may have at most.
    Percent(u8),
}

/// How much a tag may hold, together with all tags below it (`model` stands above
/// `model/weights`), or the process.
///
/// Past the *hard* limit an allocation is refused: it gives null, so that
/// `try_reserve` is an `Err` and the service can shed load; what cannot fail, such
/// as `Vec::push`, aborts. The limit is never exceeded by a byte, and nothing is
/// refused while more than 1 % of it is free and a thread's allowance of 64 KiB.
/// Past the *soft* limit there is one event, see [`crate::on_pressure`].
///
/// Counted are the bytes that the program asked for, from the moment before they
/// are there to the moment after they are gone: a realloc that moves needs room for
/// both places. Blocks that were there before their tag had a budget are not counted;
/// what scrubjay takes for itself counts in the process's budget, and is not refused.
///
/// A tag's budget is in force from the tag's first scope on, or from
/// [`crate::Tag::declare`], which belongs into `main` for tags that only stand above
/// others.
///
/// A last part of the limit, the headroom, is for blocks of up to 4 KiB, and for
/// threads that hold a [`crate::Headroom`]: so the way out of a refusal finds
/// memory, too. It is a 128th of the limit unless told otherwise.
///
/// ```
/// use scrubjay::{Budget, Scrubjay, Tag};
///
/// #[global_allocator]
/// static ALLOCATOR: Scrubjay = Scrubjay::new();
///
/// static CACHE: Tag = Tag::new("cache").budget(Budget::hard(1 << 20).soft_limit(900 << 10));
///
/// let _scope = CACHE.enter();
/// let mut entries: Vec<u8> = Vec::new();
/// assert!(entries.try_reserve(2 << 20).is_err());
/// assert!(entries.try_reserve(100 << 10).is_ok());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    pub(crate) hard: Option<Amount>,
    pub(crate) soft: Option<Amount>,
    pub(crate) headroom: Option<u64>,
}

impl Budget {
    /// No limit yet: [`crate::Tag::set_budget`] can set one at any time, and then
    /// counts what was allocated before, too.
    pub const fn unlimited() -> Self {
        Self { hard: None, soft: None, headroom: None }
    }

    /// At most so many bytes.
    pub const fn hard(bytes: u64) -> Self {
        Self { hard: Some(Amount::Bytes(bytes)), ..Self::unlimited() }
    }

    /// At most so much of what the process may have: of its control group's limit
    /// (cgroup v1 or v2), else of the machine's memory, when the budget is set.
    ///
    /// # Panics
    /// Over 100; in a `static`, when it is compiled.
    pub const fn hard_percent(percent: u8) -> Self {
        assert!(percent <= 100, "at most 100 percent");
        Self { hard: Some(Amount::Percent(percent)), ..Self::unlimited() }
    }

    /// No more than an event past so many bytes.
    pub const fn soft(bytes: u64) -> Self {
        Self::unlimited().soft_limit(bytes)
    }

    /// An event past so many bytes.
    pub const fn soft_limit(mut self, bytes: u64) -> Self {
        self.soft = Some(Amount::Bytes(bytes));
        self
    }

    /// An event past so much of what the process may have.
    ///
    /// # Panics
    /// Over 100; in a `static`, when it is compiled.
    pub const fn soft_percent(mut self, percent: u8) -> Self {
        assert!(percent <= 100, "at most 100 percent");
        self.soft = Some(Amount::Percent(percent));
        self
    }

    /// How many bytes of the limit are for small blocks, and for who holds a
    /// [`crate::Headroom`].
    pub const fn headroom(mut self, bytes: u64) -> Self {
        self.headroom = Some(bytes);
        self
    }

    /// In bytes, where the process may have so many at most.
    pub(crate) fn limits(self, most: impl Fn() -> u64) -> Limits {
        let bytes = |amount| match amount {
            Amount::Bytes(bytes) => bytes,
            // Of no more than 2^64 / 100 bytes.
            Amount::Percent(percent) => most() / 100 * u64::from(percent),
        };
        let hard = self.hard.map_or(u64::MAX, bytes);
        let headroom = self.headroom.unwrap_or(hard >> HEADROOM_SHIFT).min(hard);
        Limits { hard, soft: self.soft.map_or(u64::MAX, bytes), headroom }
    }
}

/// A budget's limits in bytes; `u64::MAX` for none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    pub(crate) hard: u64,
    pub(crate) soft: u64,
    pub(crate) headroom: u64,
}
