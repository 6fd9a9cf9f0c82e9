//! What an attack may find, and what it must.

use std::collections::BTreeMap;

use crate::attack::{Place, Residue};
use crate::releases::HIDDEN_BY_GLIBC;

use super::probes;
use super::run::{Attacked, Found, SECRETS};

/// Pages of the kernel's own, which nobody can read.
const UNREADABLE: [&str; 3] = ["[vvar]", "[vvar_vclock]", "[vsyscall]"];
/// Where an allocator does not reach: what a program's own code has left in
/// registers and on stacks, by moves and by spilling. Nothing else is allowed.
const BEYOND_REACH: [&str; 3] = [
    "stack of the main thread",
    "stack of a thread that has ended",
    "registers, in the core file's notes",
];

/// What was found outside of blocks: how often, and how much at most.
#[derive(Default)]
pub struct Kinds(BTreeMap<String, (usize, u64)>);

impl Kinds {
    /// Adds what an attack found.
    pub fn add(&mut self, found: &Found) {
        for (attacked, residue) in &found.residues {
            let mut sums: BTreeMap<&str, u64> = BTreeMap::new();
            for row in &residue.rows[..SECRETS] {
                for (kind, found) in row.elsewhere() {
                    *sums.entry(kind).or_default() += found.byte_count;
                }
            }
            for (kind, bytes) in sums {
                let kind = format!("{attacked:?}: {kind}").to_lowercase();
                let (count, most) = self.0.entry(kind).or_default();
                *count += 1;
                *most = bytes.max(*most);
            }
        }
    }

    /// Prints one line a kind.
    pub fn print(&self) {
        for (kind, (count, most)) in &self.0 {
            println!("    {kind}: in {count} attacks, {most} bytes at most");
        }
    }
}

/// Windows of the scenario's secrets in freed blocks, over all that was
/// searched.
fn freed(residue: &Residue) -> u64 {
    residue.rows[..SECRETS].iter().map(|row| row.freed().window_count).sum()
}

/// What is wrong with an attack on a victim that wipes: nothing may be left in
/// freed blocks or in a log, and all of memory must have been seen.
pub fn complaints(found: &Found) -> Vec<String> {
    let mut wrong = Vec::new();
    for (attacked, residue) in &found.residues {
        for row in &residue.rows[..SECRETS] {
            for (place, finding) in &row.places {
                let beyond_reach = |kind: &String| BEYOND_REACH.contains(&&kind[..]);
                if !matches!(place, Place::Elsewhere(kind) if beyond_reach(kind)) {
                    wrong.push(format!(
                        "{attacked:?}: {} windows of {} in {place:?}, the last at {:#x}",
                        finding.window_count, row.name, finding.last_address
                    ));
                }
            }
        }
        wrong.extend(blind_spots(*attacked, residue));
    }
    let labels = found.labels.iter().filter(|(_, count)| **count > 0);
    wrong.extend(labels.map(|(label, count)| format!("{count} windows where {label} was")));
    wrong
}

/// What an attack has not seen of what it should have.
fn blind_spots(attacked: Attacked, residue: &Residue) -> Vec<String> {
    let mut wrong = Vec::new();
    let refused = residue.refused.iter().filter(|path| !UNREADABLE.contains(&&path[..]));
    wrong.extend(refused.map(|path| format!("{attacked:?}: {path:?} could not be read")));
    if residue.hidden_size > 0 {
        wrong.push(format!("{attacked:?}: {} bytes are hidden", residue.hidden_size));
    }
    let missing = probes::missing(residue, SECRETS, attacked != Attacked::Child);
    wrong.extend(missing.iter().map(|probe| format!("{attacked:?}: blind for {probe}")));
    wrong
}

/// What is wrong with a control, where nothing is wiped: something must be
/// found in freed blocks, and where the victim has given single blocks up, in
/// blocks of each kind.
pub fn control_complaints(found: &Found) -> Vec<String> {
    let mut wrong = Vec::new();
    for (attacked, residue) in &found.residues {
        if freed(residue) == 0 {
            wrong.push(format!("{attacked:?}: the control finds nothing"));
        }
    }
    let hidden = |label: &str| HIDDEN_BY_GLIBC.contains(&label) || label == probes::UNWIPED;
    let labels = found.labels.iter().filter(|(label, count)| **count == 0 && !hidden(label));
    wrong.extend(labels.map(|(label, _)| format!("the control finds nothing where {label} was")));
    wrong
}

impl Found {
    /// Windows in freed blocks, by what was searched.
    pub fn freed(&self) -> impl Iterator<Item = (Attacked, u64)> {
        self.residues.iter().map(|(attacked, residue)| (*attacked, freed(residue)))
    }
}
