//! How far resident memory rises, as the kernel sees it.

use std::fs;

/// From a moment on.
pub struct Watch {
    /// `None` where the kernel's mark cannot be lowered.
    before: Option<u64>,
}

impl Watch {
    /// Gives unused memory back, so that what was used before is not found again, and
    /// sets the kernel's high-water mark to what is resident now.
    pub fn begin() -> Self {
        scrubjay::trim();
        let lowered = fs::write("/proc/self/clear_refs", "5").is_ok();
        Self { before: lowered.then(|| scrubjay::vitals().resident_bytes) }
    }

    /// By how many bytes it rose at most.
    pub fn rise(&self) -> Option<u64> {
        let greatest = scrubjay::vitals().greatest_resident_bytes;
        self.before.map(|before| greatest.saturating_sub(before))
    }
}
