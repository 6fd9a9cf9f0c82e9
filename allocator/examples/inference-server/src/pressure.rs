//! What happens when memory is short: caches go, and what was refused is remembered.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use scrubjay::{Pressure, PressureCause, PressureWatch};

use crate::tags;
use crate::workers::Shared;

/// What was refused for want of room in the requests' budget, as far as it was told.
#[derive(Default)]
pub struct Refusals {
    told: AtomicU64,
    busy: AtomicU64,
    /// The most that would still have been free, had the block been granted.
    spare: AtomicU64,
    cleared: AtomicU64,
}

impl Refusals {
    fn add(&self, pressure: &Pressure) {
        if pressure.cause == PressureCause::Busy {
            self.busy.fetch_add(1, Ordering::Relaxed);
        }
        if pressure.cause == PressureCause::Refused && pressure.budget == tags::REQUESTS.name() {
            self.told.fetch_add(1, Ordering::Relaxed);
            let wanted = pressure.granted_bytes + pressure.size_bytes;
            let spare = pressure.limit_bytes.saturating_sub(wanted);
            self.spare.fetch_max(spare, Ordering::Relaxed);
        }
    }

    /// As one JSON object.
    pub fn to_json(&self) -> String {
        let [told, busy, spare, cleared] = [&self.told, &self.busy, &self.spare, &self.cleared]
            .map(|figure| figure.load(Ordering::Relaxed));
        format!(
            "{{\"told_count\":{told},\"busy_count\":{busy},\"most_spare_bytes\":{spare},\
             \"cleared_count\":{cleared}}}"
        )
    }
}

/// Drops the prompt cache whenever memory is short.
///
/// # Errors
/// Where no thread can be started.
pub fn watch(shared: Arc<Shared>, refusals: Arc<Refusals>) -> io::Result<PressureWatch> {
    scrubjay::on_pressure(move |pressure| {
        refusals.add(pressure);
        if pressure.cause == PressureCause::SoftLimit {
            shared.prompts.clear();
            refusals.cleared.fetch_add(1, Ordering::Relaxed);
        }
    })
}
