//! A batch job: it makes a table, writes it as a Parquet and as an HDF5 file, reads
//! each whole and in chunks, computes the same on rayon's pool, and tells what each
//! way held.
//!
//! Each way has a lease, whose bill counts what any thread took for it, and tags of its
//! own (`tags.rs`). HDF5 is a C library: with the feature `c-heap`, on by default, what
//! that takes is on the bill, too, and wiped.
//!
//! ```text
//! cargo run --release -p batch-job -- --directory /tmp/batch
//! ```

mod arguments;
mod error;
mod hdf5_file;
mod listing;
mod parquet_file;
mod resident;
mod statistics;
mod table;
mod tags;
mod ways;

use std::fs;
use std::ops::Range;
use std::process::ExitCode;

use scrubjay::{Context, Report, Scrubjay};

use crate::arguments::Arguments;
use crate::error::Result;
use crate::statistics::Statistics;
use crate::table::Columns;

#[global_allocator]
static ALLOCATOR: Scrubjay = Scrubjay::new();

fn main() -> ExitCode {
    let arguments = match Arguments::parse(std::env::args().skip(1)) {
        Ok(Some(arguments)) => arguments,
        Ok(None) => {
            println!("{}", arguments::USAGE);
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::from(2);
        }
    };
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<()> {
    let pool = Context::nobodys().with_tag(&tags::POOL);
    rayon::ThreadPoolBuilder::new()
        .num_threads(arguments.threads)
        .start_handler(pool.start_handler())
        .build_global()?;
    fs::create_dir_all(&arguments.directory)?;
    let [parquet, hdf5] = ["table.parquet", "table.h5"].map(|name| arguments.directory.join(name));
    let written = {
        let _scope = tags::WRITE.enter();
        parquet_file::write(&parquet, chunks(arguments))?;
        hdf5_file::write(&hdf5, arguments.rows, chunks(arguments))?;
        let mut written = Statistics::none();
        chunks(arguments).for_each(|chunk| written.add(&chunk, Context::current()));
        written
    };
    println!(
        "{} rows, {} bytes in memory; {} bytes as Parquet, {} as HDF5 {:?}",
        arguments.rows,
        arguments.rows * table::ROW_BYTES,
        parquet.metadata()?.len(),
        hdf5.metadata()?.len(),
        hdf5_metno::library_version(),
    );

    let ways = ways::compare(&parquet, &hdf5, arguments.chunk_rows)?;
    let report = Report::now();
    for way in &ways {
        let (mean, deviation) = way.statistics.mean_and_deviation();
        let rows = way.statistics.row_count();
        let equal = if way.statistics == written { "as written" } else { "NOT as written" };
        println!("{:16}{rows} rows, mean {mean:.6} ± {deviation:.6}: {equal}", way.bill.name);
    }
    println!();
    listing::print(&ways);
    let answer = listing::to_json(arguments, &written, &ways, &report)?;
    fs::write(arguments.directory.join("bills.json"), answer.to_string())?;
    Ok(())
}

/// The table, made a chunk at a time.
fn chunks(arguments: &Arguments) -> impl Iterator<Item = Columns> {
    let rows =
        |start: usize| -> Range<usize> { start..arguments.rows.min(start + arguments.chunk_rows) };
    let starts = (0..arguments.rows).step_by(arguments.chunk_rows);
    starts.map(move |start| table::draw(arguments.seed, rows(start)))
}
