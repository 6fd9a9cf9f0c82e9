//! Tags: names that the programmer gives to purposes, and their registry.

use core::sync::atomic::{AtomicU8, AtomicU32, Ordering};
use core::time::Duration;

use scrubjay_log_format::{TagClass, TagDeclaration, WipeRequest};

use crate::budget::Budget;
use crate::config::Wipe;
use crate::limits::{GROUPS_MAX, TAG_NAME_SIZE_MAX, TAGS_MAX, TAGS_PER_GROUP};
use crate::line::Line;
use crate::protection::Vault;
use crate::published::Published;

/// A purpose that memory serves, with the policy for its blocks. Declared
/// once, as a `static`; registering allocates nothing.
///
/// Levels of a name are separated by `/`; reports add them up. Two tags of one
/// name are one tag, with the policy of the first that was entered.
///
/// ```
/// use scrubjay::Tag;
/// use std::time::Duration;
///
/// static WEIGHTS: Tag = Tag::new("model/weights");
/// static PROMPT: Tag = Tag::new("prompt").secret().greatest_age(Duration::from_secs(60));
///
/// let prompt = {
///     let _scope = PROMPT.enter();
///     String::from("what the user asked")
/// };
/// # drop(prompt);
/// ```
#[derive(Debug)]
pub struct Tag {
    name: &'static str,
    class: TagClass,
    request: WipeRequest,
    vault: Option<Vault>,
    greatest_age_ms: u64,
    budget: Option<Budget>,
    /// Its blocks count in budgets, and are never refused.
    is_exempt: bool,
    /// 0 until the tag is registered.
    index: AtomicU32,
}

/// How a tag's index looks that found no room in the registry: it counts as
/// untagged.
const OVERFLOWN: u32 = TAGS_MAX as u32;

/// The tags by index; 0 stays empty, it is "untagged".
static TAGS: [Published<Tag>; TAGS_MAX] = [const { Published::empty() }; TAGS_MAX];
/// How many there are, "untagged" included.
static COUNT: AtomicU32 = AtomicU32::new(1);
/// What is done with a tag's blocks: settings and tag put together.
static POLICIES: [AtomicU8; TAGS_MAX] = [const { AtomicU8::new(Policy::WIPED) }; TAGS_MAX];

/// What is done with a tag's blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Policy(u8);

impl Policy {
    const WIPED: u8 = 1;
    const WATCHED: u8 = 1 << 1;
    const VAULT: u8 = 1 << 2;
    const BUDGETED: u8 = 1 << 3;

    /// Overwritten at release.
    #[inline(always)]
    pub(crate) fn is_wiped(self) -> bool {
        self.0 & Self::WIPED != 0
    }

    /// In the registry while they live.
    #[inline(always)]
    pub(crate) fn is_watched(self) -> bool {
        self.0 & Self::WATCHED != 0
    }

    /// In guarded memory.
    #[inline(always)]
    pub(crate) fn is_vault(self) -> bool {
        self.0 & Self::VAULT != 0
    }

    /// Nothing that takes more than counters and an overwrite.
    #[inline(always)]
    pub(crate) fn is_plain(self) -> bool {
        self.0 & !(Self::WIPED | Self::BUDGETED) == 0
    }

    /// Charged to a budget.
    #[inline(always)]
    pub(crate) fn is_budgeted(self) -> bool {
        self.0 & Self::BUDGETED != 0
    }
}

impl Tag {
    /// A public tag.
    ///
    /// # Panics
    /// If the name is empty or longer than 128 bytes; in a `static`, when it
    /// is compiled.
    pub const fn new(name: &'static str) -> Self {
        assert!(!name.is_empty(), "a tag needs a name");
        assert!(name.len() <= TAG_NAME_SIZE_MAX, "a tag's name has at most 128 bytes");
        let index = AtomicU32::new(0);
        let (class, request) = (TagClass::Public, WipeRequest::None);
        let (vault, budget) = (None, None);
        Self { name, class, request, vault, greatest_age_ms: 0, budget, is_exempt: false, index }
    }

    /// Its content must not outlive its use: wiped unless the policy is
    /// [`Wipe::Off`], and watched: the log says of each live block how old it
    /// is. An allocation costs some 100 ns more for it.
    pub const fn secret(mut self) -> Self {
        self.class = TagClass::Secret;
        self
    }

    /// Whether its blocks are wiped under the policies [`Wipe::All`] and
    /// [`Wipe::Tagged`], whatever its class.
    pub const fn wipe(mut self, wipe: bool) -> Self {
        self.request = if wipe { WipeRequest::Wipe } else { WipeRequest::Spare };
        self
    }

    /// Its blocks stand in guarded memory; what that is, and what happens where
    /// it cannot be had, see [`Vault`]. The tag is secret, too, and wiped
    /// whatever the settings say. Each block has pages of its own, and one of
    /// addresses to spare; made and released it costs some 50 µs.
    ///
    /// ```
    /// use scrubjay::{Tag, Vault};
    ///
    /// static KEY: Tag = Tag::new("key").vault(Vault::new().or_plain_locked().or_unlocked());
    /// # fn main() -> Result<(), scrubjay::VaultError> {
    /// let status = KEY.prepare_vault()?;
    /// if !status.is_secret_memory() {
    ///     eprintln!("root can read the keys of this process");
    /// }
    /// let key = {
    ///     let _scope = KEY.enter();
    ///     vec![0_u8; 32]
    /// };
    /// # drop(key);
    /// # Ok(())
    /// # }
    /// ```
    pub const fn vault(mut self, vault: Vault) -> Self {
        self.vault = Some(vault);
        self.secret()
    }

    /// How old a block of it may get; reports hold its oldest against this, for
    /// which its blocks are watched, as those of a secret tag.
    pub const fn greatest_age(mut self, age: Duration) -> Self {
        let milliseconds = age.as_millis();
        self.greatest_age_ms =
            if milliseconds > u64::MAX as u128 { u64::MAX } else { milliseconds as u64 };
        self
    }

    /// How much it may hold, together with all tags whose names go on from its own
    /// behind a `/`. In force from its first scope on: where only the tags below it are
    /// ever entered, call [`Tag::declare`] at the start. An allocation of a tag under
    /// a budget costs some 10 ns more. What is refused, see [`Budget`].
    pub const fn budget(mut self, budget: Budget) -> Self {
        self.budget = Some(budget);
        self
    }

    /// Refused by no budget: what scrubjay needs for itself.
    pub(crate) const fn exempt(mut self) -> Self {
        self.is_exempt = true;
        self
    }

    /// A tag of another name with this one's policy.
    pub(crate) const fn named(&self, name: &'static str) -> Self {
        Self { name, index: AtomicU32::new(0), ..*self }
    }

    /// The tag's name.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// The tag's index, if it is registered.
    #[inline]
    pub(crate) fn known_index(&self) -> Option<u32> {
        self.settled_index().filter(|&index| index != 0)
    }

    /// The tag's index, if it asked for one before; 0 where the registry was full.
    #[inline]
    pub(crate) fn settled_index(&self) -> Option<u32> {
        match self.index.load(Ordering::Acquire) {
            0 => None,
            OVERFLOWN => Some(0),
            index => Some(index),
        }
    }

    /// The budget that it declares.
    pub(crate) fn declared_budget(&self) -> Option<Budget> {
        self.budget
    }

    /// Gives the tag an index under these settings, of which `declare` hears
    /// before anybody else if it is new; `None` where the registry is full. The
    /// caller is the only one to add just now.
    pub(crate) fn add(&'static self, setting: Wipe, declare: impl FnOnce(u32)) -> Option<u32> {
        let known = (1..count()).find(|&index| get(index).is_some_and(|tag| tag.name == self.name));
        let index = known.unwrap_or_else(count);
        let lacks_vault =
            known.map_or(index as usize >= TAGS_MAX, |known| vault(known) != self.vault);
        if lacks_vault && self.vault.is_some() {
            // A vault that is none must not be one in silence.
            let line = Line::new().text("vault tag ").text(self.name).text(" is not the vault it ");
            line.text("asks to be: another tag has its name, or there are too many").say();
        }
        if index as usize >= TAGS_MAX {
            self.index.store(OVERFLOWN, Ordering::Release);
            return None;
        }
        if known.is_none() {
            TAGS[index as usize].set(self);
            let policy = self.policy(setting);
            POLICIES[index as usize].store(policy.0, Ordering::Relaxed);
            COUNT.store(index + 1, Ordering::Release);
            declare(index);
        }
        self.index.store(index, Ordering::Release);
        Some(index)
    }

    fn policy(&self, setting: Wipe) -> Policy {
        let is_secret = self.class == TagClass::Secret;
        let is_wiped = match (setting, self.request) {
            (Wipe::Off, _) | (_, WipeRequest::Spare) => false,
            (Wipe::All, _) | (_, WipeRequest::Wipe) => true,
            (Wipe::Tagged, WipeRequest::None) => is_secret,
        };
        let is_watched = is_secret || self.greatest_age_ms > 0;
        let is_vault = self.vault.is_some();
        let flag = |is_set: bool, flag: u8| if is_set { flag } else { 0 };
        let wiped = flag(is_wiped || is_vault, Policy::WIPED);
        Policy(wiped | flag(is_watched, Policy::WATCHED) | flag(is_vault, Policy::VAULT))
    }
}

/// How many tags there are, "untagged" included.
pub(crate) fn count() -> u32 {
    COUNT.load(Ordering::Acquire)
}

/// How many groups of tags there are.
pub(crate) fn group_count() -> u32 {
    (count() as usize).div_ceil(TAGS_PER_GROUP).min(GROUPS_MAX) as u32
}

fn get(index: u32) -> Option<&'static Tag> {
    TAGS.get(index as usize)?.get()
}

/// The name of a tag, by its index.
pub(crate) fn name(index: u32) -> Option<&'static str> {
    match index {
        0 => Some("untagged"),
        index => get(index).map(|tag| tag.name),
    }
}

/// The same for people.
pub(crate) fn name_or_unknown(index: u32) -> &'static str {
    name(index).unwrap_or("unknown")
}

/// The class of a tag, by its index.
pub(crate) fn class(index: u32) -> TagClass {
    get(index).map_or(TagClass::Public, |tag| tag.class)
}

/// What is done with blocks of this tag.
#[inline(always)]
pub(crate) fn policy(index: u32) -> Policy {
    Policy(POLICIES[index as usize % TAGS_MAX].load(Ordering::Relaxed))
}

/// What a tag asks of its guarded memory; `None` where it asks for none.
pub(crate) fn vault(index: u32) -> Option<Vault> {
    get(index)?.vault
}

/// Whether pages of this tag's blocks are overwritten before the kernel gets
/// them.
pub(crate) fn is_secret(index: u32) -> bool {
    policy(index).is_wiped() && get(index).is_some_and(|tag| tag.class == TagClass::Secret)
}

/// Whether budgets count a tag's blocks and never refuse them.
pub(crate) fn is_exempt(index: u32) -> bool {
    get(index).is_some_and(|tag| tag.is_exempt)
}

/// Has a tag's blocks charged to a budget from now on.
pub(crate) fn charge_to_budget(index: u32) {
    POLICIES[index as usize % TAGS_MAX].fetch_or(Policy::BUDGETED, Ordering::Relaxed);
}

/// Decides about untagged blocks, before there is any.
pub(crate) fn choose_untagged(setting: Wipe) {
    let wiped = u8::from(setting == Wipe::All) * Policy::WIPED;
    POLICIES[0].store(wiped, Ordering::Relaxed);
}

/// What a log says of a tag.
pub(crate) fn declaration(index: u32) -> TagDeclaration<&'static str> {
    let (tag, policy) = (get(index), policy(index));
    TagDeclaration {
        index,
        name: name(index).unwrap_or(""),
        class: class(index),
        wipe: policy.is_wiped(),
        request: tag.map_or(WipeRequest::None, |tag| tag.request),
        is_vault: policy.is_vault(),
        is_watched: policy.is_watched(),
        greatest_age_ms: tag.map_or(0, |tag| tag.greatest_age_ms),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_and_the_tag_decide_together() {
        let public = Tag::new("a");
        let secret = Tag::new("a").secret();
        let spared = Tag::new("a").wipe(false);
        let wiped = Tag::new("a").wipe(true);
        let vault = Tag::new("a").wipe(false).vault(Vault::new());
        let tags = [&public, &secret, &spared, &wiped, &vault];
        let under = |setting| tags.map(|tag| tag.policy(setting).is_wiped());
        assert_eq!(under(Wipe::All), [true, true, false, true, true]);
        assert_eq!(under(Wipe::Tagged), [false, true, false, true, true]);
        assert_eq!(under(Wipe::Off), [false, false, false, false, true]);
    }
}
