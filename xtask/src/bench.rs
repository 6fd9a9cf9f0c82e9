//! `cargo xtask bench`: the cost table, its record, and its place in the README.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::{instructions, workspace};

/// Where records stand, one a day.
const RECORDS: &str = "benches/record";
/// What the README's table stands between.
const OPENING: &str = "<!-- cost: written by `cargo xtask bench` -->\n";
const CLOSING: &str = "<!-- /cost -->";

/// Runs what the arguments ask for.
pub fn run(arguments: &[String]) -> Result<()> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        [] => record(),
        // Two rounds: to see that it works, not to quote.
        ["--quick"] => workspace::run(&mut comparison(&["--rounds", "2"])?),
        ["--instructions"] => instructions::check().map(|_| ()),
        ["--update-instructions"] => instructions::update(),
        _ => bail!("bench takes --quick, --instructions or --update-instructions, not {words:?}"),
    }
}

/// Measures, keeps the record, and shows it in the README.
fn record() -> Result<()> {
    let folder = workspace::root()?.join(RECORDS);
    fs::create_dir_all(&folder).context(RECORDS)?;
    workspace::run(comparison(&["--record"])?.arg(&folder))?;
    let record = newest(&folder)?;
    let readme = workspace::root()?.join("README.md");
    let text = fs::read_to_string(&readme).context("README.md")?;
    fs::write(&readme, with_table(&text, &times(&record))?).context("README.md")
}

fn comparison(options: &[&str]) -> Result<std::process::Command> {
    let bench = ["bench", "-p", "scrubjay-benches", "--bench", "comparison", "--"];
    workspace::cargo(&[&bench[..], options].concat())
}

/// The text of the record that was written last.
fn newest(folder: &Path) -> Result<String> {
    let mut texts: Vec<_> = fs::read_dir(folder)
        .context(RECORDS)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "txt"))
        .collect();
    // Their names begin with the date.
    texts.sort();
    let newest = texts.last().context("there is no record")?;
    fs::read_to_string(newest).with_context(|| newest.display().to_string())
}

/// A record up to its second table, which is the one of memory.
fn times(record: &str) -> String {
    let end = record.find("\nMost resident memory").unwrap_or(record.len());
    record[..end].to_owned()
}

fn with_table(readme: &str, table: &str) -> Result<String> {
    let start = readme.find(OPENING).context("README.md has no place for the table")?;
    let start = start + OPENING.len();
    let end = readme[start..].find(CLOSING).context("README.md does not close the table")?;
    Ok(format!("{}\n{table}\n{}", &readme[..start], &readme[start + end..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_readmes_table_is_replaced_and_the_rest_stays() {
        let readme = format!("before\n{OPENING}old\n{CLOSING}\nafter\n");
        let record = "command\n\n| a |\n\nMost resident memory, MiB:\n\n| b |\n";
        let new = with_table(&readme, &times(record)).unwrap();
        assert_eq!(new, format!("before\n{OPENING}\ncommand\n\n| a |\n\n{CLOSING}\nafter\n"));
    }
}
