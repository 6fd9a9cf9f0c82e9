//! Ledger, journal and naive books hold the same figures.

use std::path::Path;

use scrubjay_log_format::{Mode, cell};

use crate::attack::Block;
use crate::churn::Churn;
use crate::folder::Folder;
use crate::log::Log;
use crate::watch::{self, Books, TAG_COUNT};
use crate::{child::Child, figures::Figures, tags};

/// What scrubjay allocates for itself, which the books, who only see blocks come
/// and go, have under "untagged".
const OWN: &str = "scrubjay";

/// Checks a log against the books, tag by tag and block by block.
pub fn check(log: &Log, books: &Books) {
    log.check();
    for (number, figures) in books.tags.iter().enumerate() {
        let is_known = |name: &str| log.tags.values().any(|tag| tag.name == name);
        let figures_of =
            |name: &str| if is_known(name) { log.ledger(name) } else { Figures::default() };
        let mut told = figures_of(tags::name(number));
        if number == 0 {
            told += figures_of(OWN);
        }
        let known = is_known(tags::name(number));
        assert_eq!(told, *figures, "ledger against books: {}", tags::name(number));
        check_wipes(log, number, known);
    }
    if log.header.mode != Mode::Journal {
        return;
    }
    let mut told = log.live_blocks();
    let mut written: Vec<Block> = (books.blocks.iter())
        .map(|block| {
            let number: usize = block.tag.parse().expect("a number");
            Block { tag: tags::name(number).to_owned(), ..block.clone() }
        })
        .collect();
    for block in told.iter_mut().filter(|block| block.tag == OWN) {
        block.tag = tags::name(0).to_owned();
    }
    told.sort_by_key(|block| block.address);
    written.sort_by_key(|block| block.address);
    assert_eq!(told.len(), written.len(), "live blocks");
    for (told, written) in told.iter().zip(&written) {
        assert_eq!(told, written, "a live block");
    }
}

/// Under the usual policy every released byte is wiped, but for the tag that
/// declines.
fn check_wipes(log: &Log, number: usize, known: bool) {
    if known {
        let words = log.cell(log.tag(tags::name(number)));
        let spared = if tags::name(number).ends_with("unwiped") {
            cell::WIPED_BYTES
        } else {
            cell::UNWIPED_BYTES
        };
        assert_eq!(words[spared], 0, "{}", tags::name(number));
    }
}

/// Runs a churn in a child of this module, in a mode, and checks its log.
pub fn of_churn(module: &str, mode: &str, churn: Churn) -> (Log, Books) {
    let folder = Folder::new();
    let log = folder.join("run.jay");
    let finished = Child::of(module)
        .log(&log)
        .setting("SCRUBJAY_MODE", mode)
        .argument(churn.seed.to_string())
        .argument(churn.threads.to_string())
        .argument(churn.steps.to_string())
        .argument(churn.refused_one_in.to_string())
        .succeed();
    assert_eq!(finished.errors, "");
    let (log, books) = (read(&log), Books::parse(&finished.output));
    check(&log, &books);
    (log, books)
}

fn read(path: &Path) -> Log {
    let log = Log::read(path);
    // And scrubjay's own.
    assert!(log.tags.len() <= TAG_COUNT + 1);
    log
}

/// The child of [`of_churn`]: leaves with what is live then.
pub fn churn(arguments: &[String]) {
    let number = |index: usize| arguments[index].parse::<u64>().expect("a number");
    let churn = Churn {
        seed: number(0),
        threads: number(1) as usize,
        steps: number(2) as usize,
        refused_one_in: number(3),
        largest: usize::MAX,
    };
    let left = churn.run();
    std::hint::black_box(&left);
    watch::print_and_leave();
}
