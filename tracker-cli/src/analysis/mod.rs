//! From the bytes of a log to answers. Each module uses only those above it
//! in this list.

pub mod damage;
pub mod file;
pub mod tables;

pub mod modules;
pub mod stacks;
pub mod symbols;

pub mod clock;
pub mod estimate;

pub mod frames;
pub mod notes;
pub mod pressure;
pub mod scans;
pub mod site_store;
pub mod sites;
pub mod tag_sums;
pub mod vitals;

pub mod ledger;
pub mod slots;

pub mod journal;
pub mod live;

pub mod findings;

pub mod slot_journal;
pub mod structure;

pub mod site_ledger;

pub mod peak;
pub mod run;

pub mod held;
pub mod scanned;
pub mod taken;

pub mod alike;
pub mod allocated;

pub mod gap;

pub mod registry;
pub mod wipes;

pub mod agreement;
pub mod site_agreement;

pub mod verify;
