//! What one run of a child takes.

/// What a child printed.
pub struct Figure {
    /// Nanoseconds an operation.
    pub nanoseconds: f64,
    /// Most resident memory in KiB; 0 where nobody looked.
    pub resident: u64,
    /// Allocations and frees an operation, where they are counted.
    pub events: f64,
}

impl Figure {
    /// Reads a child's line, from among what others may have printed.
    pub fn parse(said: &str) -> Option<Self> {
        said.lines().find_map(|line| {
            let mut words = line.split(' ');
            let mut number = || words.next()?.parse::<f64>().ok();
            let (nanoseconds, resident, events) = (number()?, number()?, number()?);
            Some(Self { nanoseconds, resident: resident as u64, events })
        })
    }
}
