//! The part of `scrubjay log dump` for what the kernel said of the process.

use scrubjay_log_format::{ChunkHeader, ChunkKind, Vitals, vitals};
use serde_json::json;

use super::dump::Dump;
use crate::analysis::tables::records;
use crate::error::Error;

impl Dump<'_, '_> {
    /// The samples of a chunk that are whole, each with its place.
    pub(super) fn vitals(&mut self, header: &ChunkHeader, bytes: &[u8]) -> Result<(), Error> {
        for (index, offset, record) in records(self.file, header, ChunkKind::Vitals, bytes) {
            let Ok(Some(sample)) = Vitals::decode(record) else { continue };
            let at = self.clock.ns(sample.0[vitals::TICKS]);
            let fields = vec![("place", json!(index)), ("at_ns", json!(at))];
            self.words(offset, "vitals", fields, &sample.0, &vitals::NAMES)?;
        }
        Ok(())
    }
}
