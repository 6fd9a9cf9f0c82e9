//! What the batch job must have told.

use anyhow::{Context, Result, ensure};
use serde_json::Value;

const FORMATS: [&str; 2] = ["parquet", "hdf5"];
/// What the bindings to HDF5 may take under the table's tag to say which rows they want.
const SELECTION_BYTES: u64 = 1024;
/// What C's memory is counted under.
const OF_C: &str = "c-heap";

/// All ways found the same figures, to the last bit, and they are those of the table as
/// it was made.
pub fn results(bills: &Value) -> Result<()> {
    let written = array(&bills["written"])?;
    let counts = written.iter().map(|sensor| number(&sensor[0]));
    ensure!(counts.sum::<Result<u64>>()? == number(&bills["rows"])?, "rows are missing");
    let ways = array(&bills["ways"])?;
    ensure!(ways.len() == 4, "{} ways", ways.len());
    for way in ways {
        ensure!(
            way["statistics"] == bills["written"],
            "{} computed something else",
            way["bill"]["name"]
        );
    }
    Ok(())
}

/// The rows that a way holds, and no more: all of them, or those of one chunk.
pub fn table_peaks(bills: &Value) -> Result<()> {
    let row = number(&bills["row_bytes"])?;
    let whole = number(&bills["rows"])? * row;
    let chunk = number(&bills["chunk_rows"])? * row;
    for format in FORMATS {
        for (way, expected) in [("whole", whole), ("chunked", chunk)] {
            let name = format!("{format}/{way}");
            let peak = number(&tag(bill(bills, &name)?, &format!("{name}/table"))?["peak_bytes"])?;
            // Parquet's readers fill memory that they are given.
            let more = if format == "hdf5" { SELECTION_BYTES } else { 0 };
            ensure!(
                (expected..=expected + more).contains(&peak),
                "{name} held {peak} bytes of the table, not {expected}"
            );
        }
        println!("{format}: a chunk is 1/{} of the table, in rows and at its peak", whole / chunk);
    }
    Ok(())
}

/// In chunks the peak of the whole bill is lower by the rows that are not held.
pub fn other_peaks(bills: &Value) -> Result<()> {
    let row = number(&bills["row_bytes"])?;
    let (rows, chunk_rows) = (number(&bills["rows"])?, number(&bills["chunk_rows"])?);
    for format in FORMATS {
        let whole = number(&bill(bills, &format!("{format}/whole"))?["peak_bytes"])?;
        let chunked = number(&bill(bills, &format!("{format}/chunked"))?["peak_bytes"])?;
        let [beside_whole, beside_chunk] = [whole - rows * row, chunked - chunk_rows * row];
        println!(
            "{format}: {whole} bytes at the peak, {chunked} in chunks; beside the rows \
             {beside_whole} and {beside_chunk}"
        );
        ensure!(
            beside_chunk <= beside_whole,
            "{format} in chunks holds {beside_chunk} bytes beside its rows, whole {beside_whole}"
        );
    }
    Ok(())
}

/// A bill is the sum of its tags, and of a tag that one way alone has the bill tells all.
pub fn sums(bills: &Value) -> Result<()> {
    for way in array(&bills["ways"])? {
        let bill = &way["bill"];
        let name = bill["name"].as_str().context("a bill has a name")?;
        ensure!(bill["is_counted"] == true, "{name} was not counted");
        let tags = array(&bill["tags"])?;
        for figure in ["allocated_bytes", "allocated_blocks", "wiped_bytes", "live_bytes"] {
            let sum: u64 = tags.iter().map(|tag| number(&tag[figure])).sum::<Result<u64>>()?;
            ensure!(sum == number(&bill[figure])?, "{name}: {figure} of its tags are {sum}");
        }
        let mut own = 0;
        for total in array(&bills["report"]["tags"])? {
            let tag_name = total["name"].as_str().context("a tag has a name")?;
            if !(tag_name == name || tag_name.starts_with(&format!("{name}/"))) {
                continue;
            }
            own += 1;
            let billed = tag(bill, tag_name)?;
            for figure in ["allocated_bytes", "allocated_blocks", "wiped_bytes", "live_bytes"] {
                ensure!(
                    billed[figure] == total[figure],
                    "{tag_name}: {figure} are {} on the bill, {} in all",
                    billed[figure],
                    total[figure]
                );
            }
            ensure!(number(&total["live_bytes"])? == 0, "{tag_name} is not released");
        }
        ensure!(own == 3, "{name} has {own} tags of its own");
    }
    Ok(())
}

/// What C took stands on the bills of HDF5 alone, and what it freed was wiped.
pub fn memory_of_c(bills: &Value) -> Result<()> {
    for way in ["whole", "chunked"] {
        let of_c = tag(bill(bills, &format!("hdf5/{way}"))?, OF_C)?;
        let (allocated, live) = (number(&of_c["allocated_bytes"])?, number(&of_c["live_bytes"])?);
        let blocks = number(&of_c["allocated_blocks"])?;
        println!(
            "hdf5/{way}: C took {allocated} bytes in {blocks} blocks, freed {}, of which {} \
             were wiped",
            allocated - live,
            of_c["wiped_bytes"]
        );
        ensure!(allocated > live, "C freed nothing");
        ensure!(number(&of_c["wiped_bytes"])? > 0, "nothing of C was wiped");
        let parquet = bill(bills, &format!("parquet/{way}"))?;
        ensure!(tag(parquet, OF_C).is_err(), "Parquet took memory of C");
    }
    Ok(())
}

/// Nothing that a secret tag or C freed was left as it was.
pub fn wiped(bills: &Value) -> Result<()> {
    let (mut secret, mut left) = (0, Vec::new());
    for total in array(&bills["report"]["tags"])? {
        if total["is_secret"] != true && total["name"] != OF_C {
            continue;
        }
        secret += 1;
        let [freed, wiped, carried, unwiped] =
            ["freed_bytes", "wiped_bytes", "carried_bytes", "unwiped_bytes"]
                .map(|figure| number(&total[figure]));
        let unwiped = unwiped?;
        let name = total["name"].as_str().unwrap_or_default();
        if unwiped > 0 {
            left.push(format!("{name} released {unwiped} bytes unwiped"));
            continue;
        }
        ensure!(freed? == wiped? + carried?, "{name}: freed bytes do not add up");
    }
    ensure!(left.is_empty(), "{}", left.join("; "));
    ensure!(secret >= FORMATS.len() * 2, "{secret} secret tags");
    Ok(())
}

/// What Rust code took is the same, whether C's memory is seen or not.
pub fn same_of_rust(seeing: &Value, blind: &Value) -> Result<()> {
    for way in array(&seeing["ways"])? {
        let name = way["bill"]["name"].as_str().context("a bill has a name")?;
        let table = format!("{name}/table");
        let [one, other] = [seeing, blind].map(|bills| tag(bill(bills, name)?, &table));
        let (one, other) = (one?, other?);
        ensure!(one == other, "{table}: {one} with c-heap, {other} without");
    }
    Ok(())
}

fn bill<'a>(bills: &'a Value, name: &str) -> Result<&'a Value> {
    let mut ways = array(&bills["ways"])?.iter().map(|way| &way["bill"]);
    ways.find(|bill| bill["name"] == name).with_context(|| format!("no bill of {name}"))
}

fn tag<'a>(bill: &'a Value, name: &str) -> Result<&'a Value> {
    let found = array(&bill["tags"])?.iter().find(|tag| tag["name"] == name);
    found.with_context(|| format!("{name} is not on the bill of {}", bill["name"]))
}

fn array(value: &Value) -> Result<&Vec<Value>> {
    value.as_array().context("no list where there should be one")
}

fn number(value: &Value) -> Result<u64> {
    value.as_u64().with_context(|| format!("{value} is no number"))
}
