//! The text to learn from: sentences about a small world, made from a seed.

use std::fs::File;
use std::io::{BufWriter, Result, Write};
use std::path::Path;

use crate::random::Random;

const ACTORS: &[&str] = &[
    "the heron",
    "a young jay",
    "the miller",
    "my neighbour",
    "the night guard",
    "an old otter",
    "the gardener",
    "her brother",
    "the fox",
    "a travelling clerk",
    "the librarian",
    "the magpie",
];
const ACTIONS: &[&str] =
    &["hides", "finds", "counts", "carries", "forgets", "buries", "sells", "remembers", "cleans"];
const THINGS: &[&str] = &[
    "acorns",
    "silver coins",
    "letters",
    "walnuts",
    "keys",
    "shells",
    "blue feathers",
    "maps",
    "lanterns",
    "apples",
    "glass beads",
    "tickets",
];
const PLACES: &[&str] = &[
    "under the bridge",
    "behind the mill",
    "in the old oak",
    "by the river",
    "near the station",
    "below the roof",
    "at the market",
    "in the reading room",
    "on the island",
];
const TIMES: &[&str] = &[
    "in winter",
    "before dawn",
    "every Friday",
    "after the rain",
    "at noon",
    "when nobody looks",
    "in the long dry summer",
    "at the end of the year",
];

/// Writes `line_count` sentences to a file.
///
/// # Errors
/// What the file system says.
pub fn write(path: &Path, seed: u64, line_count: usize) -> Result<()> {
    let mut random = Random::new(seed, "corpus");
    let mut file = BufWriter::new(File::create(path)?);
    for _ in 0..line_count {
        let actor = random.choose(ACTORS);
        let action = random.choose(ACTIONS);
        let count = 2 + random.below(97);
        let thing = random.choose(THINGS);
        let place = random.choose(PLACES);
        match random.below(3) {
            0 => writeln!(file, "{actor} {action} {count} {thing} {place}.")?,
            1 => {
                let time = random.choose(TIMES);
                writeln!(file, "{time}, {actor} {action} {count} {thing} {place}.")?;
            }
            _ => {
                let other = random.choose(ACTORS);
                writeln!(file, "who {action} {count} {thing} {place}? {actor}, not {other}.")?;
            }
        }
    }
    file.flush()
}
