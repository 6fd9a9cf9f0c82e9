//! The table that people read, and the same for programs.

use scrubjay::{Report, TagBill};
use serde_json::{Value, json};

use crate::arguments::Arguments;
use crate::error::Result;
use crate::statistics::Statistics;
use crate::table::ROW_BYTES;
use crate::ways::Held;

/// Prints what each way held, with a line a tag.
pub fn print(ways: &[Held]) {
    let headings = ["peak", "total", "blocks", "wiped", "left", "resident", "time"];
    println!("{:26}{}", "", headings.map(|heading| format!("{heading:>11}")).concat());
    for Held { bill, resident_rise, .. } in ways {
        let rise = resident_rise.map_or("-".to_owned(), |rise| format!("+{}", size(rise)));
        print!("{:26}{:>11}", bill.name, size(bill.peak_bytes));
        print!("{:>11}{:>11}", size(bill.allocated_bytes), bill.allocated_blocks);
        print!("{:>11}{:>11}", size(bill.wiped_bytes), size(bill.live_bytes));
        println!("{rise:>11}{:>8} ms", bill.duration.as_millis());
        for tag in &bill.tags {
            print_tag(tag);
        }
    }
    if cfg!(feature = "c-heap") {
        println!("c-heap is what HDF5's C library took by malloc: this build stands in its place.");
        println!("What is left of it when a way ends, the library keeps.");
    } else {
        println!("What HDF5's C library took by malloc is in no figure but resident, and was not");
        println!("wiped: this was built without the feature c-heap.");
    }
}

fn print_tag(tag: &TagBill) {
    print!("  {:24}{:>11}", tag.name, size(tag.peak_bytes));
    print!("{:>11}{:>11}", size(tag.allocated_bytes), tag.allocated_blocks);
    println!("{:>11}{:>11}", size(tag.wiped_bytes), size(tag.live_bytes));
}

fn size(bytes: u64) -> String {
    match bytes {
        0..0x400 => format!("{bytes} B"),
        0x400..0x10_0000 => format!("{:.1} KiB", bytes as f64 / 1024.0),
        _ => format!("{:.1} MiB", bytes as f64 / (1024.0 * 1024.0)),
    }
}

/// All of it, with the totals of all tags.
pub fn to_json(
    arguments: &Arguments,
    written: &Statistics,
    ways: &[Held],
    report: &Report,
) -> Result<Value> {
    let mut shown = Vec::new();
    for way in ways {
        shown.push(json!({
            "bill": serde_json::from_str::<Value>(&way.bill.to_json())?,
            "resident_rise": way.resident_rise,
            "statistics": way.statistics.to_json(),
        }));
    }
    Ok(json!({
        "rows": arguments.rows,
        "chunk_rows": arguments.chunk_rows,
        "row_bytes": ROW_BYTES,
        "sees_c": cfg!(feature = "c-heap"),
        "written": written.to_json(),
        "ways": shown,
        "report": serde_json::from_str::<Value>(&report.to_json())?,
    }))
}
