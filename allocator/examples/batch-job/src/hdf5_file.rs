//! The table as an HDF5 file: a dataset a column, compressed in the C library, by whose
//! `malloc` chunks and caches come.

use std::ops::Range;
use std::path::Path;

use hdf5_metno::{Dataset, File, H5Type};

use crate::error::Result;
use crate::statistics::PART_ROWS;
use crate::table::Columns;
use crate::tags::WayTags;
use crate::ways::Source;

const COLUMNS: [&str; 3] = ["sensor", "time", "value"];

/// Writes chunks one behind the other.
pub fn write(path: &Path, rows: usize, chunks: impl Iterator<Item = Columns>) -> Result<()> {
    let file = File::create(path)?;
    let sensor = create::<i32>(&file, rows, COLUMNS[0])?;
    let time = create::<i64>(&file, rows, COLUMNS[1])?;
    let value = create::<f64>(&file, rows, COLUMNS[2])?;
    let mut from = 0;
    for chunk in chunks {
        let rows = from..from + chunk.row_count();
        sensor.write_slice(&chunk.sensor, rows.clone())?;
        time.write_slice(&chunk.time, rows.clone())?;
        value.write_slice(&chunk.value, rows.clone())?;
        from = rows.end;
    }
    Ok(file.close()?)
}

fn create<T: H5Type>(file: &File, rows: usize, name: &str) -> Result<Dataset> {
    // Small chunks, which fit the library's cache of 1 MiB a dataset.
    let dataset = file.new_dataset::<T>().chunk(PART_ROWS).shuffle().deflate(1);
    Ok(dataset.shape(rows).create(name)?)
}

/// An HDF5 file that is open.
pub struct Hdf5File {
    sensor: Dataset,
    time: Dataset,
    value: Dataset,
}

impl Hdf5File {
    /// Opens it and its datasets.
    pub fn open(path: &Path) -> Result<Self> {
        let file = File::open(path)?;
        let [sensor, time, value] = COLUMNS.map(|name| file.dataset(name));
        Ok(Self { sensor: sensor?, time: time?, value: value? })
    }
}

impl Source for Hdf5File {
    fn row_count(&self) -> usize {
        self.value.size()
    }

    fn read(&self, rows: Range<usize>, tags: &'static WayTags) -> Result<Columns> {
        // The binding allocates a column and little else; the C library has a tag of its own.
        let _scope = tags.table.enter();
        Ok(Columns {
            sensor: read_column(&self.sensor, rows.clone())?,
            time: read_column(&self.time, rows.clone())?,
            value: read_column(&self.value, rows)?,
        })
    }
}

fn read_column<T: H5Type>(dataset: &Dataset, rows: Range<usize>) -> Result<Vec<T>> {
    Ok(dataset.read_slice_1d::<T, _>(rows)?.into_raw_vec_and_offset().0)
}
