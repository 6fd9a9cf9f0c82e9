//! A check under way: its context, its rounds, its verdict.

use std::collections::HashSet;
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::apart::apart;
use super::descriptors::Descriptor;
use super::growth::Growth;
use super::held_by::HeldBy;
use super::outcome::Outcome;
use super::report::{Exceeded, Leak, LeakKind, LeakReport, Limit, Signals};
use super::suppressed::Files;
use super::survey::{Check, Group, Survey};
use super::{LeakCheck, LeakCheckError, Pattern, descriptors, orphans, paths, ready};
use crate::clock;
use crate::context::{Adopted, Context};
use crate::dump::dump;
use crate::owner::{self, Totals};
use crate::stack::scrub_stack;
use crate::thread::{self, Slot};

/// The first pause between two looks at whether blocks were released.
const STEP_MIN: Duration = Duration::from_micros(50);
/// And the longest.
const STEP_MAX: Duration = Duration::from_millis(10);
/// How long what is left must not have changed for a first look.
const CALM: Duration = Duration::from_millis(5);

/// A check whose context has begun.
#[derive(Debug)]
pub(super) struct Running {
    check: LeakCheck,
    known: Files,
    path: String,
    owner: u32,
    /// When, in ticks.
    start: u64,
    rounds: u32,
    /// After which round it is to be looked at what is left; 0 for never more.
    next_look: u32,
    growth: Growth,
    /// The last look, if something was lost.
    lost: Option<Survey>,
    /// The least that a round took.
    least: Option<Totals>,
    /// Descriptors that were open at the last look, if they are checked, and those
    /// that were left open since the look before.
    open: Option<descriptors::Open>,
    left_open: Vec<Descriptor>,
}

/// A check whose context is the thread's.
#[derive(Debug)]
pub(super) struct Entered {
    running: Running,
    before: Totals,
    adopted: Adopted,
}

impl Drop for Running {
    fn drop(&mut self) {
        owner::end(self.owner);
        apart(|| paths::end(&self.path));
    }
}

fn thread_number() -> u32 {
    let number = thread::here(|here| here.slot.get().map_or(0, Slot::thread_number));
    number.unwrap_or(0)
}

impl Running {
    /// Begins a context for work in the function of that path.
    pub(super) fn begin(check: LeakCheck, path: &str) -> Result<Self, LeakCheckError> {
        ready()?;
        let known = apart(|| Files::read(&check.suppressions))?;
        let owner = owner::begin(thread_number(), 0, 0).ok_or(LeakCheckError::NoRoom)?;
        apart(|| {
            paths::begin(path);
            orphans::begin();
            let is_open_checked = check.descriptors;
            let running = Self {
                check,
                known,
                path: path.to_owned(),
                owner,
                start: clock::ticks(),
                rounds: 0,
                next_look: 1,
                growth: Growth::default(),
                lost: None,
                least: None,
                open: is_open_checked.then(descriptors::open),
                left_open: Vec::new(),
            };
            running.is_counted().then_some(running).ok_or(LeakCheckError::NotTheAllocator)
        })
    }

    /// Whether a block is counted at all.
    fn is_counted(&self) -> bool {
        let adopted = Context::of(self.owner).adopt();
        drop(core::hint::black_box(Box::new(0_u64)));
        drop(adopted);
        let bill = self.bill();
        if let Some(owner) = owner::get(self.owner) {
            owner.account().clear();
        }
        bill.allocated_blocks > 0
    }

    fn bill(&self) -> Totals {
        owner::get(self.owner).map(|owner| owner.account().totals()).unwrap_or_default()
    }

    /// Makes the context the thread's.
    pub(super) fn enter(self) -> Entered {
        let before = self.round_begins();
        let adopted = Context::of(self.owner).adopt();
        Entered { running: self, before, adopted }
    }

    /// Whether the work has to run once more for a verdict.
    #[inline(never)]
    pub(super) fn wants_round(&mut self) -> bool {
        if self.rounds == self.next_look {
            self.forget_frames();
            self.look();
        }
        self.rounds < self.next_look
    }

    /// What the work has left below in frames that are gone would hold its blocks
    /// from within those of the check. So whoever calls this has next to nothing
    /// in its own.
    #[inline(always)]
    fn forget_frames(&self) {
        if self.bill().live_blocks > 0 {
            scrub_stack(usize::MAX);
        }
    }

    /// Looks at what is left, and finds out after which round to do so again; 0
    /// where it can be judged.
    #[inline(never)]
    fn look(&mut self) {
        self.next_look = apart(|| self.look_apart());
    }

    fn look_apart(&mut self) -> u32 {
        self.calm_down();
        let survey = self.settled(Group::is_lost);
        self.growth.look(survey.groups().map(|group| (group.place, group.bytes)));
        self.look_at_descriptors();
        let is_clean = survey.groups().next().is_none() && self.left_open.is_empty();
        self.lost = Some(survey).filter(|survey| survey.groups().any(Group::is_lost));
        if is_clean || self.lost.is_some() || !self.growth.is_open() && self.left_open.is_empty() {
            return 0;
        }
        self.growth.next_look(self.check.rounds_max).unwrap_or(0)
    }

    /// What is open that was not at the last look.
    fn look_at_descriptors(&mut self) {
        if let Some(before) = &self.open {
            let open = descriptors::open();
            let new = open.iter().filter(|(known, _)| !before.contains_key(known));
            self.left_open = new.map(|(_, descriptor)| descriptor.clone()).collect();
            self.open = Some(open);
        }
    }

    /// Runs the work once, in frames that are gone afterwards.
    #[inline(never)]
    pub(super) fn round<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let before = self.round_begins();
        let adopted = Context::of(self.owner).adopt();
        let done = work();
        drop(adopted);
        self.round_ends(&before);
        done
    }

    /// The same, of asynchronous work.
    pub(super) async fn round_async<T>(&mut self, work: impl Future<Output = T>) -> T {
        let before = self.round_begins();
        let done = Context::of(self.owner).follow(work).await;
        self.round_ends(&before);
        done
    }

    fn round_begins(&self) -> Totals {
        if let Some(owner) = owner::get(self.owner) {
            owner.account().reset_peak();
        }
        self.bill()
    }

    fn round_ends(&mut self, before: &Totals) {
        let bill = self.bill().since(before);
        self.least = Some(self.least.map_or(bill, |least| least.min(&bill)));
        self.rounds += 1;
    }

    /// Waits until what is left is zero, or does not change any more.
    fn calm_down(&self) {
        let (start, mut step) = (Instant::now(), STEP_MIN);
        let (mut left, mut since) = (self.bill().live_blocks, start);
        while left != 0 && since.elapsed() < CALM && start.elapsed() < self.check.settle {
            sleep(step);
            step = (2 * step).min(STEP_MAX);
            let now = self.bill().live_blocks;
            if now != left {
                (left, since) = (now, Instant::now());
            }
        }
    }

    fn survey(&self) -> Survey {
        let check = Check { owner: self.owner, start: self.start, path: &self.path };
        Survey::take(&|_, block| check.is_of(block))
    }

    /// Waits until nothing is left that would be called a leak, or the time is
    /// over; answers what is left then. Whatever the time, it is looked twice:
    /// others may be moving a block at the first.
    fn settled(&self, is_leak: impl Fn(&Group) -> bool) -> Survey {
        let (start, mut step) = (Instant::now(), STEP_MAX);
        let mut is_first = true;
        loop {
            let survey = self.survey();
            let left = self.check.settle.saturating_sub(start.elapsed());
            if left.is_zero() && !is_first || !survey.groups().any(&is_leak) {
                return survey;
            }
            is_first = false;
            sleep(step.min(left));
            step *= 2;
        }
    }

    /// The verdict.
    #[inline(never)]
    pub(super) fn judge(mut self) -> LeakReport {
        self.forget_frames();
        self.judge_apart()
    }

    #[inline(never)]
    fn judge_apart(&mut self) -> LeakReport {
        apart(|| {
            if self.next_look != 0 {
                self.look();
            }
            let is_leak = |group: &Group| group.is_lost() || self.growth.grows(group.place);
            // What is lost was waited for.
            let survey = self.lost.take().unwrap_or_else(|| self.settled(is_leak));
            orphans::claim(survey.lost());
            let mut report = self.report(&survey);
            if !report.is_ok()
                && let Some(path) = &self.check.dump
                && let Err(error) = dump(path)
            {
                report.doubts.push(format!("no log at {}: {error}", path.display()));
            }
            report
        })
    }

    /// Fails unless the verdict is good.
    #[track_caller]
    pub(super) fn asserted<O: Outcome>(self) -> O {
        self.judge().assert();
        O::passed()
    }

    fn report(&self, survey: &Survey) -> LeakReport {
        let name = self.check.name.clone().unwrap_or_else(|| self.path.clone());
        let mut report = LeakReport {
            name,
            rounds: self.rounds,
            signals: Signals {
                reach: survey.is_scanned(),
                warm_up: self.rounds > 1,
                growth: self.growth.is_judged(),
            },
            descriptors: self.left_open.clone(),
            peak_bytes: self.least.map_or(0, |least| least.peak_bytes),
            pause_ns: survey.pause_ns(),
            doubts: survey.doubts(),
            ..LeakReport::default()
        };
        let mut told = HashSet::new();
        let mut unused: Vec<bool> = self.check.allowed.iter().map(|_| true).collect();
        let kind = |group: &Group| match group {
            group if group.is_lost() => LeakKind::Lost,
            group if self.growth.grows(group.place) => LeakKind::Growing,
            _ => LeakKind::Kept,
        };
        let found: Vec<(&Group, LeakKind)> =
            survey.groups().map(|group| (group, kind(group))).collect();
        for (&(group, kind), reason) in found.iter().zip(self.known.reasons(&found)) {
            let levels = self.growth.levels(group.place);
            let leak = Leak::of(group, survey.holder(group), kind, levels);
            let allowed = self.check.allowed.iter().position(|allowed| match &allowed.what {
                Pattern::Site(path) => leak.frames.iter().any(|at| at.function.contains(path)),
                Pattern::HeldBy(holder) => leak.held_by == *holder,
                Pattern::Static(path) => {
                    leak.held_by == HeldBy::Static && leak.holder.contains(path)
                }
            });
            let reason = allowed.map(|index| self.check.allowed[index].reason.clone()).or(reason);
            match reason {
                _ if kind == LeakKind::Kept => report.kept.push(leak),
                Some(reason) => report.allowed.push((leak, reason)),
                None => {
                    told.insert(group.place);
                    report.leaks.push(leak);
                }
            }
            if let Some(index) = allowed.filter(|_| kind != LeakKind::Kept) {
                unused[index] = false;
            }
        }
        let unused = self.check.allowed.iter().zip(unused).filter(|(_, is_unused)| *is_unused);
        report.unused = unused.map(|(allowed, _)| allowed.reason.clone()).collect();
        report.unused.extend(self.known.unused());
        report.cycles = survey.cycles_at(&told);
        report.exceeded = self.exceeded(&report);
        report.doubt_names();
        report.sort();
        report
    }

    /// The limits that are exceeded: those of a round by the least of all rounds,
    /// since the first makes what later ones find.
    fn exceeded(&self, report: &LeakReport) -> Vec<Exceeded> {
        let limits = &self.check.limits;
        let least = self.least.unwrap_or_default();
        let left_open = report.descriptors.len() as u64;
        let leaked = [
            (Limit::Descriptors, left_open, Some(0)),
            (Limit::LeakedBytes, report.leaked_bytes(), Some(limits.leaked_bytes)),
            (Limit::LeakedBlocks, report.leaked_blocks(), Some(limits.leaked_blocks)),
            (Limit::PeakBytes, report.peak_bytes, limits.peak_bytes),
            (Limit::AllocatedBytes, least.allocated_bytes, limits.allocated_bytes),
            (Limit::AllocatedBlocks, least.allocated_blocks, limits.allocated_blocks),
        ];
        let over = leaked.into_iter().filter_map(|(limit, found, allowed)| {
            let allowed = allowed.filter(|&allowed| found > allowed)?;
            Some(Exceeded { limit, found, allowed })
        });
        over.collect()
    }
}

impl Entered {
    /// Ends the check and answers what it found.
    pub(super) fn finish(self) -> LeakReport {
        let Self { mut running, before, adopted } = self;
        drop(adopted);
        running.round_ends(&before);
        running.judge()
    }
}
