//! The ways to read the table, and what each of them held.

use std::ops::Range;
use std::path::Path;

use scrubjay::{Bill, Context, Lease};

use crate::error::Result;
use crate::hdf5_file::Hdf5File;
use crate::parquet_file::ParquetFile;
use crate::resident::Watch;
use crate::statistics::Statistics;
use crate::table::Columns;
use crate::tags::{self, WayTags};

/// A file that is open.
pub trait Source {
    /// Rows of its table.
    fn row_count(&self) -> usize;

    /// Some of its rows, under the table's tag; a range must begin and end with chunks.
    fn read(&self, rows: Range<usize>, tags: &'static WayTags) -> Result<Columns>;
}

/// What one way came to.
pub struct Held {
    /// The bill of all its work, on all threads.
    pub bill: Bill,
    /// How far resident memory rose; `None` where the kernel does not say.
    pub resident_rise: Option<u64>,
    /// What it computed.
    pub statistics: Statistics,
}

/// Reads both files in both ways, one after the other.
pub fn compare(parquet: &Path, hdf5: &Path, chunk_rows: usize) -> Result<Vec<Held>> {
    let whole = usize::MAX;
    Ok(vec![
        measure(&tags::PARQUET_WHOLE, whole, || ParquetFile::open(parquet))?,
        measure(&tags::PARQUET_CHUNKED, chunk_rows, || ParquetFile::open(parquet))?,
        measure(&tags::HDF5_WHOLE, whole, || Hdf5File::open(hdf5))?,
        measure(&tags::HDF5_CHUNKED, chunk_rows, || Hdf5File::open(hdf5))?,
    ])
}

fn measure<S: Source>(
    tags: &'static WayTags,
    step: usize,
    open: impl FnOnce() -> Result<S>,
) -> Result<Held> {
    // Its own statistics are the caller's, and live on when the lease has ended.
    let mut statistics = Statistics::none();
    let watch = Watch::begin();
    let lease = Lease::begin(tags.reading.name());
    {
        let _scope = tags.reading.enter();
        let source = open()?;
        let mut from = 0;
        while from < source.row_count() {
            let rows = from..source.row_count().min(from.saturating_add(step));
            from = rows.end;
            let columns = source.read(rows, tags)?;
            let _scope = tags.statistics.enter();
            // Of this thread now, for the pool's: the lease and the tag.
            statistics.add(&columns, Context::current());
        }
    }
    let resident_rise = watch.rise();
    Ok(Held { bill: lease.end(), resident_rise, statistics })
}
