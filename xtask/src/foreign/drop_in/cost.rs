//! What a run took.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};

/// What a run took.
#[derive(Clone, Copy, Default)]
pub struct Cost {
    /// From its start to its end.
    pub wall: Duration,
    /// That its threads ran.
    pub processor: Duration,
    /// The greatest memory that was resident in one of its processes, in KiB.
    pub resident: u64,
}

impl Cost {
    /// With what was done behind it.
    pub fn add(&mut self, other: Self) {
        self.wall += other.wall;
        self.processor += other.processor;
        self.resident = self.resident.max(other.resident);
    }
}

/// A child begins with its parent's peak for its own. So ours is what we take now.
pub fn forget_our_peak() -> Result<()> {
    fs::write("/proc/self/clear_refs", "5").context("/proc/self/clear_refs")
}
