//! What `scrubjay wipes` says, held against sources that it does not read: the
//! program's own report, and the journal, added up event by event.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use scrubjay_tests::log::Log;
use serde_json::Value;

/// Where released bytes went.
const RELEASED: [&str; 4] = ["wiped_bytes", "returned_bytes", "carried_bytes", "unwiped_bytes"];

/// Every tag of the answer against the report that the program wrote just
/// before, which itself took some untagged memory.
pub fn against_report(answer: &Value, path: &Path) -> Result<usize> {
    let report: Value = serde_json::from_str(&fs::read_to_string(path)?)?;
    let tags = rows(&report, "name")?;
    let told = rows(answer, "tag")?;
    ensure!(tags.len() == told.len(), "{} tags reported, {} told", tags.len(), told.len());
    for (name, reported) in tags.into_iter().filter(|(name, _)| *name != "untagged") {
        let row = told.get(name).with_context(|| format!("nothing about {name}"))?;
        for key in ["allocated_bytes", "live_bytes"].into_iter().chain(RELEASED) {
            let (told, reported) = (number(row, key)?, number(reported, key)?);
            ensure!(told == reported, "{name}: {key}: {told} told, {reported} reported");
        }
    }
    Ok(told.len() - 1)
}

/// Every tag of the answer against the journal of the same log.
pub fn against_journal(answer: &Value, path: &Path) -> Result<usize> {
    let log = Log::read(path);
    let mut by_tag: BTreeMap<u32, (i64, i64)> = BTreeMap::new();
    for record in &log.events {
        let (allocated, freed) = by_tag.entry(log.tag_of(record.event.site)).or_default();
        if record.event.kind.allocates() {
            *allocated += record.event.size as i64;
        } else if record.event.kind.frees() {
            *freed += record.event.size as i64;
        }
    }
    let told = rows(answer, "tag")?;
    for (tag, (allocated, freed)) in by_tag {
        let name = &log.tags.get(&tag).context("a tag without a name")?.name;
        let row = told.get(&name[..]).with_context(|| format!("nothing about {name}"))?;
        let released = RELEASED.iter().map(|key| number(row, key)).sum::<Result<i64>>()?;
        let journal = [allocated, allocated - freed, freed];
        let row = [number(row, "allocated_bytes")?, number(row, "live_bytes")?, released];
        ensure!(row == journal, "{name}: {row:?} told, {journal:?} in the journal");
    }
    Ok(told.len())
}

fn rows<'a>(answer: &'a Value, key: &str) -> Result<BTreeMap<&'a str, &'a Value>> {
    let tags = answer["tags"].as_array().context("no \"tags\" in the answer")?;
    tags.iter().map(|tag| Ok((tag[key].as_str().context("a tag without a name")?, tag))).collect()
}

fn number(row: &Value, key: &str) -> Result<i64> {
    row[key].as_i64().with_context(|| format!("no {key:?}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn row(name_key: &str, live: i64, wiped: i64) -> Value {
        json!({
            name_key: "prompt", "allocated_bytes": 100, "live_bytes": live,
            "wiped_bytes": wiped, "returned_bytes": 0, "carried_bytes": 0, "unwiped_bytes": 0,
        })
    }

    #[test]
    fn a_byte_of_difference_is_seen() {
        let folder = std::env::temp_dir().join(format!("xtask-evidence-{}", std::process::id()));
        let untagged = |key: &str| json!({key: "untagged"});
        let report = json!({"tags": [untagged("name"), row("name", 40, 60)]});
        fs::write(&folder, report.to_string()).unwrap();
        let told = |wiped| {
            let answer = json!({"tags": [untagged("tag"), row("tag", 40, wiped)]});
            against_report(&answer, &folder)
        };
        assert_eq!(told(60).unwrap(), 1);
        assert!(told(59).unwrap_err().to_string().contains("prompt: wiped_bytes: 59 told"));
        fs::remove_file(&folder).unwrap();
    }
}
