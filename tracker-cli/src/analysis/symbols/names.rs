//! Texts that many frames share.

use std::collections::HashSet;
use std::sync::Arc;

/// Texts, each kept once.
#[derive(Debug, Default)]
pub struct Names {
    known: HashSet<Arc<str>>,
}

impl Names {
    /// The text, shared; `None` for an empty one.
    pub fn some(&mut self, text: &str) -> Option<Arc<str>> {
        if text.is_empty() {
            return None;
        }
        if let Some(known) = self.known.get(text) {
            return Some(Arc::clone(known));
        }
        let new: Arc<str> = text.into();
        self.known.insert(Arc::clone(&new));
        Some(new)
    }
}
