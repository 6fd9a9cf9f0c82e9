//! The table: what sensors measured, drawn from a seed.

use std::ops::Range;

/// Sensors that there are.
pub const SENSORS: usize = 64;
/// What a row takes in memory.
pub const ROW_BYTES: usize = size_of::<i32>() + size_of::<i64>() + size_of::<f64>();

/// Rows, column by column.
pub struct Columns {
    /// Which sensor measured, below [`SENSORS`].
    pub sensor: Vec<i32>,
    /// When, in microseconds.
    pub time: Vec<i64>,
    /// What it measured.
    pub value: Vec<f64>,
}

impl Columns {
    /// Room for rows, and not one byte more.
    pub fn with_room(rows: usize) -> Self {
        Self {
            sensor: Vec::with_capacity(rows),
            time: Vec::with_capacity(rows),
            value: Vec::with_capacity(rows),
        }
    }

    /// How many rows there are.
    pub fn row_count(&self) -> usize {
        self.value.len()
    }
}

/// Any rows of the table of this seed: a row depends on its place, not on those before.
pub fn draw(seed: u64, rows: Range<usize>) -> Columns {
    let mut columns = Columns::with_room(rows.len());
    for row in rows {
        let bits = mixed(seed ^ mixed(row as u64));
        let sensor = (bits % SENSORS as u64) as i32;
        // Most are near their sensor's own level: an error summed up in another
        // order would be another one.
        let noise = (mixed(bits) >> 11) as f64 / (1_u64 << 53) as f64;
        columns.sensor.push(sensor);
        columns.time.push(1_700_000_000_000_000 + row as i64 * 1_000 + (bits >> 54) as i64);
        columns.value.push(f64::from(sensor).sqrt() * 10.0 + noise);
    }
    columns
}

/// The finaliser of SplitMix64.
fn mixed(state: u64) -> u64 {
    let mut z = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}
