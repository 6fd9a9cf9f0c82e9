//! `cargo xtask bench`: the tables, their records, and their places in the README.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::{instructions, workspace};

/// Where records stand, one a day.
const RECORDS: &str = "benches/record";

/// A table of the comparison's, as that calls it, and what it stands between in
/// the README.
struct Table {
    name: &'static str,
    opening: &'static str,
    closing: &'static str,
}

const TABLES: [Table; 3] = [
    Table {
        name: "cost",
        opening: "<!-- cost: written by `cargo xtask bench` -->\n",
        closing: "<!-- /cost -->",
    },
    Table {
        name: "wiping",
        opening: "<!-- wiping: written by `cargo xtask bench --only wiping` -->\n",
        closing: "<!-- /wiping -->",
    },
    Table {
        name: "stacks",
        opening: "<!-- stacks: written by `cargo xtask bench --only stacks` -->\n",
        closing: "<!-- /stacks -->",
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
    let readme = workspace::root()?.join("README.md");
    let text = fs::read_to_string(&readme).context("README.md")?;
    fs::write(&readme, with_table(&text, table, &times(&record))?).context("README.md")
}

fn named(name: &str) -> Result<&'static Table> {
    TABLES.iter().find(|table| table.name == name).with_context(|| {
        let names = TABLES.map(|table| table.name).join(", ");
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

fn with_table(readme: &str, table: &Table, text: &str) -> Result<String> {
    let start = readme.find(table.opening).context("README.md has no place for the table")?;
    let start = start + table.opening.len();
    let end = readme[start..].find(table.closing).context("README.md does not close the table")?;
    Ok(format!("{}\n{text}\n{}", &readme[..start], &readme[start + end..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_readmes_table_is_replaced_and_the_rest_stays() {
        let [table @ Table { opening, closing, .. }, ..] = &TABLES;
        let readme = format!("before\n{opening}old\n{closing}\nafter\n");
        let record = "command\n\n| a |\n\nMost resident memory, MiB:\n\n| b |\n";
        let new = with_table(&readme, table, &times(record)).unwrap();
        assert_eq!(new, format!("before\n{opening}\ncommand\n\n| a |\n\n{closing}\nafter\n"));
    }
}
