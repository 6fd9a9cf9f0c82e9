//! Notes: what the program says about itself, in its log.

use crate::config::Config;
use crate::control::control;
use crate::{process, store};

/// Says something about the program, by name and value: which model, which
/// version, the hash of its weights. The log has it from now on, a log that
/// starts later and a dump have it, and a forked child's log begins with it;
/// every report shows it. Of two notes of one name the later one holds.
///
/// A log holds 1,024 notes; those beyond are counted. A name of more than 48
/// bytes or a value of more than 240 is cut at a character, which is marked.
///
/// ```
/// # use scrubjay::Scrubjay;
/// # #[global_allocator]
/// # static ALLOCATOR: Scrubjay = Scrubjay::new();
/// scrubjay::note("model", "squirrel-3b");
/// scrubjay::note("version", env!("CARGO_PKG_VERSION"));
/// ```
pub fn note(name: &str, value: &str) {
    if process::begin_now(&Config::new()).is_none() {
        return;
    }
    // No log starts meanwhile.
    let _guard = control().tags.wait();
    if let Some(store) = store::current() {
        store.add_note(name, value);
    }
}
