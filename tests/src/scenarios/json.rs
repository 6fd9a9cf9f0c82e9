//! A document that is parsed, changed, printed and dropped.

use std::fs::File;
use std::io::BufWriter;

use serde_json::{Map, Value, json};

use crate::random::Random;
use crate::releases::Released;

use super::text::text;

/// The words of a key as numbers of a document.
const NUMBER_COUNT: usize = 500;

fn document(key: u64) -> String {
    let mut numbers = Random::new(key);
    let text_of = |size: usize| text(key, size);
    let mut document = String::from("{\"rows\": [");
    for row in 0..100 {
        let separator = if row == 0 { "" } else { ", " };
        document +=
            &format!("{separator}{{\"id\": {row}, \"secret\": \"{}\"}}", text_of(100 + row));
    }
    document += "], \"numbers\": [0";
    for _ in 0..NUMBER_COUNT {
        document += &format!(", {}", numbers.next_word());
    }
    document +=
        &format!("], \"escaped\": \"\\n{}\\u00e9\", \"{}\": null}}", text_of(3_000), text_of(64));
    document
}

pub(super) fn parsed_changed_printed(key: u64, _: &mut Released) {
    let mut value: Value = serde_json::from_str(&document(key)).expect("a document");
    assert_eq!(value["numbers"].as_array().map(Vec::len), Some(NUMBER_COUNT + 1));
    let copy = value.clone();
    let rows = value["rows"].as_array_mut().expect("an array");
    rows.retain(|row| row["id"].as_u64().is_some_and(|id| id % 2 == 0));
    for row in rows.iter_mut() {
        row["secret"] = json!(row["secret"].as_str().expect("a text").to_uppercase());
        row["more"] = json!([row["id"], { "again": row["secret"] }]);
    }
    let members: &mut Map<String, Value> = value.as_object_mut().expect("an object");
    members.remove("escaped");
    let printed = serde_json::to_string_pretty(&value).expect("it prints");
    let nowhere = File::create("/dev/null").expect("a system has one");
    serde_json::to_writer(BufWriter::new(nowhere), &copy).expect("it prints");
    let again: Value = serde_json::from_slice(printed.as_bytes()).expect("a document");
    assert_eq!(again, value);
    assert!(serde_json::from_str::<Value>(&printed[..printed.len() / 2]).is_err());
}
