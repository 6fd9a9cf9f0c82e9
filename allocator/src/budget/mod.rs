//! Budgets: how much memory a tag, with all tags below it, or the whole process
//! may have.
//!
//! [`declared`] is what one asks for, [`nodes`] what has been handed out of each
//! budget, [`allowance`] what of it threads have not used yet.

mod allowance;
mod declared;
mod nodes;

pub(crate) use allowance::{Charged, Refusal, charge, credit, shard_of, unused};
pub(crate) use declared::{Amount, Limits};
pub(crate) use nodes::{
    Figures, TOTAL, figures, force, has_budget, is_any, is_covered, is_under, parent_of, put_under,
    record_of, set, take_crossing,
};

pub use declared::Budget;
