//! Tags: names that the programmer gives to purposes, and their registry.

use core::sync::atomic::{AtomicU8, AtomicU32, Ordering};
use core::time::Duration;

use scrubjay_log_format::{TagClass, process, tag};

use crate::config::Wipe;
use crate::control::control;
use crate::limits::{GROUPS_MAX, TAG_NAME_SIZE_MAX, TAGS_MAX, TAGS_PER_GROUP};
use crate::published::Published;
use crate::store::{self, Store};

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
    wipe: Option<bool>,
    greatest_age_ms: u64,
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
/// Whether a tag's blocks are wiped: policy and tag put together.
static WIPES: [AtomicU8; TAGS_MAX] = [const { AtomicU8::new(1) }; TAGS_MAX];

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
        Self { name, class: TagClass::Public, wipe: None, greatest_age_ms: 0, index }
    }

    /// Its content must not outlive its use: wiped unless the policy is
    /// [`Wipe::Off`], and named where it is still live.
    pub const fn secret(mut self) -> Self {
        self.class = TagClass::Secret;
        self
    }

    /// Whether its blocks are wiped under the policies [`Wipe::All`] and
    /// [`Wipe::Tagged`], whatever its class.
    pub const fn wipe(mut self, wipe: bool) -> Self {
        self.wipe = Some(wipe);
        self
    }

    /// How old a block of it may get; reports hold its oldest against this.
    pub const fn greatest_age(mut self, age: Duration) -> Self {
        let milliseconds = age.as_millis();
        self.greatest_age_ms =
            if milliseconds > u64::MAX as u128 { u64::MAX } else { milliseconds as u64 };
        self
    }

    /// The tag's name.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// The tag's index. The first call registers it, for which there must be a
    /// store; 0 where the registry is full.
    #[inline]
    pub(crate) fn index(&'static self) -> u32 {
        match self.index.load(Ordering::Acquire) {
            0 => self.register(),
            OVERFLOWN => 0,
            index => index,
        }
    }

    #[cold]
    fn register(&'static self) -> u32 {
        let Some(store) = store::current() else { return 0 };
        let _guard = control().tags.wait();
        let known = (1..count()).find(|&index| get(index).is_some_and(|tag| tag.name == self.name));
        let index = known.unwrap_or_else(count);
        if index as usize >= TAGS_MAX {
            self.index.store(OVERFLOWN, Ordering::Release);
            store.process()[process::TAG_OVERFLOW_COUNT].fetch_add(1, Ordering::Relaxed);
            return 0;
        }
        if known.is_none() {
            TAGS[index as usize].set(self);
            let wipes = self.wipes(store.config().wipe);
            WIPES[index as usize].store(wipes.into(), Ordering::Relaxed);
            COUNT.store(index + 1, Ordering::Release);
            declare(store, index);
        }
        self.index.store(index, Ordering::Release);
        index
    }

    fn wipes(&self, policy: Wipe) -> bool {
        match policy {
            Wipe::Off => false,
            Wipe::Tagged => self.wipe.unwrap_or(self.class == TagClass::Secret),
            Wipe::All => self.wipe.unwrap_or(true),
        }
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

/// The class of a tag, by its index.
pub(crate) fn class(index: u32) -> TagClass {
    get(index).map_or(TagClass::Public, |tag| tag.class)
}

/// Whether blocks of this tag are wiped.
#[inline(always)]
pub(crate) fn is_wiped(index: u32) -> bool {
    WIPES[index as usize % TAGS_MAX].load(Ordering::Relaxed) != 0
}

/// Decides about untagged blocks, before there is any.
pub(crate) fn choose_untagged(policy: Wipe) {
    WIPES[0].store((policy == Wipe::All).into(), Ordering::Relaxed);
}

/// Writes a tag's declaration into a store.
fn declare(store: &Store, index: u32) {
    let Some(words) = store.declaration(index) else { return };
    let age = get(index).map_or(0, |tag| tag.greatest_age_ms);
    let name = name(index).unwrap_or("").as_bytes();
    let bytes = tag::encode_declaration(index, name, class(index), is_wiped(index), age);
    store::store_bytes(words, &bytes);
}

/// Writes every declaration into a store. The caller holds the lock on tags,
/// or is alone.
pub(crate) fn declare_all(store: &Store) {
    for index in 0..count() {
        declare(store, index);
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
        let under = |policy| [&public, &secret, &spared, &wiped].map(|tag| tag.wipes(policy));
        assert_eq!(under(Wipe::All), [true, true, false, true]);
        assert_eq!(under(Wipe::Tagged), [false, true, false, true]);
        assert_eq!(under(Wipe::Off), [false; 4]);
    }
}
