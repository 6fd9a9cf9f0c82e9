//! What the job computes: figures by sensor, on rayon's pool.

use rayon::prelude::*;
use scrubjay::Context;
use serde_json::{Value, json};

use crate::table::{Columns, SENSORS};

/// Rows that one job sums up. Parts are added in the order of the rows, so that sums
/// of floats are the same to the last bit however the table was read.
pub const PART_ROWS: usize = 8192;

/// One sensor's figures.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Figures {
    count: u64,
    first: i64,
    last: i64,
    least: f64,
    greatest: f64,
    sum: f64,
    squares: f64,
}

const NONE: Figures = Figures {
    count: 0,
    first: i64::MAX,
    last: i64::MIN,
    least: f64::INFINITY,
    greatest: f64::NEG_INFINITY,
    sum: 0.0,
    squares: 0.0,
};

impl Figures {
    fn add(&mut self, other: &Self) {
        self.count += other.count;
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
        self.least = self.least.min(other.least);
        self.greatest = self.greatest.max(other.greatest);
        self.sum += other.sum;
        self.squares += other.squares;
    }
}

/// The figures of all sensors.
#[derive(Clone, Debug, PartialEq)]
pub struct Statistics(Vec<Figures>);

impl Statistics {
    /// Of no rows.
    pub fn none() -> Self {
        Self(vec![NONE; SENSORS])
    }

    /// Adds rows, which jobs of rayon's pool sum up for this context.
    pub fn add(&mut self, rows: &Columns, context: Context) {
        let sum_up = context.wrap_each(|part: usize| Self::of_part(rows, part));
        let parts: Vec<Self> =
            (0..rows.row_count().div_ceil(PART_ROWS)).into_par_iter().map(sum_up).collect();
        for part in &parts {
            for (sum, figures) in self.0.iter_mut().zip(&part.0) {
                sum.add(figures);
            }
        }
    }

    fn of_part(rows: &Columns, part: usize) -> Self {
        let mut statistics = Self::none();
        let from = part * PART_ROWS;
        for row in from..rows.row_count().min(from + PART_ROWS) {
            let (time, value) = (rows.time[row], rows.value[row]);
            statistics.0[rows.sensor[row] as usize].add(&Figures {
                count: 1,
                first: time,
                last: time,
                least: value,
                greatest: value,
                sum: value,
                squares: value * value,
            });
        }
        statistics
    }

    /// How many rows were added.
    pub fn row_count(&self) -> u64 {
        self.0.iter().map(|figures| figures.count).sum()
    }

    /// Mean and deviation over all sensors.
    pub fn mean_and_deviation(&self) -> (f64, f64) {
        let (sum, squares) = self.0.iter().fold((0.0, 0.0), |(sum, squares), figures| {
            (sum + figures.sum, squares + figures.squares)
        });
        let count = self.row_count() as f64;
        let mean = sum / count;
        (mean, (squares / count - mean * mean).sqrt())
    }

    /// One array a sensor; floats as their bits, which text could not lose.
    pub fn to_json(&self) -> Value {
        let figures = self.0.iter().map(|of| {
            let floats = [of.least, of.greatest, of.sum, of.squares].map(f64::to_bits);
            json!([of.count, of.first, of.last, floats])
        });
        figures.collect()
    }
}
