//! What the attacks found, as a table, and what it has to show.

use anyhow::{Result, ensure};
use scrubjay_tests::attack::{DISTINCT_MIN, Finding, Residue, Row, WINDOW_SIZE};

use crate::claims::Claims;

/// Both attacks side by side, and where things were found that are no residue.
pub fn table(with: &Residue, without: &Residue) -> String {
    let mut table = format!(
        "Windows of {WINDOW_SIZE} bytes of each secret, at any alignment, found after everything \
         was dropped.\nOnly windows of at least {DISTINCT_MIN} distinct byte values count: zeros \
         and the like stand everywhere.\n\n"
    );
    table += &format!("{:34} {:>9} │ {:^29} │ {:^29}\n", "", "", "with wiping", "control");
    table += &format!(
        "{:34} {:>9} │ {:>9} {:>9} {:>9} │ {:>9} {:>9} {:>9}\n",
        "secret", "windows", "freed", "live", "elsewhere", "freed", "live", "elsewhere"
    );
    for (with, without) in with.rows.iter().zip(&without.rows) {
        table += &format!(
            "{:34} {:>9} │ {} │ {}\n",
            with.name,
            with.window_count,
            figures(with),
            figures(without)
        );
    }
    table += "\nWhat stands in a live block is no residue: its tag says who still holds it. \
              tokenizers\nkeeps the texts that a thread has seen in a cache of that thread's, and \
              matrix\nmultiplication keeps packed weights in a buffer a thread.\n";
    for (name, residue) in [("with wiping", with), ("control", without)] {
        table += &format!("\nIn live blocks and elsewhere, {name}:\n");
        let lines: Vec<String> = residue.rows.iter().flat_map(lines).collect();
        table += if lines.is_empty() { "  nothing\n" } else { "" };
        table.extend(lines);
    }
    table
}

/// Every row must hold with wiping, and the control must show that the attack
/// is not blind.
pub fn judge(with: &Residue, without: &Residue, claims: &mut Claims) {
    for (with, without) in with.rows.iter().zip(&without.rows) {
        claims.check(&format!("{}: nothing left in freed blocks", with.name), || {
            let freed = with.freed();
            ensure!(
                freed.window_count == 0,
                "{} windows, the last at {:#x}",
                freed.window_count,
                freed.last_address
            );
            seen(without)
        });
    }
    claims.check("nothing of any secret in either log", || {
        for row in with.rows.iter().chain(&without.rows) {
            let log = row.log();
            ensure!(log.window_count == 0, "{}: {} windows", row.name, log.window_count);
        }
        Ok(())
    });
}

fn seen(without: &Row) -> Result<()> {
    let count = without.freed().window_count;
    ensure!(count > 0, "but the control found nothing either: the attack is blind");
    Ok(())
}

fn figures(row: &Row) -> String {
    let live: u64 = row.live().map(|(_, finding)| finding.window_count).sum();
    let elsewhere: u64 = row.elsewhere().map(|(_, finding)| finding.window_count).sum();
    format!("{:>9} {live:>9} {elsewhere:>9}", row.freed().window_count)
}

fn lines(row: &Row) -> Vec<String> {
    let line = |place: String, finding: Finding| {
        let Finding { window_count, byte_count, .. } = finding;
        format!("  {:34} {window_count:>9} windows, {byte_count} bytes in {place}\n", row.name)
    };
    let live = row.live().map(|(tag, finding)| line(format!("live blocks of {tag}"), finding));
    let elsewhere = row.elsewhere().map(|(name, finding)| line(name.to_owned(), finding));
    live.chain(elsewhere).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use scrubjay_tests::attack::Place;

    use super::*;

    fn residue(freed: u64) -> Residue {
        let found = Finding { window_count: freed, byte_count: 8 * freed, last_address: 64 };
        let places = BTreeMap::from([(Place::Freed, found), (Place::Live("a".into()), found)]);
        let row = Row { name: "prompt".into(), window_count: 9, places };
        Residue { rows: vec![row], read_size: 0, refused: vec![], hidden_size: 0, log_size: 0 }
    }

    fn holds(with: u64, without: u64) -> bool {
        let mut claims = Claims::default();
        judge(&residue(with), &residue(without), &mut claims);
        claims.finish().is_ok()
    }

    #[test]
    fn freed_blocks_must_hold_nothing_and_the_control_something() {
        assert!(holds(0, 5));
        assert!(!holds(1, 5));
        assert!(!holds(0, 0));
    }

    #[test]
    fn live_blocks_are_named_by_tag() {
        assert!(
            table(&residue(0), &residue(3)).contains("3 windows, 24 bytes in live blocks of a")
        );
    }
}
