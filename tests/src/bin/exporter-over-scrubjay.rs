//! A program whose live figures others look at: `exporter-over-scrubjay FOLDER`.
//!
//! It works under some tags, writes its figures as `figures.txt` and its report as
//! `report.json`, prints its page's address, and serves until its standard input ends.

use std::error::Error;
use std::fs;
use std::hint::black_box;
use std::io::{self, Read, Write};
use std::path::PathBuf;

use scrubjay::{Budget, MetricsPage, Report, Scrubjay, Tag};

#[global_allocator]
static ALLOCATOR: Scrubjay = Scrubjay::new();

static TAGS: [Tag; 5] = [
    Tag::new("model/weights").budget(Budget::hard(8 << 20).soft_limit(4 << 20)),
    Tag::new("prompt").secret(),
    Tag::new("spared").wipe(false),
    Tag::new("a \"quoted\" \\ and\nbroken name} 1"),
    Tag::new("Gew\u{f6}lle/\u{1f426}"),
];

fn main() -> Result<(), Box<dyn Error>> {
    let folder = PathBuf::from(std::env::args().nth(1).ok_or("which folder?")?);
    let left = work();
    let text = scrubjay::open_metrics();
    let report = Report::now();
    fs::write(folder.join("figures.txt"), text)?;
    fs::write(folder.join("report.json"), report.to_json())?;
    let page = MetricsPage::serve(0)?;
    println!("{}", page.addresses()[0]);
    io::stdout().flush()?;
    io::stdin().read_to_end(&mut Vec::new())?;
    drop(left);
    Ok(())
}

/// What is left of it: some blocks under each tag.
fn work() -> Vec<Vec<u8>> {
    let mut left = Vec::with_capacity(TAGS.len());
    for (tag, size) in TAGS.iter().zip([1_000_000, 400, 6_000, 70, 1]) {
        let _scope = tag.enter();
        drop(black_box(vec![1_u8; 2 * size]));
        let mut grown = vec![2_u8; 10];
        (1..30).for_each(|step| grown.resize(100 * step, 3));
        drop(black_box(grown));
        left.push(vec![4_u8; size]);
    }
    left
}
