//! Maps, trees and other containers: nodes and tables that hold the secret.

use std::collections::{BTreeMap, BinaryHeap, HashMap, HashSet, LinkedList};
use std::rc::Rc;
use std::sync::Arc;

use crate::releases::{Released, plant, planted};

use super::text::text;

const COUNT: usize = 500;

/// A row that holds a part of the secret, another one for each number.
fn row(key: u64, number: usize) -> [u8; 48] {
    let mut row = [0; 48];
    plant(key, &mut row);
    row[..8].copy_from_slice(&number.to_be_bytes());
    row
}

pub(super) fn hash_maps(key: u64, _: &mut Released) {
    let mut by_name: HashMap<String, Vec<u8>> = HashMap::new();
    // The table itself holds the rows, and moves as it grows.
    let mut inline: HashMap<usize, [u8; 48]> = HashMap::new();
    let mut set = HashSet::new();
    for number in 0..COUNT {
        by_name.insert(format!("{number}{}", text(key, 40)), planted(key, 100 + number));
        inline.insert(number, row(key, number));
        set.insert(row(key, number));
    }
    by_name.retain(|_, value| value.len() % 2 == 0);
    inline.retain(|number, _| number % 3 == 0);
    inline.shrink_to_fit();
    set.clear();
}

pub(super) fn b_trees(key: u64, _: &mut Released) {
    let mut by_name: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    let mut inline: BTreeMap<[u8; 48], [u8; 48]> = BTreeMap::new();
    for number in 0..COUNT {
        by_name.insert(format!("{number}{}", text(key, 40)), planted(key, 100 + number));
        inline.insert(row(key, number * 7919 % COUNT), row(key, number));
    }
    while inline.len() > COUNT / 2 {
        inline.pop_first();
    }
    let upper = by_name.split_off("3");
    drop(by_name);
    drop(upper);
}

enum Tree {
    Leaf(Vec<u8>),
    Branch { row: [u8; 48], left: Box<Tree>, right: Box<Tree> },
}

impl Tree {
    fn grown(key: u64, depth: usize) -> Box<Self> {
        Box::new(match depth {
            0 => Self::Leaf(planted(key, 200)),
            _ => Self::Branch {
                row: row(key, depth),
                left: Self::grown(key, depth - 1),
                right: Self::grown(key, depth - 1),
            },
        })
    }

    fn size(&self) -> usize {
        match self {
            Self::Leaf(bytes) => bytes.len(),
            Self::Branch { row, left, right } => row.len() + left.size() + right.size(),
        }
    }
}

pub(super) fn boxed_trees(key: u64, _: &mut Released) {
    let tree = Tree::grown(key, 8);
    assert_eq!(tree.size(), 256 * 200 + 255 * 48);
}

pub(super) fn others(key: u64, _: &mut Released) {
    let list: LinkedList<[u8; 48]> = (0..COUNT).map(|number| row(key, number)).collect();
    let heap: BinaryHeap<[u8; 48]> = (0..COUNT).map(|number| row(key, number)).collect();
    let sorted = heap.into_sorted_vec();
    let counted: Rc<[u8]> = planted(key, 3_000).into();
    let shared: Arc<String> = Arc::new(text(key, 3_000));
    let boxed: Box<[[u8; 48]]> = sorted.into_boxed_slice();
    drop((list, Rc::clone(&counted), counted, Arc::clone(&shared), shared, boxed));
}
