//! Scans as a log has them: sets of records, put together.

use std::collections::BTreeMap;
use std::ops::Range;

use scrubjay_log_format::scan::{Row, SET_COUNT, SET_RECORDS, SIZE, Scan};

use super::damage::{Damage, Damages};

/// A record, and its place in the file.
#[derive(Clone, Copy, Debug)]
struct Record {
    bytes: [u8; SIZE],
    chunk: u32,
    offset: u64,
}

/// The scans that a log has kept.
#[derive(Debug, Default)]
pub struct Scans {
    /// Records that are not zero.
    records: BTreeMap<u32, Record>,
    /// By number, each with its place in the file.
    scans: BTreeMap<u64, (u64, Scan, Vec<Row>)>,
}

impl Scans {
    /// Takes in the record at an index.
    pub fn record(&mut self, index: u32, (chunk, offset): (u32, u64), record: &[u8]) {
        if let Some(&bytes) = record.first_chunk()
            && bytes != [0; SIZE]
        {
            self.records.insert(index, Record { bytes, chunk, offset });
        }
    }

    /// Puts the scans together, once all records are there. Where the process
    /// counted on meanwhile, one that is not whole was being written.
    pub fn settle(&mut self, is_moving: bool, damages: &mut Damages) {
        const NOTHING: [u8; SIZE] = [0; SIZE];
        for set in 0..SET_COUNT {
            let first = set * SET_RECORDS;
            let Some(place) = self.records.get(&first) else { continue };
            let record = |at: u32| {
                let record = self.records.get(&(first + at));
                Some(record.map_or(&NOTHING[..], |record| &record.bytes))
            };
            match Scan::decode(record) {
                Ok(None) => {}
                Ok(Some((scan, rows))) => {
                    self.scans.insert(scan.number, (place.offset, scan, rows));
                }
                Err(_) if is_moving => {}
                Err(error) => damages.add(Damage {
                    offset: place.offset,
                    chunk: place.chunk,
                    what: format!("scan in set {set}: {error}"),
                }),
            }
        }
    }

    /// The scans, the first first, each with its place in the file.
    pub fn all(&self) -> impl Iterator<Item = &(u64, Scan, Vec<Row>)> {
        self.scans.values()
    }

    /// The scan of a set, if one is there that is whole.
    pub fn in_set(&self, set: u32) -> Option<(&Scan, &[Row])> {
        let first = set * SET_RECORDS;
        let place = self.first_in(first..first + 1)?;
        let known = self.scans.values().find(|(offset, ..)| *offset == place);
        known.map(|(_, scan, rows)| (scan, &rows[..]))
    }

    /// Where the first record at one of these places stands in the file, if any is
    /// not zero.
    pub fn first_in(&self, places: Range<u32>) -> Option<u64> {
        self.records.range(places).next().map(|(_, record)| record.offset)
    }
}
