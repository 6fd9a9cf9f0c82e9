//! The record of a run: the table, and every round's figures.

use std::error::Error;
use std::fs;
use std::path::Path;

use scrubjay_benches::machine::Machine;
use serde_json::{Value, json};

use crate::allocators::Allocator;
use crate::{Measured, Table};

/// Writes `DATE-TABLE.txt` and `.json`. A second run of a day takes the
/// first one's place: the repository keeps both.
pub fn write(
    folder: &Path,
    table: &Table,
    machine: &Machine,
    rounds: usize,
    all: &[Measured],
    text: &str,
) -> Result<(), Box<dyn Error>> {
    let command = table.command;
    let stem = folder.join(format!("{}-{}", machine.date, table.name));
    let of_setting = |measured| of_setting(measured, table.allocators);
    let settings: Vec<Value> = all.iter().map(of_setting).collect();
    let record = json!({
        "command": command,
        "date": machine.date,
        "processor": machine.processor,
        "kernel": machine.kernel,
        "c_library": machine.c_library,
        "rustc": machine.rustc,
        "rounds": rounds,
        "settings": settings,
    });
    fs::write(stem.with_extension("json"), serde_json::to_string_pretty(&record)? + "\n")?;
    fs::write(stem.with_extension("txt"), format!("`{command}` on {text}"))?;
    eprintln!("wrote {}.txt and .json", stem.display());
    Ok(())
}

fn of_setting(measured: &Measured, allocators: &[Allocator]) -> Value {
    let allocators: Vec<Value> = (0..allocators.len())
        .map(|index| {
            json!({
                "name": allocators[index].name,
                "nanoseconds": measured.nanoseconds[index],
                "resident_kib": measured.resident[index],
            })
        })
        .collect();
    let setting = &measured.setting;
    json!({
        "build": setting.build.name,
        "workload": setting.name(),
        "threads": setting.threads,
        "depth": setting.depth,
        "events": measured.events,
        "allocators": allocators,
    })
}
