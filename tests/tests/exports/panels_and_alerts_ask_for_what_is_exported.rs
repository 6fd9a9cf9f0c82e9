//! Each figure that the dashboard and the alert rules name is one that is exported.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use regex::Regex;
use scrubjay_tests::child;

use super::support::work;

/// The files, and how many figures each names at least.
const FILES: &[(&str, usize)] =
    &[("grafana-dashboard.json", 12), ("alerts.yml", 4), ("alerts.test.yml", 4)];

pub fn test() {
    child!().succeed();
}

pub fn child(_: &[String]) {
    let left = work();
    let text = scrubjay::open_metrics();
    let samples = text.lines().filter(|line| !line.starts_with('#'));
    let exported: BTreeSet<&str> =
        samples.filter_map(|line| line.split(['{', ' ']).next()).collect();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../allocator/exports");
    let name = Regex::new(r"\bscrubjay_[a-z0-9_]+").expect("a pattern");
    for (file, least) in FILES {
        let path = folder.join(file);
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{file}: {error}"));
        let named: BTreeSet<&str> = name.find_iter(&text).map(|found| found.as_str()).collect();
        assert!(named.len() >= *least, "{file} names {named:?}");
        let unknown: Vec<_> = named.difference(&exported).collect();
        assert!(unknown.is_empty(), "{file} asks for {unknown:?}");
    }
    drop(left);
}
