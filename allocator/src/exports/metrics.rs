//! Live figures through the `metrics` facade: gauges, and counters of absolute
//! values, with the names that [`crate::open_metrics`] has, too.

use std::io;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::time::Duration;

use ::metrics::{counter, describe_counter, describe_gauge, gauge};

use super::background::{Background, End};
use super::families::{self, FAMILIES, Family, Figures, Kind};
use crate::limits::PUBLISH_INTERVAL_MIN;
use crate::own;

/// Tells the recorder what each figure is, and its unit. Once is enough, after
/// the recorder was installed.
pub fn describe() {
    own::account(|| {
        for family in FAMILIES {
            let unit = match family.unit {
                families::Unit::Bytes => ::metrics::Unit::Bytes,
                families::Unit::Blocks | families::Unit::Ones => ::metrics::Unit::Count,
            };
            match family.kind {
                Kind::Counter => describe_counter!(family.name, unit, family.help),
                Kind::Amount | Kind::Mark => describe_gauge!(family.name, unit, family.help),
            }
        }
    });
}

/// Hands the figures of this moment to the recorder: the calling thread's, if it
/// has one of its own, else the program's.
///
/// Costs a report and, for each tag, as many look-ups of the recorder as there are
/// figures. What the recorder allocates meanwhile is counted under the tag
/// `scrubjay`. A gauge is an `f64`: exact up to 2^53, 8 PiB.
///
/// ```
/// use scrubjay::Scrubjay;
///
/// #[global_allocator]
/// static ALLOCATOR: Scrubjay = Scrubjay::new();
///
/// scrubjay::exports::metrics::describe();
/// scrubjay::exports::metrics::publish();
/// ```
pub fn publish() {
    own::account(|| {
        let now = Figures::now();
        FAMILIES.iter().for_each(|family| family.publish(&now));
    });
}

impl Family {
    fn publish(&self, now: &Figures) {
        for (labels, value) in self.values(now) {
            match self.kind {
                Kind::Counter => counter!(self.name, &labels).absolute(value),
                Kind::Amount | Kind::Mark => gauge!(self.name, &labels).set(value as f64),
            }
        }
    }
}

impl End for Sender<()> {
    fn end(self) {}
}

/// Publishes at intervals while it lives: see [`publish_every`].
#[derive(Debug)]
#[must_use = "figures are published while it lives"]
pub struct Publisher {
    _thread: Background<Sender<()>>,
}

/// Describes the figures and publishes them, now and at intervals from now on, until
/// the answer is dropped, on a thread of its own. To be called when the program's
/// recorder is installed: a recorder of one thread alone is not seen. Less than 10 ms
/// count as 10.
///
/// ```
/// use std::time::Duration;
///
/// let publisher = scrubjay::exports::metrics::publish_every(Duration::from_secs(10))?;
/// // … the program serves …
/// drop(publisher);
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
/// Where no thread can be started.
pub fn publish_every(interval: Duration) -> io::Result<Publisher> {
    let interval = interval.max(PUBLISH_INTERVAL_MIN);
    let (end, is_over) = own::account(mpsc::channel::<()>);
    let thread = Background::start("scrubjay-publish", end, move || {
        describe();
        publish();
        while is_over.recv_timeout(interval) == Err(RecvTimeoutError::Timeout) {
            publish();
        }
    })?;
    Ok(Publisher { _thread: thread })
}
