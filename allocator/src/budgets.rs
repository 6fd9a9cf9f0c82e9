//! Budgets as the program sees and sets them, and what happens to them.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use scrubjay_log_format::pressure::{self as format, PressureEvent, PressureKind};

use crate::budget::{self, Budget, Figures, TOTAL};
use crate::config::Config;
use crate::control::control;
use crate::limits::PRESSURE_STEP_NS;
use crate::tag::{self, Tag};
use crate::{own, pressure, process, register, site, store, thread};

/// A budget at this moment; all sizes in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BudgetStatus {
    /// The tag's name, or `total` for the process's.
    pub name: &'static str,
    /// The hard limit, if there is one.
    pub hard_bytes: Option<u64>,
    /// The soft limit, if there is one.
    pub soft_bytes: Option<u64>,
    /// What of the hard limit only small blocks may use.
    pub headroom_bytes: u64,
    /// What the blocks take that count in it. While other threads allocate it can be
    /// off by what they are about to take or give back.
    pub charged_bytes: u64,
    /// The most that was ever handed out, up to an allowance a thread more than was
    /// ever taken.
    pub most_bytes: u64,
    /// Allocations that found no room in it.
    pub refused_count: u64,
    /// Their bytes.
    pub refused_bytes: u64,
    /// How often the soft limit was passed: counted once more when seven eighths of
    /// it were reached from above in between.
    pub soft_count: u64,
}

/// The budgets that were set, the process's first. Costs some µs.
pub fn budgets() -> Vec<BudgetStatus> {
    let tags = 0..tag::count();
    let nodes = [TOTAL].into_iter().chain(tags).filter(|&node| budget::has_budget(node));
    nodes.map(status_of).collect()
}

fn status_of(node: u32) -> BudgetStatus {
    let Figures { limits, granted, most, refused_count, refused_bytes, soft_count } =
        budget::figures(node);
    let limit = |bytes: u64| Some(bytes).filter(|&bytes| bytes != u64::MAX);
    BudgetStatus {
        name: name_of(node),
        hard_bytes: limit(limits.hard),
        soft_bytes: limit(limits.soft),
        headroom_bytes: limit(limits.hard).map_or(0, |_| limits.headroom),
        charged_bytes: granted.saturating_sub(budget::unused(node)),
        most_bytes: most,
        refused_count,
        refused_bytes,
        soft_count,
    }
}

fn name_of(node: u32) -> &'static str {
    if node == TOTAL { "total" } else { tag::name_or_unknown(node) }
}

/// Sets the budget of the whole process, also while it runs (from the start:
/// [`Config::budget`], or `SCRUBJAY_BUDGET` and `SCRUBJAY_SOFT_BUDGET` in the
/// environment). A limit below what is there refuses until enough is released.
///
/// The first time blocks count from now on; later every block counts.
pub fn set_budget(budget: Budget) {
    set(TOTAL, budget);
}

impl Tag {
    /// Sets the tag's budget, also while it is in use. A limit below what is there
    /// refuses until enough is released.
    ///
    /// If neither the tag nor what stands above it had a budget before, its blocks
    /// count from now on; declare it with [`Budget::unlimited`] to have all counted.
    pub fn set_budget(&'static self, budget: Budget) {
        self.declare();
        // Without room in the registry it counts as untagged, which nobody limits.
        if let Some(index) = self.known_index() {
            set(index, budget);
        }
    }

    /// Registers the tag before its first scope: so its budget is in force for the tags
    /// below it, and its name stands in reports and logs.
    pub fn declare(&'static self) {
        if let Some(store) = process::begin_now(&Config::new()) {
            if self.declared_budget().is_some() {
                process::prepare_refusals(store);
            }
            self.index();
        }
    }

    /// The tag's budget at this moment; `None` where it has none.
    pub fn budget_status(&'static self) -> Option<BudgetStatus> {
        self.declare();
        let index = self.index();
        (index != 0 && budget::has_budget(index)).then(|| status_of(index))
    }
}

fn set(node: u32, budget: Budget) {
    let Some(store) = process::begin_now(&Config::new()) else { return };
    let limits = register::limits_of(budget);
    {
        let _guard = control().tags.wait();
        register::cover(node, Some(limits));
        if let Some(store) = store::current() {
            register::declare_budget(store, node);
        }
    }
    process::prepare_refusals(store);
}

/// While it lives, its thread may use the headroom of every budget: for the way out
/// of a refusal, which has to say what happened.
///
/// ```
/// use scrubjay::Headroom;
///
/// fn shed(why: &str) -> Vec<u8> {
///     let _headroom = Headroom::use_it();
///     format!("HTTP/1.1 503 Service Unavailable\r\n\r\n{why}").into_bytes()
/// }
/// # assert!(shed("no memory").len() > 20);
/// ```
#[must_use = "the headroom is the thread's only while this lives"]
#[derive(Debug)]
pub struct Headroom(core::marker::PhantomData<*const ()>);

impl Headroom {
    /// Lets the calling thread use it.
    pub fn use_it() -> Self {
        thread::here(|here| here.headroom.set(here.headroom.get() + 1));
        Self(core::marker::PhantomData)
    }
}

impl Drop for Headroom {
    fn drop(&mut self) {
        thread::here(|here| here.headroom.set(here.headroom.get().saturating_sub(1)));
    }
}

/// What happened to a budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PressureCause {
    /// Its soft limit was passed.
    SoftLimit,
    /// An allocation was refused, for want of room.
    Refused,
    /// An allocation was refused, since another thread kept the budgets for half a
    /// second.
    Busy,
}

/// What happened to a budget, and what held most of it then.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pressure {
    /// What happened.
    pub cause: PressureCause,
    /// The budget's tag, or `total`.
    pub budget: &'static str,
    /// The tag of the block that was asked for.
    pub tag: &'static str,
    /// Its size in bytes.
    pub size_bytes: u64,
    /// What was handed out of the budget, in bytes; some of it perhaps unused.
    pub granted_bytes: u64,
    /// The limit in bytes.
    pub limit_bytes: u64,
    /// The thread that asked, by its number in the log.
    pub thread: u32,
    /// What held most of it when the soft limit was passed, as far as threads had
    /// published it: tags, or several times a tag for its sites; bytes, greatest
    /// first. Empty for a refusal.
    pub top: Vec<(&'static str, u64)>,
}

impl Pressure {
    fn of(event: &PressureEvent) -> Self {
        let tag_of = |site: u32| tag::name_or_unknown(site::tag_of(site));
        Self {
            cause: match event.kind {
                PressureKind::Soft => PressureCause::SoftLimit,
                PressureKind::Refused => PressureCause::Refused,
                PressureKind::Busy => PressureCause::Busy,
            },
            budget: name_of(event.budget),
            tag: tag_of(event.site),
            size_bytes: event.size,
            granted_bytes: event.granted,
            limit_bytes: event.limit,
            thread: event.thread,
            top: event.top.iter().map(|&(site, bytes)| (tag_of(site), bytes)).collect(),
        }
    }
}

/// Calls back while it lives: see [`on_pressure`].
#[derive(Debug)]
#[must_use = "nobody is called once it is dropped"]
pub struct PressureWatch {
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    /// A forked child has its parent's watch, and not its thread.
    process: u32,
}

/// Calls `then` whenever a soft limit is passed or an allocation is refused, from
/// now on until the answer is dropped. It is called on a thread of its own, outside
/// of any allocation, within some 50 ms; it may allocate, and release what it can.
/// Of more than 256 events at a time it sees the last.
///
/// ```
/// use scrubjay::{Budget, PressureCause, Tag};
/// # use scrubjay::Scrubjay;
/// # #[global_allocator]
/// # static ALLOCATOR: Scrubjay = Scrubjay::new();
///
/// static CACHE: Tag = Tag::new("cache").budget(Budget::soft(512 << 20));
///
/// let watch = scrubjay::on_pressure(|pressure| {
///     if pressure.cause == PressureCause::SoftLimit {
///         eprintln!("{} is over {} bytes", pressure.budget, pressure.limit_bytes);
///         // … drop what can be had again …
///     }
/// })?;
/// # drop(watch);
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
/// Where no thread can be started.
pub fn on_pressure(then: impl FnMut(&Pressure) + Send + 'static) -> io::Result<PressureWatch> {
    let mut then = then;
    let is_over = Arc::new(AtomicBool::new(false));
    let its = Arc::clone(&is_over);
    // What came before is not its affair.
    let mut seen = store::current().map_or(0, |store| store.pressure_event_count());
    let run = move || {
        while !its.load(Ordering::Acquire) {
            let turn = pressure::turn();
            seen = tell(seen, &mut then);
            if !its.load(Ordering::Acquire) {
                pressure::wait(turn, PRESSURE_STEP_NS);
            }
        }
    };
    pressure::watch(true);
    let named = || std::thread::Builder::new().name("scrubjay-budget".to_owned()).spawn(run);
    match own::account(named) {
        Ok(thread) => {
            Ok(PressureWatch { is_over, thread: Some(thread), process: std::process::id() })
        }
        Err(error) => {
            pressure::watch(false);
            Err(error)
        }
    }
}

/// Tells of the events behind one that was seen; answers the last.
fn tell(seen: u64, then: &mut impl FnMut(&Pressure)) -> u64 {
    let Some(store) = store::current() else { return seen };
    let count = store.pressure_event_count();
    // A log that started late, or a child's, counts anew.
    let seen = if count < seen { 0 } else { seen };
    let first = (seen + 1).max(count.saturating_sub(u64::from(format::EVENT_COUNT) - 1));
    for number in first..=count {
        if let Some(event) = store.pressure_event(number) {
            then(&Pressure::of(&event));
        }
    }
    count
}

impl Drop for PressureWatch {
    fn drop(&mut self) {
        if self.process != std::process::id() {
            // The thread is the parent's.
            return;
        }
        self.is_over.store(true, Ordering::Release);
        pressure::watch(false);
        let Some(thread) = self.thread.take() else { return };
        if thread.thread().id() != std::thread::current().id() {
            // A callback that panicked has ended it.
            let _ = thread.join();
        }
    }
}
