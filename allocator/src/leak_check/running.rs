//! A check under way: its context, its rounds, its verdict.

use std::thread::sleep;
use std::time::{Duration, Instant};

use super::growth::Growth;
use super::report::{Exceeded, Leak, LeakKind, LeakReport, Limit, Signals};
use super::survey::{Group, Survey};
use super::{LeakCheck, LeakCheckError, Pattern, paths, ready};
use crate::clock;
use crate::context::{Adopted, Context, set_owner};
use crate::own;
use crate::owner::{self, Bill};
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
    path: String,
    owner: u32,
    /// When, in ticks.
    start: u64,
}

/// A check whose context is the thread's.
#[derive(Debug)]
pub(super) struct Entered {
    running: Running,
    adopted: Adopted,
}

impl Drop for Running {
    fn drop(&mut self) {
        owner::end(self.owner);
    }
}

/// Runs what belongs to the check itself: its blocks are nobody's.
fn apart<T>(then: impl FnOnce() -> T) -> T {
    let before = set_owner(0);
    let done = own::account(then);
    set_owner(before);
    done
}

fn thread_number() -> u32 {
    let number = thread::here(|here| here.slot.get().map_or(0, Slot::thread_number));
    number.unwrap_or(0)
}

impl Running {
    /// Begins a context for work of that type, or under that name.
    pub(super) fn begin(check: LeakCheck, work: &str) -> Result<Self, LeakCheckError> {
        ready()?;
        let owner = owner::begin(thread_number()).ok_or(LeakCheckError::NoRoom)?;
        apart(|| {
            let path = paths::of_type(work).to_owned();
            paths::note(&path);
            let running = Self { check, path, owner, start: clock::ticks() };
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
            owner.clear();
        }
        bill.allocated_blocks > 0
    }

    fn bill(&self) -> Bill {
        owner::get(self.owner).map(owner::Owner::bill).unwrap_or_default()
    }

    /// Makes the context the thread's.
    pub(super) fn enter(self) -> Entered {
        let adopted = Context::of(self.owner).adopt();
        Entered { running: self, adopted }
    }

    /// Runs work once.
    pub(super) fn once<T>(self, work: impl FnOnce() -> T) -> (T, LeakReport) {
        let adopted = Context::of(self.owner).adopt();
        let done = work();
        drop(adopted);
        let report = apart(|| self.judge_once());
        (done, report)
    }

    /// Runs work as often as it takes.
    pub(super) fn rounds(self, work: &mut dyn FnMut()) -> LeakReport {
        let mut growth = Growth::default();
        let mut bills = Vec::new();
        let mut round = 0;
        loop {
            let next = growth.next_look(self.check.rounds_max);
            let Some(next) = next.filter(|_| round == 0 || growth.is_open()) else {
                return apart(|| self.judge(&growth, &bills));
            };
            while round < next {
                bills = self.round(work, bills);
                round += 1;
            }
            let is_over = apart(|| {
                self.calm_down();
                let survey = Survey::take(self.owner, self.start, &self.path);
                growth.look(survey.groups().map(|group| (group.site, group.bytes)));
                survey.groups().next().is_none() || survey.groups().any(Group::is_lost)
            });
            if is_over {
                return apart(|| self.judge(&growth, &bills));
            }
        }
    }

    /// One round; its own figures are added to those before.
    fn round(&self, work: &mut dyn FnMut(), mut bills: Vec<Bill>) -> Vec<Bill> {
        if let Some(owner) = owner::get(self.owner) {
            owner.reset_peak();
        }
        let before = self.bill();
        let adopted = Context::of(self.owner).adopt();
        work();
        drop(adopted);
        let after = self.bill();
        apart(|| bills.push(after.since(&before)));
        bills
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

    /// Waits until nothing is left that would be called a leak, or the time is
    /// over; answers what is left then.
    fn settled(&self, is_leak: impl Fn(&Group) -> bool) -> Survey {
        let (start, mut step) = (Instant::now(), STEP_MAX);
        loop {
            let survey = Survey::take(self.owner, self.start, &self.path);
            let left = self.check.settle.saturating_sub(start.elapsed());
            if left.is_zero() || !survey.groups().any(&is_leak) {
                return survey;
            }
            sleep(step.min(left));
            step *= 2;
        }
    }

    fn judge_once(&self) -> LeakReport {
        self.calm_down();
        let survey = self.settled(Group::is_lost);
        self.report(&survey, &Growth::default(), 1, &[self.bill()])
    }

    fn judge(&self, growth: &Growth, bills: &[Bill]) -> LeakReport {
        let survey = self.settled(|group| group.is_lost() || growth.grows(group.site));
        self.report(&survey, growth, bills.len() as u32, bills)
    }

    fn report(&self, survey: &Survey, growth: &Growth, rounds: u32, bills: &[Bill]) -> LeakReport {
        let name = self.check.name.clone().unwrap_or_else(|| self.path.clone());
        let mut report = LeakReport {
            name,
            rounds,
            signals: Signals {
                reach: survey.is_scanned(),
                warm_up: rounds > 1,
                growth: growth.last_round() > 8,
            },
            peak_bytes: bills.iter().map(|bill| bill.peak_bytes).min().unwrap_or(0),
            pause_ns: survey.pause_ns(),
            doubts: survey.doubts(),
            ..LeakReport::default()
        };
        let mut unused: Vec<bool> = self.check.allowed.iter().map(|_| true).collect();
        for group in survey.groups() {
            let kind = match group {
                group if group.is_lost() => LeakKind::Lost,
                group if growth.grows(group.site) => LeakKind::Growing,
                _ => LeakKind::Kept,
            };
            let leak = Leak::of(group, kind, growth.levels(group.site));
            let allowed = self.check.allowed.iter().position(|allowed| match &allowed.what {
                Pattern::Site(path) => leak.frames.iter().any(|at| at.function.contains(path)),
                Pattern::HeldBy(holder) => leak.held_by == *holder,
            });
            match (kind, allowed) {
                (LeakKind::Kept, _) => report.kept.push(leak),
                (_, Some(index)) => {
                    unused[index] = false;
                    report.allowed.push((leak, self.check.allowed[index].reason.clone()));
                }
                (_, None) => report.leaks.push(leak),
            }
        }
        let unused = self.check.allowed.iter().zip(unused).filter(|(_, is_unused)| *is_unused);
        report.unused = unused.map(|(allowed, _)| allowed.reason.clone()).collect();
        report.exceeded = self.exceeded(&report, bills);
        report.sort();
        report
    }

    /// The limits that are exceeded: those of a round by the best of them, since
    /// the first makes what later ones find.
    fn exceeded(&self, report: &LeakReport, bills: &[Bill]) -> Vec<Exceeded> {
        let limits = &self.check.limits;
        let least = |figure: fn(&Bill) -> u64| bills.iter().map(figure).min().unwrap_or(0);
        let leaked = [
            (Limit::LeakedBytes, report.leaked_bytes(), Some(limits.leaked_bytes)),
            (Limit::LeakedBlocks, report.leaked_blocks(), Some(limits.leaked_blocks)),
            (Limit::PeakBytes, report.peak_bytes, limits.peak_bytes),
            (Limit::AllocatedBytes, least(|bill| bill.allocated_bytes), limits.allocated_bytes),
            (Limit::AllocatedBlocks, least(|bill| bill.allocated_blocks), limits.allocated_blocks),
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
        let Self { running, adopted } = self;
        drop(adopted);
        apart(|| running.judge_once())
    }
}
