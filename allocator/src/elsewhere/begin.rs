//! The settings that matter here, decided once.

use core::sync::atomic::{AtomicU8, Ordering};

use crate::config::{Config, OnCorruption, Wipe};
use crate::{tag, trailer};

/// What was decided; 0 as long as nothing is.
static DECIDED: AtomicU8 = AtomicU8::new(0);
/// The same once all that follows from it is done.
static BEGUN: AtomicU8 = AtomicU8::new(0);

/// The settings of the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Settings(u8);

impl Settings {
    const ABORT: u8 = 1 << 2;

    /// Never 0.
    fn of(config: &Config) -> Self {
        let wipe = match config.wipe {
            Wipe::All => 1,
            Wipe::Tagged => 2,
            Wipe::Off => 3,
        };
        let aborts = config.on_corruption == OnCorruption::Abort;
        Self(wipe | if aborts { Self::ABORT } else { 0 })
    }

    pub(super) fn wipe(self) -> Wipe {
        match self.0 & !Self::ABORT {
            1 => Wipe::All,
            2 => Wipe::Tagged,
            _ => Wipe::Off,
        }
    }

    /// Whether a damaged block ends the process.
    pub(super) fn aborts(self) -> bool {
        self.0 & Self::ABORT != 0
    }
}

/// Settles these settings, unless others were before.
#[inline]
pub(super) fn begin(config: &Config) -> Settings {
    match BEGUN.load(Ordering::Acquire) {
        0 => decide(config),
        begun => Settings(begun),
    }
}

/// Whether there was an event, or a call, yet.
pub(super) fn has_begun() -> bool {
    BEGUN.load(Ordering::Relaxed) != 0
}

/// Nobody waits for another thread that is at it: all do the same.
#[cold]
fn decide(config: &Config) -> Settings {
    let ours = Settings::of(&config.with_environment()).0;
    let decided = DECIDED.compare_exchange(0, ours, Ordering::AcqRel, Ordering::Acquire);
    let settings = Settings(decided.err().unwrap_or(ours));
    trailer::choose_key();
    tag::choose_untagged(settings.wipe());
    BEGUN.store(settings.0, Ordering::Release);
    settings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_survive_as_a_byte() {
        for wipe in [Wipe::All, Wipe::Tagged, Wipe::Off] {
            for on_corruption in [OnCorruption::Abort, OnCorruption::Count] {
                let config = Config::new().wipe(wipe).on_corruption(on_corruption);
                let settings = Settings::of(&config);
                assert_ne!(settings.0, 0);
                assert_eq!(settings.wipe(), wipe);
                assert_eq!(settings.aborts(), on_corruption == OnCorruption::Abort);
            }
        }
    }
}
