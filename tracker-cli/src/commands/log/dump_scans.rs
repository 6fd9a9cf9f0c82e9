//! The part of `scrubjay log dump` for scans.

use scrubjay_log_format::scan::{FLAG_INCOMPLETE, HEADER_RECORDS, Row, SET_RECORDS, Scan};
use scrubjay_log_format::{ChunkHeader, ChunkKind};
use serde_json::json;

use super::dump::{Dump, Field};
use crate::analysis::tables::records;
use crate::commands::scanned::held_by_name;
use crate::error::Error;

impl Dump<'_, '_> {
    /// The scans of a chunk: each by its header, then its rows. Of one that was
    /// being written the records mean nothing.
    pub(super) fn scans(&mut self, header: &ChunkHeader, bytes: &[u8]) -> Result<(), Error> {
        let ledger = self.ledger;
        for (index, offset, record) in records(self.file, header, ChunkKind::Scans, bytes) {
            if record.iter().all(|&byte| byte == 0) {
                continue;
            }
            let (set, at) = (index / SET_RECORDS, index % SET_RECORDS);
            let known = ledger.scans.in_set(set);
            let head = [("set", json!(set)), ("is_whole", json!(known.is_some()))];
            match (at.checked_sub(HEADER_RECORDS), known) {
                (None, _) if at > 0 => {}
                (None, None) => self.line(offset, "scan", &head)?,
                (None, Some((scan, rows))) => {
                    let fields = self.scan(scan, rows.len());
                    self.line(offset, "scan", &[&head[..], &fields].concat())?;
                }
                (Some(row), Some((scan, rows))) => {
                    if let Some(row) = rows.get(row as usize) {
                        let fields = self.scan_row(scan.number, row);
                        self.line(offset, "scan-row", &fields)?;
                    }
                }
                (Some(_), None) => {}
            }
        }
        Ok(())
    }

    fn scan(&self, scan: &Scan, row_count: usize) -> Vec<Field<'static>> {
        vec![
            ("number", json!(scan.number)),
            ("at_ns", json!(self.clock.ns(scan.ticks))),
            ("pause_ns", json!(scan.pause_ns)),
            ("blocks", json!(scan.blocks)),
            ("bytes", json!(scan.bytes)),
            ("threads_stopped", json!(scan.stopped_count)),
            ("threads_running", json!(scan.running_count)),
            ("is_incomplete", json!(scan.flags & FLAG_INCOMPLETE != 0)),
            ("root_bytes", json!(scan.root_bytes)),
            ("block_bytes", json!(scan.block_bytes)),
            ("unreadable_root_bytes", json!(scan.unreadable_root_bytes)),
            ("unreadable_block_bytes", json!(scan.unreadable_block_bytes)),
            ("missed_count", json!(scan.missed_count)),
            ("rows", json!(row_count)),
            ("rowless_blocks", json!(scan.rowless_blocks)),
            ("rowless_bytes", json!(scan.rowless_bytes)),
            ("unrecorded_blocks", json!(scan.unrecorded_blocks)),
        ]
    }

    fn scan_row(&self, number: u64, row: &Row) -> Vec<Field<'static>> {
        vec![
            ("number", json!(number)),
            ("site", json!(row.site)),
            ("tag", json!(self.ledger.name(self.ledger.sites.tag(row.site)))),
            ("held_by", json!(held_by_name(row.held_by))),
            ("blocks", json!(row.blocks)),
            ("bytes", json!(row.bytes)),
            ("born_ns", json!(self.clock.ns(row.born_ticks))),
        ]
    }
}
