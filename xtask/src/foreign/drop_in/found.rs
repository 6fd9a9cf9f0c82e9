//! What scrubjay found in a suite: its logs, read by the command line.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::workspace;

/// Tag of what scrubjay takes itself.
const OURS: &str = "scrubjay";

/// What all logs of a suite say together.
#[derive(Default)]
pub struct Found {
    pub processes: u64,
    /// Blocks and bytes that were ever allocated.
    pub blocks: u64,
    pub bytes: u64,
    pub wiped: u64,
    /// Bytes that were given back to the kernel, or kept through a realloc.
    pub unwiped: u64,
    /// Allocations that failed.
    pub refused: u64,
    pub damaged: u64,
    /// Of the process with the highest peak.
    pub peak: Held,
    /// Of the process in which the most was live at its end.
    pub live: Held,
}

/// Bytes, and the site that had the most of them.
#[derive(Default)]
pub struct Held {
    pub bytes: u64,
    pub site_bytes: u64,
    pub function: String,
}

/// Reads all logs in a folder. A log that cannot be verified is an error, and so
/// is a damaged block or a byte that was not wiped.
pub fn read(folder: &Path, tracker: &Path) -> Result<Found> {
    let mut found = Found::default();
    let (mut highest, mut fullest) = (None, None);
    for entry in fs::read_dir(folder)? {
        let log = entry?.path();
        ask(tracker, &["log", "verify"], &log)?;
        let summary = ask(tracker, &["summary", "--json"], &log)?;
        let totals = &summary["totals"];
        found.processes += 1;
        for (sum, name) in [
            (&mut found.blocks, "allocated_blocks"),
            (&mut found.bytes, "allocated_bytes"),
            (&mut found.wiped, "wiped_bytes"),
            (&mut found.unwiped, "unwiped_bytes"),
            (&mut found.refused, "failed_count"),
        ] {
            *sum += number(&totals[name])?;
        }
        found.damaged += number(&summary["losses"]["damaged_blocks"])?;
        keep_greatest(&mut highest, number(&summary["peak"]["bytes"])?, &log);
        keep_greatest(&mut fullest, live_of_others(&summary)?, &log);
    }
    ensure!(found.blocks > 100, "scrubjay was not there");
    ensure!(found.damaged == 0, "{} blocks were damaged", found.damaged);
    ensure!(found.unwiped == 0, "{} bytes were released unwiped", found.unwiped);
    let ((peak, at_peak), (live, at_end)) = highest.zip(fullest).context("there is no log")?;
    found.peak = held(peak, &ask(tracker, &["peak", "--json", "--top", "5"], &at_peak)?)?;
    found.live = held(live, &ask(tracker, &["leaks", "--json", "--top", "5"], &at_end)?)?;
    Ok(found)
}

fn keep_greatest(greatest: &mut Option<(u64, PathBuf)>, bytes: u64, log: &Path) {
    if greatest.as_ref().is_none_or(|(old, _)| *old < bytes) {
        *greatest = Some((bytes, log.to_owned()));
    }
}

/// What is live at the end and not scrubjay's.
fn live_of_others(summary: &Value) -> Result<u64> {
    let tags = summary["tags"].as_array().context("a summary lists tags")?;
    let others = tags.iter().filter(|tag| tag["tag"] != OURS);
    others.map(|tag| number(&tag["live_bytes"])).sum()
}

/// The greatest site of a list, by its innermost function.
fn held(bytes: u64, answer: &Value) -> Result<Held> {
    let sites = answer["sites"].as_array().context("an answer lists sites")?;
    let Some(site) = sites.iter().find(|site| site["tag"] != OURS) else {
        return Ok(Held { bytes, ..Held::default() });
    };
    let frames = site["frames"].as_array().context("a site lists frames")?;
    let mut functions = frames.iter().filter_map(|frame| frame["function"].as_str());
    let function = functions.next().unwrap_or("no known function").to_owned();
    Ok(Held { bytes, site_bytes: number(&site["bytes"]["value"])?, function })
}

fn number(value: &Value) -> Result<u64> {
    value.as_u64().with_context(|| format!("{value} is no count"))
}

/// Asks the command line; findings are an error.
fn ask(tracker: &Path, question: &[&str], log: &Path) -> Result<Value> {
    let mut command = Command::new(tracker);
    let said = workspace::output(command.args(question).arg(log))?;
    // Without `--json` nobody reads it.
    Ok(serde_json::from_str(&said).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_greatest_site_is_named_and_ours_is_not() {
        let ours = serde_json::json!({"tag": OURS, "bytes": {"value": 9}, "frames": []});
        let frames =
            serde_json::json!([{"function": null}, {"function": "a::b"}, {"function": "main"}]);
        let site = serde_json::json!({"tag": "untagged", "bytes": {"value": 7}, "frames": frames});
        let found = held(20, &serde_json::json!({"sites": [ours, site]})).unwrap();
        assert_eq!((found.bytes, found.site_bytes, found.function.as_str()), (20, 7, "a::b"));
    }

    #[test]
    fn a_figure_that_is_missing_is_an_error() {
        assert!(live_of_others(&serde_json::json!({"tags": [{"tag": "untagged"}]})).is_err());
    }
}
