//! What an attack found, secret by secret.

use std::collections::BTreeMap;

use super::places::Place;
use super::windows::{Secret, WINDOW_SIZE, Window, Windows};

/// What was found of one secret in one place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Finding {
    /// How many of its windows: each counts once, however often it stands here.
    pub window_count: u64,
    /// How many bytes of memory they cover.
    pub byte_count: u64,
    /// Where the last of them was found.
    pub last_address: u64,
}

/// What was found of one secret.
#[derive(Clone, Debug)]
pub struct Row {
    /// The secret's name.
    pub name: String,
    /// How many distinct windows it has.
    pub window_count: u64,
    /// Where some were found.
    pub places: BTreeMap<Place, Finding>,
}

impl Row {
    /// What was found in freed blocks.
    pub fn freed(&self) -> Finding {
        self.places.get(&Place::Freed).copied().unwrap_or_default()
    }

    /// What was found in live blocks, by tag.
    pub fn live(&self) -> impl Iterator<Item = (&str, Finding)> {
        self.places.iter().filter_map(|(place, finding)| match place {
            Place::Live(tag) => Some((tag.as_str(), *finding)),
            _ => None,
        })
    }

    /// What was found in no block, by where that was.
    pub fn elsewhere(&self) -> impl Iterator<Item = (&str, Finding)> {
        self.places.iter().filter_map(|(place, finding)| match place {
            Place::Elsewhere(name) => Some((name.as_str(), *finding)),
            _ => None,
        })
    }

    /// What was found in the log.
    pub fn log(&self) -> Finding {
        self.places.get(&Place::Log).copied().unwrap_or_default()
    }
}

/// What an attack found.
#[derive(Clone, Debug)]
pub struct Residue {
    /// One row a secret, in the order in which they were given.
    pub rows: Vec<Row>,
    /// How many bytes of memory were read.
    pub read_size: u64,
    /// Mappings that could not be read.
    pub refused: Vec<String>,
    /// How many bytes stand where nobody may read, the attacker neither.
    pub hidden_size: u64,
    /// How many bytes the log has.
    pub log_size: u64,
}

/// Counts what is found while an attack goes on.
pub(super) struct Collector<'a> {
    windows: &'a Windows,
    places: Vec<(Place, Counted)>,
    /// The place of the last window: mostly the next one's too.
    last: usize,
}

/// What was found in one place.
struct Counted {
    /// One bit a window: found here before.
    seen: Vec<u64>,
    /// By secret.
    findings: Vec<Finding>,
    /// Where the last window ended.
    end: u64,
}

impl<'a> Collector<'a> {
    pub(super) fn new(windows: &'a Windows) -> Self {
        Self { windows, places: Vec::new(), last: 0 }
    }

    /// A window was found; within a place, addresses only grow.
    pub(super) fn add(&mut self, place: &Place, window: Window, address: u64) {
        if self.places.get(self.last).is_none_or(|(last, _)| last != place) {
            self.last = self.index(place);
        }
        let counted = &mut self.places[self.last].1;
        let secret = self.windows.secret(window);
        if secret >= counted.findings.len() {
            counted.findings.resize(secret + 1, Finding::default());
        }
        let finding = &mut counted.findings[secret];
        let (word, bit) = (window as usize / 64, window % 64);
        if counted.seen[word] >> bit & 1 == 0 {
            counted.seen[word] |= 1 << bit;
            finding.window_count += 1;
        }
        let end = address + WINDOW_SIZE as u64;
        finding.byte_count += end - address.max(counted.end.min(end));
        finding.last_address = address;
        counted.end = end;
    }

    /// The rows of the report.
    pub(super) fn rows(self, secrets: &[Secret]) -> Vec<Row> {
        let mut rows: Vec<Row> = secrets
            .iter()
            .enumerate()
            .map(|(index, secret)| Row {
                name: secret.name.clone(),
                window_count: self.windows.count(index),
                places: BTreeMap::new(),
            })
            .collect();
        for (place, counted) in self.places {
            for (row, finding) in rows.iter_mut().zip(counted.findings) {
                if finding.window_count > 0 {
                    row.places.insert(place.clone(), finding);
                }
            }
        }
        rows
    }

    fn index(&mut self, place: &Place) -> usize {
        self.places.iter().position(|(known, _)| known == place).unwrap_or_else(|| {
            let seen = vec![0; self.windows.position_count().div_ceil(64)];
            self.places.push((place.clone(), Counted { seen, findings: Vec::new(), end: 0 }));
            self.places.len() - 1
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_count_once_a_place_and_bytes_as_often_as_they_stand() {
        let secrets = ["0123456789", "abcdefghijkl"]
            .map(|text| Secret { name: text.to_owned(), pieces: vec![text.as_bytes().to_vec()] });
        let windows = Windows::of(&secrets);
        let mut found = Collector::new(&windows);
        let mut search = |place: &Place, address: u64, text: &str| {
            windows.search(text.as_bytes(), |at, window| {
                found.add(place, window, address + at as u64);
            });
        };
        search(&Place::Freed, 0, "0123456789 0123456789 abcdefgh");
        search(&Place::Live("tag".into()), 100, "bcdefghijk");
        let rows = found.rows(&secrets);
        let figures = |finding: Finding| (finding.window_count, finding.byte_count);
        assert_eq!(figures(rows[0].freed()), (3, 20));
        assert_eq!(figures(rows[1].freed()), (1, 8));
        assert_eq!(
            rows[1].live().map(|(tag, found)| (tag, figures(found))).last(),
            Some(("tag", (3, 10)))
        );
        assert_eq!(rows[1].log(), Finding::default());
    }
}
