//! How long a program stands still while it is searched for what holds a block.

use std::error::Error;

use crate::Table;
use crate::children::Children;
use crate::units::time;

/// Live blocks and their size; the last is 1 GB.
const HELD: [(u64, u64); 5] =
    [(100, 64), (10_000, 64), (100_000, 64), (1_000_000, 64), (1_000, 1_000_000)];

/// The table, where the run is about leak checks.
pub fn text(table: &Table, children: &Children) -> Result<String, Box<dyn Error>> {
    if table.name != "leaks" {
        return Ok(String::new());
    }
    let mut text = String::from(
        "\nHow long all threads stand still while it is looked what holds a block that is left\n\
         (release; medians of 15):\n\n| live blocks | bytes each | pause |\n| --: | --: | --: |\n",
    );
    for (blocks, size) in HELD {
        let pause = children.pause(blocks, size)?;
        text += &format!("| {blocks} | {size} | {} |\n", time(pause));
    }
    Ok(text)
}
