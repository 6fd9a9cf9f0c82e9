//! The part of `scrubjay log dump` for symbols that a log carries.

use scrubjay_log_format::{ChunkHeader, SymbolFrames, symbols};
use serde_json::json;

use super::dump::Dump;
use crate::analysis::damage::Damage;
use crate::error::Error;

impl Dump<'_, '_> {
    /// The frames of a chunk, each by its address.
    pub(super) fn symbols(&mut self, header: &ChunkHeader, bytes: &[u8]) -> Result<(), Error> {
        let start = self.file.offset(header.index);
        let mut frames = SymbolFrames::new(bytes);
        loop {
            let at = frames.offset() as u64;
            let frame = match frames.next() {
                None => return Ok(()),
                Some(Ok(frame)) => frame,
                Some(Err(error)) => {
                    let what = format!("symbols: {error}");
                    return self.damage(Damage { offset: start + at, chunk: header.index, what });
                }
            };
            let fields = [
                ("address", json!(format!("{:#x}", frame.address))),
                ("depth", json!(frame.depth)),
                ("function", json!(frame.function)),
                ("file", json!(frame.file)),
                ("line", json!(frame.line)),
                ("column", json!(frame.column)),
                ("is_inlined", json!(frame.flags & symbols::FLAG_INLINED != 0)),
            ];
            self.line(start + at, "symbol", &fields)?;
        }
    }
}
