//! The table as a Parquet file: a row group a chunk, pages compressed by snappy, which
//! is Rust here as everything else.

use std::fs::File;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use parquet::basic::Compression;
use parquet::column::reader::{ColumnReader, get_typed_column_reader};
use parquet::data_type::{DataType, DoubleType, Int32Type, Int64Type};
use parquet::file::properties::WriterProperties;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;

use crate::error::Result;
use crate::table::Columns;
use crate::tags::WayTags;
use crate::ways::Source;

const SCHEMA: &str = "message table {
    REQUIRED INT32 sensor;
    REQUIRED INT64 time;
    REQUIRED DOUBLE value;
}";

/// Writes chunks, each as a row group.
pub fn write(path: &Path, chunks: impl Iterator<Item = Columns>) -> Result<()> {
    let schema = Arc::new(parse_message_type(SCHEMA)?);
    let properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_dictionary_enabled(false)
        .build();
    let mut file = SerializedFileWriter::new(File::create(path)?, schema, Arc::new(properties))?;
    for chunk in chunks {
        let mut group = file.next_row_group()?;
        write_column::<Int32Type>(&mut group, &chunk.sensor)?;
        write_column::<Int64Type>(&mut group, &chunk.time)?;
        write_column::<DoubleType>(&mut group, &chunk.value)?;
        group.close()?;
    }
    file.close()?;
    Ok(())
}

fn write_column<T: DataType>(
    group: &mut SerializedRowGroupWriter<'_, File>,
    values: &[T::T],
) -> Result<()> {
    let mut column = group.next_column()?.ok_or("the schema has fewer columns")?;
    column.typed::<T>().write_batch(values, None, None)?;
    Ok(column.close()?)
}

/// A Parquet file that is open.
pub struct ParquetFile {
    reader: SerializedFileReader<File>,
    /// Where each row group begins, and where the last one ends.
    starts: Vec<usize>,
}

impl ParquetFile {
    /// Opens it, and reads its metadata.
    pub fn open(path: &Path) -> Result<Self> {
        let reader = SerializedFileReader::new(File::open(path)?)?;
        let mut starts = vec![0];
        for group in reader.metadata().row_groups() {
            let start = starts[starts.len() - 1];
            starts.push(start + usize::try_from(group.num_rows())?);
        }
        Ok(Self { reader, starts })
    }
}

impl Source for ParquetFile {
    fn row_count(&self) -> usize {
        self.starts[self.starts.len() - 1]
    }

    fn read(&self, rows: Range<usize>, tags: &'static WayTags) -> Result<Columns> {
        let mut columns = {
            let _scope = tags.table.enter();
            Columns::with_room(rows.len())
        };
        for (index, group) in self.starts.windows(2).enumerate() {
            if group[1] <= rows.start || rows.end <= group[0] {
                continue;
            }
            if group[0] < rows.start || rows.end < group[1] {
                return Err("a chunk is no row group".into());
            }
            let (count, reader) = (group[1] - group[0], self.reader.get_row_group(index)?);
            let column = |index| reader.get_column_reader(index);
            read_column::<Int32Type>(column(0)?, count, &mut columns.sensor)?;
            read_column::<Int64Type>(column(1)?, count, &mut columns.time)?;
            read_column::<DoubleType>(column(2)?, count, &mut columns.value)?;
        }
        Ok(columns)
    }
}

fn read_column<T: DataType>(
    column: ColumnReader,
    count: usize,
    values: &mut Vec<T::T>,
) -> Result<()> {
    let mut column = get_typed_column_reader::<T>(column);
    let end = values.len() + count;
    while values.len() < end {
        let (records, ..) = column.read_records(end - values.len(), None, None, values)?;
        if records == 0 {
            return Err("a column ends early".into());
        }
    }
    Ok(())
}
