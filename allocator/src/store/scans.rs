//! What scans found, in sets that take turns.

use core::sync::atomic::Ordering;

use scrubjay_log_format::scan::{
    HEADER_RECORDS, ROW_COUNT_MAX, Row, SET_COUNT, SET_RECORDS, SIZE, Scan,
};

use super::{Store, store_bytes};

impl Store {
    /// Adds a scan, which gets the next number; rows that find no room are counted
    /// in its header. Answers the number; `None` where there is no room at all. The
    /// caller holds the lock on scans.
    pub(crate) fn add_scan(&self, mut scan: Scan, rows: &[Row]) -> Option<u64> {
        scan.number = self.scan_count.load(Ordering::Relaxed) + 1;
        let first = (scan.number % u64::from(SET_COUNT)) as u32 * SET_RECORDS;
        // All places first: without them the set stays as it was.
        for index in first..first + HEADER_RECORDS {
            self.scan_record_or_take(index)?;
        }
        let places = first + HEADER_RECORDS..first + HEADER_RECORDS + ROW_COUNT_MAX;
        let room = rows.iter().zip(places.clone());
        let room = room.take_while(|(_, at)| self.scan_record_or_take(*at).is_some()).count();
        let (rows, rowless) = rows.split_at(room);
        for row in rowless {
            scan.rowless_blocks += row.blocks;
            scan.rowless_bytes += row.bytes;
        }
        // From here on until its number stands there again the set is none.
        self.scan_record(first)?[0].swap(0, Ordering::SeqCst);
        let mut behind = places;
        for (row, at) in rows.iter().zip(&mut behind) {
            if let Some(words) = self.scan_record(at) {
                store_bytes(words, &row.encode());
            }
        }
        for words in behind.map_while(|at| self.scan_record(at)) {
            if words.iter().all(|word| word.load(Ordering::Relaxed) == 0) {
                break;
            }
            words.iter().for_each(|word| word.store(0, Ordering::Relaxed));
        }
        let header = scan.encode(rows);
        for (at, piece) in (first..first + HEADER_RECORDS).zip(header.as_chunks::<SIZE>().0).rev() {
            store_bytes(self.scan_record(at)?, piece);
        }
        self.scan_count.store(scan.number, Ordering::Relaxed);
        Some(scan.number)
    }
}
