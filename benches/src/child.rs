//! The program around a workload: one process, one allocator, one figure.
//!
//! ```text
//! with-system --workload pair64 --threads 4 --batches 9 --batch-ms 5
//! with-system --workload pair64 --operations 50000 --batches 1 --depth 20
//! ```
//!
//! It prints the lower quartile over its batches in nanoseconds an operation
//! (what a core spends: with more threads than cores, waiting for a core is not
//! counted), the most memory that was resident, and, where the allocator
//! counts them, its events an operation.

use std::env;
use std::fs;
use std::process::ExitCode;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use crate::depth;
use crate::statistics::lower_quartile;
use crate::workloads::{WORKLOADS, Workload};

/// Once this has passed, three batches are enough.
const PATIENCE: Duration = Duration::from_secs(1);
const BATCHES_MIN: usize = 3;

/// Tells how many events there were so far.
pub type EventCount = fn() -> u64;

/// Runs the body of a test under a check.
pub type Around = fn(&mut dyn FnMut());

/// As [`main`], with each operation under a check of its own.
pub fn checked(around: Around) -> ExitCode {
    answer(Plan::from_arguments(&[], None).map(|plan| Plan { around: Some(around), ..plan }), &[])
}

/// Reads the arguments, measures, prints. Some allocators have workloads that
/// others cannot do, and some count events.
pub fn main(own: &'static [Workload], events: Option<EventCount>) -> ExitCode {
    answer(Plan::from_arguments(own, events), own)
}

fn answer(plan: Option<Plan>, own: &[Workload]) -> ExitCode {
    match plan {
        Some(plan) => {
            let (nanoseconds, events) = plan.measure();
            println!("{nanoseconds} {} {events}", resident_peak());
            ExitCode::SUCCESS
        }
        None => {
            let names: Vec<_> = WORKLOADS.iter().chain(own).map(|workload| workload.name).collect();
            eprintln!("error: needs --workload, one of {}", names.join(", "));
            ExitCode::from(2)
        }
    }
}

struct Plan {
    workload: &'static Workload,
    threads: usize,
    /// A batch's, for each thread; found by trying where 0.
    operations: u64,
    batches: usize,
    batch_time: Duration,
    /// Frames below the workload, where it matters.
    depth: usize,
    events: Option<EventCount>,
    around: Option<Around>,
}

impl Plan {
    fn from_arguments(own: &'static [Workload], events: Option<EventCount>) -> Option<Self> {
        let mut plan = Self {
            workload: WORKLOADS.first()?,
            threads: 1,
            operations: 0,
            batches: 9,
            batch_time: Duration::from_millis(5),
            depth: 0,
            events,
            around: None,
        };
        let mut named = false;
        let mut arguments = env::args().skip(1);
        while let Some(option) = arguments.next() {
            let value = arguments.next()?;
            match option.as_str() {
                "--workload" => {
                    let mut known = WORKLOADS.iter().chain(own);
                    plan.workload = known.find(|workload| workload.name == value)?;
                    named = true;
                }
                "--threads" => plan.threads = value.parse().ok().filter(|&count| count > 0)?,
                "--operations" => plan.operations = value.parse().ok()?,
                "--batches" => plan.batches = value.parse().ok().filter(|&count| count > 0)?,
                "--depth" => plan.depth = value.parse().ok()?,
                "--batch-ms" => plan.batch_time = Duration::from_millis(value.parse().ok()?),
                _ => return None,
            }
        }
        named.then_some(plan)
    }

    /// Nanoseconds an operation, and events an operation.
    fn measure(&self) -> (f64, f64) {
        // Trying is also the warm-up.
        let operations =
            if self.operations > 0 { self.operations } else { self.operations_of_a_batch() };
        let events = || self.events.map_or(0, |events| events());
        let before = events();
        let times = if self.threads == 1 {
            self.batches(|| self.run(operations))
        } else {
            self.batches_of_threads(operations)
        };
        let events = events() - before;
        let all = operations * self.threads as u64;
        let cores = thread::available_parallelism().map_or(1, usize::from).min(self.threads);
        let nanoseconds = lower_quartile(&times) * cores as f64 / all as f64;
        (nanoseconds, events as f64 / (all * times.len() as u64) as f64)
    }

    fn run(&self, operations: u64) {
        let run = self.workload.run;
        depth::below(self.depth, &mut || match self.around {
            Some(around) => (0..operations).for_each(|_| around(&mut || run(1))),
            None => run(operations),
        });
    }

    fn operations_of_a_batch(&self) -> u64 {
        let mut operations = self.workload.operations_min;
        loop {
            let start = Instant::now();
            self.run(operations);
            if start.elapsed() >= self.batch_time {
                return operations;
            }
            operations *= 2;
        }
    }

    /// Nanoseconds of each batch.
    fn batches(&self, mut batch: impl FnMut()) -> Vec<f64> {
        let start = Instant::now();
        let mut times = Vec::with_capacity(self.batches);
        while times.len() < self.batches
            && (times.len() < BATCHES_MIN || start.elapsed() < PATIENCE)
        {
            let start = Instant::now();
            batch();
            times.push(start.elapsed().as_nanos() as f64);
        }
        times
    }

    /// The same with all threads at work from a common start to a common end.
    fn batches_of_threads(&self, operations: u64) -> Vec<f64> {
        let (start, end) = (Barrier::new(self.threads + 1), Barrier::new(self.threads + 1));
        let over = std::sync::atomic::AtomicBool::new(false);
        let relaxed = std::sync::atomic::Ordering::Relaxed;
        thread::scope(|scope| {
            for _ in 0..self.threads {
                scope.spawn(|| {
                    loop {
                        start.wait();
                        if over.load(relaxed) {
                            return;
                        }
                        self.run(operations);
                        end.wait();
                    }
                });
            }
            let times = self.batches(|| {
                start.wait();
                end.wait();
            });
            over.store(true, relaxed);
            start.wait();
            times
        })
    }
}

/// The most memory that was resident so far, in KiB; 0 where the system does
/// not tell.
fn resident_peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    peak.and_then(|peak| peak.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}
