//! What prompts left in the cache of keys and values, so that one that is asked again
//! is not read again. Dropped when memory is short.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::model::{Numbers, Session};
use crate::tags;

/// Entries; a new one takes the oldest's place.
const COUNT: usize = 32;

struct Entry {
    prompt: Vec<u8>,
    cache: Vec<Numbers>,
}

/// The entries, and which is the next to go.
#[derive(Default)]
pub struct PromptCache(Mutex<(Vec<Option<Entry>>, usize)>);

/// A copy, if there is memory.
fn copy<T>(from: impl ExactSizeIterator<Item = T>) -> Option<Vec<T>> {
    let mut vector = Vec::new();
    vector.try_reserve_exact(from.len()).ok()?;
    vector.extend(from);
    Some(vector)
}

impl PromptCache {
    /// An empty one, whose table never grows.
    pub fn new() -> Self {
        let mut entries = Vec::new();
        entries.resize_with(COUNT, || None);
        Self(Mutex::new((entries, 0)))
    }

    fn lock(&self) -> MutexGuard<'_, (Vec<Option<Entry>>, usize)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the prompt was known; if so, the session knows it, too.
    pub fn restore(&self, prompt: &[u8], session: &mut Session) -> bool {
        let entries = self.lock();
        let known = entries.0.iter().flatten().find(|entry| entry.prompt == prompt);
        known.is_some_and(|entry| {
            session.restore(&entry.cache);
            true
        })
    }

    /// Keeps what the prompt left, if there is memory: a cache may forget.
    pub fn keep(&self, prompt: &[u8], session: &Session) {
        let _scope = tags::PROMPT_CACHE.enter();
        let lines = session.cache().iter().map(|line| line.0);
        let (Some(prompt), Some(cache)) = (copy(prompt.iter().copied()), copy(lines)) else {
            return;
        };
        let mut entries = self.lock();
        let place = entries.1;
        entries.1 = (place + 1) % COUNT;
        entries.0[place] = Some(Entry { prompt, cache });
    }

    /// Forgets all.
    pub fn clear(&self) {
        self.lock().0.iter_mut().for_each(|entry| *entry = None);
    }
}
