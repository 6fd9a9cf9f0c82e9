//! The tables: every allocator beside `System`, in one interleaved run.
//!
//! ```text
//! cargo bench -p scrubjay-benches --bench comparison --
//!     [--table cost|wiping|stacks|leaks|travel] [--only WORKLOAD] [--rounds N] [--record FOLDER]
//! ```
//!
//! Each figure is a process of its own. A round runs every allocator once in
//! each setting, in an order that turns from round to round; only figures of
//! one round are compared (see `scrubjay_benches::statistics`).

use std::error::Error;
use std::path::PathBuf;

use scrubjay_benches::machine::Machine;

mod allocators;
mod children;
mod figure;
mod heaptrack;
mod model;
mod overhead;
mod pauses;
mod record;
mod row;
mod settings;
mod share;
mod table;
mod units;

use allocators::Allocator;
use children::Children;
use settings::{Build, DEV, FRAME_POINTERS, RELEASE, Setting};

/// Fewer rounds are for a look, not for a claim.
const ROUNDS: usize = 15;

/// A table: who takes part, under which circumstances.
pub struct Table {
    /// As the command line and the record call it.
    pub name: &'static str,
    /// What makes and records it.
    pub command: &'static str,
    /// Who takes part; the first two are `System`.
    pub allocators: &'static [Allocator],
    /// The columns that tell its settings apart.
    pub columns: &'static [Column],
    /// What its figures are.
    pub unit: Unit,
    builds: &'static [&'static Build],
    settings: fn() -> Vec<Setting>,
}

/// What a table's figures are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// As many times as long as with the first, `System`.
    Ratio,
    /// Nanoseconds: where the first does next to nothing.
    Nanoseconds,
}

/// What tells a table's settings apart.
#[derive(Clone, Copy)]
pub enum Column {
    /// How the programs are built.
    Build,
    /// What they do.
    Workload,
    /// On how many threads.
    Threads,
    /// On a stack of how many frames.
    Depth,
}

const TABLES: &[Table] = &[
    Table {
        name: "cost",
        command: "cargo xtask bench",
        allocators: allocators::COST,
        columns: &[Column::Build, Column::Workload, Column::Threads],
        unit: Unit::Ratio,
        builds: &[&RELEASE, &DEV],
        settings: settings::cost,
    },
    Table {
        name: "wiping",
        command: "cargo xtask bench --only wiping",
        allocators: allocators::WIPING,
        columns: &[Column::Workload],
        unit: Unit::Ratio,
        builds: &[&RELEASE],
        settings: settings::wiping,
    },
    Table {
        name: "stacks",
        command: "cargo xtask bench --only stacks",
        allocators: allocators::STACKS,
        columns: &[Column::Build, Column::Workload, Column::Depth],
        unit: Unit::Ratio,
        builds: &[&FRAME_POINTERS, &RELEASE],
        settings: settings::stacks,
    },
    Table {
        name: "leaks",
        command: "cargo xtask bench --only leaks",
        allocators: allocators::LEAKS,
        columns: &[Column::Build, Column::Workload],
        unit: Unit::Ratio,
        builds: &[&DEV, &RELEASE],
        settings: settings::leaks,
    },
    Table {
        name: "travel",
        command: "cargo xtask bench --only travel",
        allocators: allocators::TRAVEL,
        columns: &[Column::Workload],
        unit: Unit::Nanoseconds,
        builds: &[&RELEASE],
        settings: settings::travel,
    },
];

/// What one setting's rounds gave: for each allocator, for each round.
pub struct Measured {
    setting: Setting,
    nanoseconds: Vec<Vec<f64>>,
    /// An operation's, as whoever counts them says.
    events: f64,
    /// The most over all rounds, in KiB.
    resident: Vec<u64>,
}

struct Options {
    /// Runs everything once and little of it: to see that it works.
    test: bool,
    table: &'static Table,
    /// Settings whose names begin so; all where it is empty.
    only: String,
    rounds: usize,
    record: Option<PathBuf>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::from_arguments()?;
    let table = options.table;
    let mut settings = if options.test { settings::quick() } else { (table.settings)() };
    settings.retain(|setting| setting.name().starts_with(&options.only));
    let children = if options.test {
        Children::built()
    } else {
        Children::build_all(table, &settings, options.record.is_some())?
    };
    // What nobody can do has no row.
    let can = |setting: &Setting| table.allocators.iter().any(|one| children.have(one, setting));
    settings.retain(can);
    let measured = settings.into_iter().map(|setting| Measured::new(setting, table));
    let mut all: Vec<Measured> = measured.collect();
    for round in 0..options.rounds {
        eprintln!("round {} of {}", round + 1, options.rounds);
        for measured in &mut all {
            measured.run(round, &children, table.allocators)?;
        }
    }
    let machine = Machine::here();
    let pauses = pauses::text(table, &children)?;
    let text = table::text(table, &machine, options.rounds, &all, &pauses);
    println!("{text}");
    if let Some(folder) = options.record {
        record::write(&folder, table, &machine, options.rounds, &all, &text)?;
    }
    Ok(())
}

impl Measured {
    fn new(setting: Setting, table: &Table) -> Self {
        let count = table.allocators.len();
        Self {
            setting,
            nanoseconds: vec![Vec::new(); count],
            events: 0.0,
            resident: vec![0; count],
        }
    }

    fn run(
        &mut self,
        round: usize,
        children: &Children,
        allocators: &[Allocator],
    ) -> Result<(), Box<dyn Error>> {
        let count = allocators.len();
        for place in 0..count {
            // Turned by one each round, and backwards every second time, so that
            // nobody always runs after the same neighbour.
            let turned = (place + round) % count;
            let index = if round.is_multiple_of(2) { turned } else { count - 1 - turned };
            if !children.have(&allocators[index], &self.setting) {
                continue;
            }
            let figure = children.run(&allocators[index], &self.setting)?;
            self.nanoseconds[index].push(figure.nanoseconds);
            self.events = self.events.max(figure.events);
            self.resident[index] = self.resident[index].max(figure.resident);
        }
        Ok(())
    }
}

impl Options {
    fn from_arguments() -> Result<Self, Box<dyn Error>> {
        let mut options = Self {
            test: false,
            table: TABLES.first().ok_or("there is no table")?,
            only: String::new(),
            rounds: ROUNDS,
            record: None,
        };
        let mut arguments = std::env::args().skip(1);
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
            match argument.as_str() {
                // Cargo adds it.
                "--bench" => {}
                "--test" => (options.test, options.rounds) = (true, 1),
                "--table" => {
                    let name = value()?;
                    let mut tables = TABLES.iter();
                    let table = tables.find(|table| table.name == name);
                    options.table = table.ok_or(format!("there is no table {name}"))?;
                }
                "--only" => options.only = value()?,
                "--rounds" => options.rounds = value()?.parse()?,
                "--record" => options.record = Some(value()?.into()),
                _ => return Err(format!("unknown option {argument}").into()),
            }
        }
        Ok(options)
    }
}
