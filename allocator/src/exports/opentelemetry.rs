//! Live figures as observable instruments of an OpenTelemetry meter.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use ::opentelemetry::KeyValue;
use ::opentelemetry::metrics::{AsyncInstrument, Meter};

use super::families::{FAMILIES, Family, Figures, Kind, Unit};
use crate::limits::OBSERVED_AGE_MAX;
use crate::own;

/// An attribute's name, for a label's.
fn attribute(label: &'static str) -> &'static str {
    match label {
        "tag" => "scrubjay.tag",
        "class" => "scrubjay.class",
        "budget" => "scrubjay.budget",
        other => other,
    }
}

/// Figures are observed while it lives: see [`observe`].
#[derive(Debug)]
#[must_use = "figures are observed while it lives"]
pub struct Observation {
    shared: Arc<Shared>,
}

/// Adds instruments to a meter, which its reader asks whenever it collects, until
/// the answer is dropped: `scrubjay.tag.live`, `scrubjay.tag.peak` and so on, with the
/// attributes `scrubjay.tag` and `scrubjay.class`; `scrubjay.process.live` and so on;
/// and `process.memory.usage`, as the semantic conventions call what is resident.
///
/// All instruments of one collection see one report. What is read and observed is
/// counted under the tag `scrubjay`. Once for each meter: an instrument cannot be taken
/// out of a meter again, so one that is not observed any more stays, without figures.
///
/// ```
/// let meter = opentelemetry::global::meter("my-program");
/// let observation = scrubjay::exports::opentelemetry::observe(&meter);
/// // … the program serves …
/// drop(observation);
/// ```
pub fn observe(meter: &Meter) -> Observation {
    own::account(|| {
        let shared = Arc::new(Shared::default());
        FAMILIES.iter().for_each(|family| family.add(meter, &shared));
        Observation { shared }
    })
}

impl Drop for Observation {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::Relaxed);
        self.shared.taken().figures = None;
    }
}

/// What the instruments share.
#[derive(Debug, Default)]
struct Shared {
    is_over: AtomicBool,
    taken: Mutex<Taken>,
}

/// The figures of the latest collection.
#[derive(Debug, Default)]
struct Taken {
    figures: Option<(Arc<Figures>, Instant)>,
    /// Counts collections, from 1.
    number: u64,
}

impl Shared {
    fn taken(&self) -> std::sync::MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The figures for an instrument that has seen those of a number: an instrument
    /// that asks again is in a new collection, to which the others come, too. What
    /// is older than a second is no collection's that is under way.
    fn figures(&self, seen: &AtomicU64) -> Option<Arc<Figures>> {
        if self.is_over.load(Ordering::Relaxed) {
            return None;
        }
        let mut taken = self.taken();
        let is_new = taken.number != seen.load(Ordering::Relaxed);
        let known = (taken.figures.as_ref())
            .filter(|(_, when)| is_new && when.elapsed() < OBSERVED_AGE_MAX)
            .map(|(figures, _)| Arc::clone(figures));
        let figures = known.unwrap_or_else(|| {
            let figures = Arc::new(Figures::now());
            taken.number += 1;
            taken.figures = Some((Arc::clone(&figures), Instant::now()));
            figures
        });
        seen.store(taken.number, Ordering::Relaxed);
        Some(figures)
    }
}

impl Family {
    fn add(&'static self, meter: &Meter, shared: &Arc<Shared>) {
        let seen = AtomicU64::new(0);
        let shared = Arc::clone(shared);
        let see = move |tell: &dyn Fn(u64, &[KeyValue])| {
            own::account(|| {
                if let Some(now) = shared.figures(&seen) {
                    self.tell(&now, tell);
                }
            });
        };
        let (name, unit, help) = (self.dotted, self.unit.code(), self.help);
        // A meter keeps its instruments, whoever drops them.
        match self.kind {
            Kind::Counter => {
                let build = meter.u64_observable_counter(name).with_unit(unit);
                let build = build.with_description(help).with_callback(move |observer| {
                    see(&|value, attributes| observer.observe(value, attributes));
                });
                build.build();
            }
            Kind::Mark => {
                let build = meter.u64_observable_gauge(name).with_unit(unit);
                let build = build.with_description(help).with_callback(move |observer| {
                    see(&|value, attributes| observer.observe(value, attributes));
                });
                build.build();
            }
            Kind::Amount => {
                let build = meter.i64_observable_up_down_counter(name).with_unit(unit);
                let build = build.with_description(help).with_callback(move |observer| {
                    see(&|value, attributes| observe_signed(observer, value, attributes));
                });
                build.build();
            }
        }
    }

    fn tell(&self, now: &Figures, tell: &dyn Fn(u64, &[KeyValue])) {
        for (labels, value) in self.values(now) {
            let attributes: Vec<_> = (labels.into_iter())
                .map(|(label, text)| KeyValue::new(attribute(label), text))
                .collect();
            tell(value, &attributes);
        }
    }
}

fn observe_signed(observer: &dyn AsyncInstrument<i64>, value: u64, attributes: &[KeyValue]) {
    observer.observe(i64::try_from(value).unwrap_or(i64::MAX), attributes);
}

impl Unit {
    /// As UCUM writes it, with what it counts in braces.
    fn code(self) -> &'static str {
        match self {
            Self::Bytes => "By",
            Self::Blocks => "{block}",
            Self::Ones => "1",
        }
    }
}
