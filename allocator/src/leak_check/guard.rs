//! A check of a part of a function, by a guard.

use super::running::{Entered, Running};
use super::{LeakCheck, LeakCheckError, LeakReport};

/// A check of what happens while it lives: see [`LeakCheck::guard`]. Dropped, it
/// fails as [`LeakCheck::assert`] does, unless its thread is panicking already.
#[derive(Debug)]
#[must_use = "it checks what happens while it lives"]
pub struct LeakGuard {
    running: Option<Entered>,
}

impl LeakGuard {
    /// Ends the check and answers what it found.
    pub fn finish(mut self) -> LeakReport {
        match self.running.take() {
            Some(entered) => entered.finish(),
            None => LeakReport::default(),
        }
    }
}

impl Drop for LeakGuard {
    fn drop(&mut self) {
        if let Some(entered) = self.running.take()
            && !std::thread::panicking()
        {
            entered.finish().assert();
        }
    }
}

impl LeakCheck {
    /// Checks what its thread does, and what that hands on, until the guard is
    /// finished or dropped.
    ///
    /// # Errors
    /// Where no check could be made.
    pub fn guard(self) -> Result<LeakGuard, LeakCheckError> {
        let name = std::thread::current().name().unwrap_or("a guard").to_owned();
        Ok(LeakGuard { running: Some(Running::begin(self.rounds(1), &name)?.enter()) })
    }
}
