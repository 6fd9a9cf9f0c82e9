//! Both builds side by side, round by round.

use anyhow::{Result, ensure};
use scrubjay_benches::statistics::lower_quartile;

use super::cost::Cost;
use super::run::{Runner, Settings};

/// Rounds of each; what lasts shorter than this is done several times in one.
const ROUNDS: usize = 5;
const SECONDS_MIN: f64 = 0.5;
const TIMES_MAX: f64 = 50.0;

/// What one way of running took, in each round.
#[derive(Default)]
pub struct Timed {
    /// In seconds, from start to end.
    wall: Vec<f64>,
    /// In seconds that its threads ran.
    processor: Vec<f64>,
    /// In KiB.
    resident: u64,
}

/// All ways of running.
pub struct Timing {
    /// How often the work is done in a round.
    pub times: usize,
    pub plain: Timed,
    pub plain_again: Timed,
    /// The three lines, and nothing else.
    pub dropped_in: Timed,
    /// And a log, in count mode.
    pub logged: Timed,
}

impl Timed {
    /// The lower quartile of its time, in seconds.
    pub fn wall(&self) -> f64 {
        lower_quartile(&self.wall)
    }

    /// The same as a multiple of another's.
    pub fn over(&self, plain: &Self) -> f64 {
        self.wall() / plain.wall()
    }

    /// And that of the time that threads ran.
    pub fn processor_over(&self, plain: &Self) -> f64 {
        lower_quartile(&self.processor) / lower_quartile(&plain.processor)
    }

    /// The greatest memory that was resident, in MiB.
    pub fn resident(&self) -> f64 {
        self.resident as f64 / 1024.0
    }

    fn add(&mut self, cost: Cost) {
        self.wall.push(cost.wall.as_secs_f64());
        self.processor.push(cost.processor.as_secs_f64());
        self.resident = self.resident.max(cost.resident);
    }
}

/// Does the work of both builds in turns.
pub fn time(plain: &Runner, dropped_in: &Runner, log: &Settings) -> Result<Timing> {
    // Also the warm-up.
    let (came_to, first) = plain.work(&[])?;
    let times = (SECONDS_MIN / first.wall.as_secs_f64().max(1e-3)).ceil().clamp(1.0, TIMES_MAX);
    let times = times as usize;
    let mut all: [Timed; 4] = Default::default();
    let ways: [(&Runner, &Settings); 4] =
        [(plain, &[]), (dropped_in, &[]), (dropped_in, log), (plain, &[])];
    for round in 0..ROUNDS {
        for place in 0..ways.len() {
            // There and back: what is first in one round is last in the next.
            let place = if round % 2 == 0 { place } else { ways.len() - 1 - place };
            let (runner, settings) = ways[place];
            let mut sum = Cost::default();
            for _ in 0..times {
                let (came, cost) = runner.work(settings)?;
                ensure!(came == came_to, "it came to something else than in the plain build");
                sum.add(cost);
            }
            all[place].add(sum);
        }
    }
    let [plain, dropped_in, logged, plain_again] = all;
    Ok(Timing { times, plain, plain_again, dropped_in, logged })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn time_and_time_that_threads_ran_are_told_apart_and_the_greatest_memory_stays() {
        let timed = |rounds: [(u64, u64, u64); 2]| {
            let mut timed = Timed::default();
            for (wall, processor, resident) in rounds {
                let [wall, processor] = [wall, processor].map(Duration::from_secs);
                timed.add(Cost { wall, processor, resident });
            }
            timed
        };
        let plain = timed([(4, 1, 2048), (4, 1, 1024)]);
        let other = timed([(6, 3, 1024), (6, 3, 1024)]);
        assert_eq!((other.over(&plain), other.processor_over(&plain)), (1.5, 3.0));
        assert_eq!(plain.resident(), 2.0);
    }
}
