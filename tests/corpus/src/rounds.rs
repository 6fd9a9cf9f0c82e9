//! What the programs over the corpus share: which case is asked for, how many
//! rounds of it, how long they take, what is said about them.
//!
//! A program is called with the name of a case, or `-` for none, a number of
//! rounds to warm up, and a number of rounds to judge behind them. A checker
//! from outside looks at all of them.

use std::time::{Duration, Instant};

use crate::Case;

/// What a program's arguments ask for.
#[derive(Debug)]
pub struct Asked {
    case: Option<&'static Case>,
    warm_up: u32,
    judged: u32,
}

impl Asked {
    /// What this program's arguments say.
    ///
    /// # Panics
    /// If they do not name a case and two numbers of rounds.
    pub fn of_arguments() -> Self {
        Self::of(&std::env::args().skip(1).collect::<Vec<String>>())
    }

    /// What these arguments say, for programs that take others before them.
    ///
    /// # Panics
    /// As for [`Asked::of_arguments`].
    pub fn of(arguments: &[String]) -> Self {
        let [name, warm_up, judged] = arguments else { panic!("usage: CASE|- WARM_UP JUDGED") };
        let case = crate::case(name);
        assert!(case.is_some() || name == "-", "there is no case {name}");
        let number = |text: &str| text.parse().expect("rounds are a number");
        Self { case, warm_up: number(warm_up), judged: number(judged) }
    }

    /// The case, if there is one.
    pub fn case(&self) -> Option<&'static Case> {
        self.case
    }

    /// Runs the rounds that warm up.
    pub fn warm_up(&self) {
        self.run(self.warm_up);
    }

    /// Runs the other rounds, and answers how long they took.
    pub fn judged_rounds(&self) -> Duration {
        let start = Instant::now();
        self.run(self.judged);
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
