//! A tag's budget holds for all tags whose names go on from its own, whichever was
//! there first, and each of several budgets above a tag for it.

use scrubjay::{Budget, Tag};
use scrubjay_tests::child;

use super::blocks::Block;

const MIB: usize = 1 << 20;

static EARLY: Tag = Tag::new("model/early");
static MODEL: Tag = Tag::new("model").budget(Budget::hard(8 << 20).headroom(0));
static WEIGHTS: Tag = Tag::new("model/weights").budget(Budget::hard(5 << 20).headroom(0));
static F16: Tag = Tag::new("model/weights/f16");
static MODELS: Tag = Tag::new("models");

pub fn test() {
    child!().succeed();
}

pub fn child(_: &[String]) {
    let under = |tag: &'static Tag, size: usize| {
        let _scope = tag.enter();
        Block::new(size, 2)
    };
    // From before its budget: counted nowhere, and credited nowhere.
    let before = under(&EARLY, 3 * MIB);
    WEIGHTS.declare();
    let (a, b) = (under(&MODEL, MIB), under(&F16, 4 * MIB));
    assert!(a.is_some() && b.is_some());
    assert!(under(&F16, 2 * MIB).is_none(), "over the budget of model/weights");
    assert!(under(&EARLY, 4 * MIB).is_none(), "over the budget of model");
    let c = under(&EARLY, 3 * MIB);
    assert!(c.is_some());
    assert!(under(&WEIGHTS, 1).is_none() && under(&MODEL, 1).is_none());
    // Not below it: its name only begins alike.
    assert!(under(&MODELS, 9 * MIB).is_some());
    drop((before, b));
    let charged = |tag: &'static Tag| tag.budget_status().map(|status| status.charged_bytes);
    assert_eq!(charged(&MODEL), Some(4 << 20));
    assert_eq!(charged(&WEIGHTS), Some(0));
    assert_eq!(charged(&F16), None);
    let refused: Vec<_> =
        scrubjay::budgets().iter().map(|budget| (budget.name, budget.refused_count)).collect();
    assert_eq!(refused, [("model/weights", 1), ("model", 3)]);
    drop((a, c));
    assert_eq!(charged(&MODEL), Some(0));
}
