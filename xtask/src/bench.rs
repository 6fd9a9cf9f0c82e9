//! `cargo xtask bench`: the tables, their records, and their places in the README.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::readme::{Place, RECORDS};
use crate::{instructions, workspace};

/// A table of the comparison's, as that calls it, and its place in the README.
struct Table {
    name: &'static str,
    place: Place,
}

static TABLES: [Table; 5] = [
    Table {
        name: "cost",
        place: Place {
            opening: "<!-- cost: written by `cargo xtask bench` -->\n",
            closing: "<!-- /cost -->",
        },
    },
    Table {
        name: "wiping",
        place: Place {
            opening: "<!-- wiping: written by `cargo xtask bench --only wiping` -->\n",
            closing: "<!-- /wiping -->",
        },
    },
    Table {
        name: "stacks",
        place: Place {
            opening: "<!-- stacks: written by `cargo xtask bench --only stacks` -->\n",
            closing: "<!-- /stacks -->",
        },
    },
    Table {
        name: "leaks",
        place: Place {
            opening: "<!-- leaks: written by `cargo xtask bench --only leaks` -->\n",
            closing: "<!-- /leaks -->",
        },
    },
    Table {
        name: "travel",
        place: Place {
            opening: "<!-- travel: written by `cargo xtask bench --only travel` -->\n",
            closing: "<!-- /travel -->",
        },
    },
];

/// Runs what the arguments ask for.
pub fn run(arguments: &[String]) -> Result<()> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        [] => record("cost"),
        ["--only", name] => record(name),
        ["--quick"] => quick("cost"),
        ["--only", name, "--quick"] | ["--quick", "--only", name] => quick(name),
        ["--instructions"] => instructions::check().map(|_| ()),
        ["--update-instructions"] => instructions::update(),
        _ => bail!(
            "bench takes --quick, --only TABLE, --instructions or --update-instructions, \
             not {words:?}"
        ),
    }
}

/// Two rounds: to see that it works, not to quote.
fn quick(name: &str) -> Result<()> {
    workspace::run(&mut comparison(&["--table", named(name)?.name, "--rounds", "2"])?)
}

/// Measures, keeps the record, and shows it in the README.
fn record(name: &str) -> Result<()> {
    let table = named(name)?;
    let folder = workspace::root()?.join(RECORDS);
    fs::create_dir_all(&folder).context(RECORDS)?;
    workspace::run(comparison(&["--table", table.name, "--record"])?.arg(&folder))?;
    let record = newest(&folder, table.name)?;
    table.place.fill(&times(&record))
}

fn named(name: &str) -> Result<&'static Table> {
    TABLES.iter().find(|table| table.name == name).with_context(|| {
        let names = TABLES.iter().map(|table| table.name).collect::<Vec<_>>().join(", ");
        format!("there is no table {name}, but {names}")
    })
}

fn comparison(options: &[&str]) -> Result<std::process::Command> {
    let bench = ["bench", "-p", "scrubjay-benches", "--bench", "comparison", "--"];
    workspace::cargo(&[&bench[..], options].concat())
}

/// The text of a table's record that was written last.
fn newest(folder: &Path, table: &str) -> Result<String> {
    let end = format!("-{table}.txt");
    let mut texts: Vec<_> = fs::read_dir(folder)
        .context(RECORDS)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.to_string_lossy().ends_with(&end))
        .collect();
    // Their names begin with the date.
    texts.sort();
    let newest = texts.last().context("there is no record")?;
    fs::read_to_string(newest).with_context(|| newest.display().to_string())
}

/// A record up to its table of memory.
fn times(record: &str) -> String {
    let end = record.find("\nMost resident memory").unwrap_or(record.len());
    record[..end].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_shown_without_its_memory() {
        let record = "command\n\n| a |\n\nMost resident memory, MiB:\n\n| b |\n";
        assert_eq!(times(record), "command\n\n| a |\n");
    }
}
