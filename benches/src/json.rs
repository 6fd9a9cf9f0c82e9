//! The workload of a real library: `serde_json` parses a document.

use std::fmt::Write as _;
use std::hint::black_box;
use std::sync::LazyLock;

use serde_json::Value;

const RECORD_COUNT: usize = 500;

/// Parses a document and drops it, so many times.
pub fn parse(operations: u64) {
    // Made once: under a leak check each operation is a call.
    static DOCUMENT: LazyLock<String> = LazyLock::new(document);
    for _ in 0..operations {
        let Ok(value) = serde_json::from_str::<Value>(&DOCUMENT) else { panic!("no JSON") };
        drop(black_box(value));
    }
}

/// Records as a service logs them: strings, numbers, lists, a map in a map.
fn document() -> String {
    let mut document = String::from("[");
    for index in 0..RECORD_COUNT {
        let comma = if index == 0 { "" } else { "," };
        let record = format!(
            "{{\"id\":{index},\"user\":\"user-{}\",\"prompt\":\"{}\",\"scores\":[{},{}.5,{}],\
             \"meta\":{{\"model\":\"jay\",\"cached\":{},\"note\":null}}}}",
            index * 7919 % 1000,
            "where did I hide the acorn ".repeat(index % 5 + 1),
            index % 17,
            index % 13,
            index % 11,
            index % 2 == 0,
        );
        let _ = write!(document, "{comma}{record}");
    }
    document + "]"
}
