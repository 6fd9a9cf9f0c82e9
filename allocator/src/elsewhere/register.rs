//! A tag gets its index.

use core::sync::atomic::{AtomicBool, Ordering};

use spin::Mutex;

use super::{begin, lacks};
use crate::config::Config;
use crate::line::Line;
use crate::tag::Tag;

/// Held while a tag is added; never within an allocation.
static ADDING: Mutex<()> = Mutex::new(());

impl Tag {
    /// The tag's index. The first call registers it; 0 where the registry is
    /// full.
    #[inline]
    pub(crate) fn index(&'static self) -> u32 {
        self.settled_index().unwrap_or_else(|| self.register())
    }

    /// Registers the tag before its first scope, so that its name stands in reports.
    /// On this target its budget is not enforced.
    pub fn declare(&'static self) {
        self.index();
    }

    #[cold]
    fn register(&'static self) -> u32 {
        lacks::say();
        let settings = begin::begin(&Config::new());
        let index = {
            let _guard = ADDING.lock();
            self.add(settings.wipe(), |_| {})
        };
        if index.is_none() {
            say_overflow();
        }
        index.unwrap_or(0)
    }
}

/// Nothing is lost in silence.
fn say_overflow() {
    static SAID: AtomicBool = AtomicBool::new(false);
    if !SAID.swap(true, Ordering::Relaxed) {
        Line::new().text("there are more than 4,095 tags: the others count as untagged").say();
    }
}
