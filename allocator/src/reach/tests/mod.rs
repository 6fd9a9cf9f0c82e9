//! Searches of a test's own process, in which other tests run beside.

mod cost;
mod ground;
mod lost;
mod pointers;
mod threads;

use std::process::Command;

/// Set where a test runs by itself.
const ALONE: &str = "SCRUBJAY_TEST_ALONE";

/// Whether a test, by its path from here, has its process to itself. If not, it
/// passes once more in one of its own: blocks in the C library's heap stand where
/// other tests have had theirs, and have left words that point there.
fn is_alone(path: &str) -> bool {
    if std::env::var_os(ALONE).is_some() {
        return true;
    }
    let name = format!("{}::{path}", module_path!().split_once("::").expect("a path").1);
    let program = std::env::current_exe().expect("programs have a path");
    let ran = Command::new(program).args(["--exact", &name]).env(ALONE, "1").output();
    let ran = ran.expect("a test can be started");
    let told = String::from_utf8_lossy(&ran.stdout);
    assert!(ran.status.success() && told.contains("1 passed"), "{told}");
    false
}
