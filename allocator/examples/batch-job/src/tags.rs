//! What this program's memory is for: three tags for each way to read.

use scrubjay::Tag;

/// The tags of one way to read.
pub struct WayTags {
    /// What the reader takes: metadata, pages, decoders.
    pub reading: Tag,
    /// The columns of the table, or of a chunk of it: measurements of people, say,
    /// and so secret.
    pub table: Tag,
    /// What rayon's jobs make of it.
    pub statistics: Tag,
}

/// Threads of the pool, where no job says what it works for.
pub static POOL: Tag = Tag::new("pool");
/// Making the table, and writing its files.
pub static WRITE: Tag = Tag::new("write");

/// The Parquet file at once.
pub static PARQUET_WHOLE: WayTags = WayTags {
    reading: Tag::new("parquet/whole"),
    table: Tag::new("parquet/whole/table").secret(),
    statistics: Tag::new("parquet/whole/statistics"),
};
/// The Parquet file, a row group at a time.
pub static PARQUET_CHUNKED: WayTags = WayTags {
    reading: Tag::new("parquet/chunked"),
    table: Tag::new("parquet/chunked/table").secret(),
    statistics: Tag::new("parquet/chunked/statistics"),
};
/// The HDF5 file at once.
pub static HDF5_WHOLE: WayTags = WayTags {
    reading: Tag::new("hdf5/whole"),
    table: Tag::new("hdf5/whole/table").secret(),
    statistics: Tag::new("hdf5/whole/statistics"),
};
/// The HDF5 file, as many rows at a time.
pub static HDF5_CHUNKED: WayTags = WayTags {
    reading: Tag::new("hdf5/chunked"),
    table: Tag::new("hdf5/chunked/table").secret(),
    statistics: Tag::new("hdf5/chunked/statistics"),
};
