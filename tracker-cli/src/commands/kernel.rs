//! The part of `scrubjay summary` that sets the heap's figures and the kernel's
//! side by side.

use std::io::Write;

use scrubjay_log_format::vitals::{self as format, NO_LIMIT};
use scrubjay_log_format::{Vitals, process};
use serde::Serialize;

use crate::analysis::clock::Clock;
use crate::analysis::file::LogFile;
use crate::analysis::ledger::Ledger;
use crate::analysis::vitals::steps;
use crate::error::Error;
use crate::output::Output;
use crate::text;

/// What the kernel said of the process.
#[derive(Serialize)]
pub struct Kernel {
    /// Samples that were ever taken; the log keeps some.
    samples: u64,
    /// What they cost all together.
    cost_ns: u64,
    newest: Sample,
    /// Taken soon after the heap's peak.
    at_peak: Option<Sample>,
    /// Of those whose parts are known, that with the most resident bytes.
    greatest: Option<Parts>,
    /// The last one whose parts are known.
    newest_parts: Option<Parts>,
}

#[derive(Serialize)]
struct Sample {
    at_ns: Option<u64>,
    live_bytes: u64,
    external_bytes: u64,
    resident_bytes: u64,
    anonymous_bytes: u64,
    file_bytes: u64,
    shared_bytes: u64,
    greatest_resident_bytes: u64,
    swapped_bytes: u64,
    page_table_bytes: u64,
    threads: u64,
    minor_faults: u64,
    major_faults: u64,
    cgroup: Option<Group>,
    machine_bytes: u64,
    machine_available_bytes: u64,
}

#[derive(Serialize)]
struct Group {
    version: u64,
    usage_bytes: u64,
    limit_bytes: Option<u64>,
}

/// How the heap's figure becomes the kernel's.
#[derive(Serialize)]
struct Parts {
    at_ns: Option<u64>,
    live_bytes: u64,
    /// Their sum and the live bytes are the resident bytes.
    differences: Vec<Difference>,
    resident_bytes: u64,
    /// This process's share of what several have.
    proportional_bytes: u64,
    cost_ns: u64,
}

#[derive(Serialize)]
struct Difference {
    what: &'static str,
    bytes: i64,
}

impl Kernel {
    /// What a log says of it, if it does.
    pub fn new(file: &LogFile, ledger: &Ledger) -> Option<Self> {
        let (clock, samples) = (Clock::new(file), &ledger.vitals);
        let sample = |sample| Sample::new(&clock, sample);
        let parts = |sample| Parts::new(&clock, sample);
        Some(Self {
            samples: file.process[process::VITALS_COUNT],
            cost_ns: file.process[process::VITALS_NS],
            newest: sample(samples.newest()?),
            at_peak: samples.at_peak().map(sample),
            greatest: samples.greatest().and_then(parts),
            newest_parts: samples.newest_with_parts().and_then(parts),
        })
    }

    /// The section.
    pub fn write(&self, out: &mut Output) -> Result<(), Error> {
        writeln!(out, "\n{}", text::heading("The heap and the kernel"))?;
        let peak = self.at_peak.as_ref().filter(|peak| peak.at_ns != self.newest.at_ns);
        for (when, sample) in
            peak.map(|peak| ("peak", peak)).into_iter().chain([("last", &self.newest)])
        {
            sample.write(when, out)?;
        }
        let Sample { greatest_resident_bytes, machine_bytes, machine_available_bytes, .. } =
            self.newest;
        let greatest = text::size(greatest_resident_bytes);
        writeln!(out, "  resident at most {greatest}, at any time")?;
        if machine_bytes > 0 {
            let [free, all] = [machine_available_bytes, machine_bytes].map(text::size);
            writeln!(out, "  the machine had {free} of {all} available")?;
        }
        if let Some(parts) = &self.greatest {
            parts.write(out)?;
        }
        let (count, cost) = (text::plural(self.samples, "sample"), text::time(self.cost_ns));
        writeln!(out, "  {count} took {cost} all together")?;
        Ok(())
    }
}

impl Sample {
    fn new(clock: &Clock, sample: &Vitals) -> Self {
        let word = |index: usize| sample.0[index];
        let group = Group {
            version: word(format::CGROUP_VERSION),
            usage_bytes: word(format::CGROUP_USAGE),
            limit_bytes: Some(word(format::CGROUP_LIMIT)).filter(|&limit| limit != NO_LIMIT),
        };
        Self {
            at_ns: clock.ns(word(format::TICKS)),
            live_bytes: live(sample),
            external_bytes: word(format::EXTERNAL_BYTES),
            resident_bytes: sample.resident_bytes(),
            anonymous_bytes: word(format::ANONYMOUS_BYTES),
            file_bytes: word(format::FILE_BYTES),
            shared_bytes: word(format::SHARED_BYTES),
            greatest_resident_bytes: word(format::GREATEST_BYTES),
            swapped_bytes: word(format::SWAPPED_BYTES),
            page_table_bytes: word(format::PAGE_TABLE_BYTES),
            threads: word(format::THREAD_COUNT),
            minor_faults: word(format::MINOR_FAULT_COUNT),
            major_faults: word(format::MAJOR_FAULT_COUNT),
            cgroup: Some(group).filter(|group| group.version > 0),
            machine_bytes: word(format::MACHINE_BYTES),
            machine_available_bytes: word(format::MACHINE_AVAILABLE_BYTES),
        }
    }

    fn write(&self, when: &str, out: &mut Output) -> Result<(), Error> {
        let [live, resident] = [self.live_bytes, self.resident_bytes].map(text::size);
        let at = text::moment(self.at_ns);
        writeln!(out, "  {when:<5} at {at}: the heap says {live}, the kernel {resident}")?;
        let mut facts = vec![
            format!("{} anonymous", text::size(self.anonymous_bytes)),
            format!("{} of files", text::size(self.file_bytes)),
            format!("{} shared", text::size(self.shared_bytes)),
        ];
        if self.swapped_bytes > 0 {
            facts.push(format!("{} swapped out", text::size(self.swapped_bytes)));
        }
        if self.external_bytes > 0 {
            facts.push(format!("{} external, as was told", text::size(self.external_bytes)));
        }
        writeln!(out, "        {}", facts.join(", "))?;
        if let Some(Group { version, usage_bytes, limit_bytes: Some(limit) }) = self.cgroup {
            let part = text::percent(usage_bytes as i64, limit as i64);
            let [usage, limit] = [usage_bytes, limit].map(text::size);
            writeln!(out, "        control group (v{version}): {usage} of {limit}, {part}")?;
        }
        Ok(())
    }
}

impl Parts {
    fn new(clock: &Clock, sample: &Vitals) -> Option<Self> {
        let differences = steps(sample)?;
        let difference =
            |step: crate::analysis::vitals::Step| Difference { what: step.what, bytes: step.bytes };
        Some(Self {
            at_ns: clock.ns(sample.0[format::TICKS]),
            live_bytes: live(sample),
            differences: differences.into_iter().map(difference).collect(),
            resident_bytes: sample.part_bytes(),
            proportional_bytes: sample.0[format::PROPORTIONAL_BYTES],
            cost_ns: sample.0[format::PARTS_NS],
        })
    }

    fn write(&self, out: &mut Output) -> Result<(), Error> {
        let at = text::moment(self.at_ns);
        writeln!(out, "  from the one to the other, at {at}:")?;
        let mut line = |sign: &str, bytes: u64, what: &str| {
            writeln!(out, "    {sign} {:>11}  {what}", text::size(bytes))
        };
        line(" ", self.live_bytes, "live on the heap")?;
        for Difference { what, bytes } in &self.differences {
            line(if *bytes < 0 { "-" } else { "+" }, bytes.unsigned_abs(), what)?;
        }
        let share = text::size(self.proportional_bytes);
        line("=", self.resident_bytes, &format!("resident; {share} without what others share"))?;
        Ok(())
    }
}

fn live(sample: &Vitals) -> u64 {
    (sample.0[format::LIVE_BYTES] as i64).max(0) as u64
}
