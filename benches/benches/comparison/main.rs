//! The cost table: every allocator beside `System`, in one interleaved run.
//!
//! ```text
//! cargo bench -p scrubjay-benches --bench comparison -- [--rounds N] [--record FOLDER]
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
mod record;
mod settings;
mod table;

use allocators::ALLOCATORS;
use children::Children;
use settings::Setting;

/// Fewer rounds are for a look, not for a claim.
const ROUNDS: usize = 15;

/// What one setting's rounds gave: for each allocator, for each round.
pub struct Measured {
    setting: Setting,
    nanoseconds: Vec<Vec<f64>>,
    /// The most over all rounds, in KiB.
    resident: Vec<u64>,
}

struct Options {
    /// Runs everything once and little of it: to see that it works.
    test: bool,
    rounds: usize,
    record: Option<PathBuf>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::from_arguments()?;
    let children = if options.test { Children::built() } else { Children::build_all()? };
    let settings = if options.test { settings::quick() } else { settings::all() };
    let mut all: Vec<Measured> = settings.into_iter().map(Measured::new).collect();
    for round in 0..options.rounds {
        eprintln!("round {} of {}", round + 1, options.rounds);
        for measured in &mut all {
            measured.run(round, &children)?;
        }
    }
    let machine = Machine::here();
    let text = table::text(&machine, options.rounds, &all);
    println!("{text}");
    if let Some(folder) = options.record {
        record::write(&folder, &machine, options.rounds, &all, &text)?;
    }
    Ok(())
}

impl Measured {
    fn new(setting: Setting) -> Self {
        let count = ALLOCATORS.len();
        Self { setting, nanoseconds: vec![Vec::new(); count], resident: vec![0; count] }
    }

    fn run(&mut self, round: usize, children: &Children) -> Result<(), Box<dyn Error>> {
        let count = ALLOCATORS.len();
        for place in 0..count {
            // Turned by one each round, and backwards every second time, so that
            // nobody always runs after the same neighbour.
            let turned = (place + round) % count;
            let index = if round.is_multiple_of(2) { turned } else { count - 1 - turned };
            if !children.have(&ALLOCATORS[index]) {
                continue;
            }
            let figure = children.run(&ALLOCATORS[index], &self.setting)?;
            self.nanoseconds[index].push(figure.nanoseconds);
            self.resident[index] = self.resident[index].max(figure.resident);
        }
        Ok(())
    }
}

impl Options {
    fn from_arguments() -> Result<Self, Box<dyn Error>> {
        let mut options = Self { test: false, rounds: ROUNDS, record: None };
        let mut arguments = std::env::args().skip(1);
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
            match argument.as_str() {
                // Cargo adds it.
                "--bench" => {}
                "--test" => (options.test, options.rounds) = (true, 1),
                "--rounds" => options.rounds = value()?.parse()?,
                "--record" => options.record = Some(value()?.into()),
                _ => return Err(format!("unknown option {argument}").into()),
            }
        }
        Ok(options)
    }
}
