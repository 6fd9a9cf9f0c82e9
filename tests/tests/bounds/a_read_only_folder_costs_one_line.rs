//! Where the user may not write in the log's folder one line says so, and the
//! program runs and counts.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use scrubjay::Report;
use scrubjay_tests::child::Child;
use scrubjay_tests::folder::Folder;
use scrubjay_tests::harness;

/// Nobody, as the usual systems call it.
const NOBODY: u32 = 65_534;

pub fn test() {
    // The program's own folder may be closed to others.
    let (program, folder) = (Folder::new(), Folder::new());
    let program = program.join("program");
    let this = std::env::current_exe().expect("programs have a path");
    fs::copy(this, &program).expect("there is room for a program");
    fs::set_permissions(&*folder, Permissions::from_mode(0o555)).expect("it is ours");
    let path = folder.join("run.jay");
    let child = Child::of_copy(&program, module_path!()).log(&path);
    // Only root may write all the same.
    let is_root = fs::write(&path, "").is_ok();
    if is_root {
        fs::remove_file(&path).expect("it was just written");
    }
    let finished = if is_root { child.user(NOBODY).run() } else { child.run() };
    if finished.errors.is_empty() && !finished.status.success() {
        harness::skip("no other user may run programs in the folder for passing files");
    }
    let line = format!(
        "scrubjay: no log is written to \"{}\": the file cannot be created (error 13)\n",
        path.display()
    );
    assert_eq!(finished.errors, line);
    assert!(finished.status.success(), "{finished:?}");
    assert_eq!(finished.output, "1000 bytes are live\n");
}

pub fn child(_: &[String]) {
    static TAG: scrubjay::Tag = scrubjay::Tag::new("counted");
    let scope = TAG.enter();
    let held = std::hint::black_box(vec![0_u8; 1_000]);
    drop(scope);
    let live = Report::now().tag(TAG.name()).expect("the tag was entered").live_bytes;
    println!("{live} bytes are live");
    drop(held);
}
