//! What the programs over the corpus share: which case is asked for, how many
//! rounds of it, how long they take, what is said about them.
//!
//! A program is called with the name of a case, or `-` for none, and a number of
//! rounds to warm up. All programs run as many rounds, [`ROUNDS`]; a checker
//! inside a program looks at those behind the warm-up, one from outside at all.

use std::time::{Duration, Instant};

use crate::Case;

/// How often a case runs in one process.
pub const ROUNDS: u32 = 4;

/// What a program's arguments ask for.
#[derive(Debug)]
pub struct Asked {
    /// The case; none, to see what the program leaves behind by itself.
    pub case: Option<&'static Case>,
    /// How many of the rounds come before the checker looks.
    pub warm_up: u32,
}

impl Asked {
    /// What this program's arguments say.
    ///
    /// # Panics
    /// If they do not name a case and a number of rounds.
    pub fn of_arguments() -> Self {
        let arguments: Vec<String> = std::env::args().skip(1).collect();
        let [name, warm_up] = &arguments[..] else { panic!("usage: CASE|- WARM_UP") };
        let case = crate::case(name);
        assert!(case.is_some() || name == "-", "there is no case {name}");
        let warm_up = warm_up.parse().expect("the warm-up is a number");
        assert!(warm_up <= ROUNDS, "there are {ROUNDS} rounds");
        Self { case, warm_up }
    }

    /// Runs the rounds that warm up.
    pub fn warm_up(&self) {
        self.run(self.warm_up);
    }

    /// Runs the other rounds, and answers how long they took.
    pub fn judged_rounds(&self) -> Duration {
        let start = Instant::now();
        self.run(ROUNDS - self.warm_up);
        start.elapsed()
    }

    fn run(&self, rounds: u32) {
        for _ in 0..rounds {
            if let Some(case) = self.case {
                (case.run)();
            }
        }
    }
}

/// Says how long the judged rounds took and what they left, in the one line
/// that whoever starts the program reads: the last one. Programs that do not
/// know what was left say 0.
pub fn say(time: Duration, blocks: i64, bytes: i64) {
    println!("judged: {} ns, {blocks} blocks, {bytes} bytes", time.as_nanos());
}
