//! A log is made for its owner alone, follows no link and overwrites no file:
//! where its name is taken it takes the next number.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use scrubjay_tests::child;
use scrubjay_tests::folder::Folder;
use scrubjay_tests::log::Log;

pub fn test() {
    let folder = Folder::new();
    let target = folder.join("target");
    fs::write(&target, "mine").expect("the folder can be written");
    symlink(&target, folder.join("run.jay")).expect("a link can be made");
    symlink(folder.join("nowhere"), folder.join("run.1.jay")).expect("a link can be made");
    fs::write(folder.join("run.2.jay"), "yours").expect("the folder can be written");
    for name in ["run.3.jay", "run.4.jay"] {
        let finished = child!().log(&folder.join("run.jay")).succeed();
        assert_eq!(finished.errors, "");
        let path = folder.join(name);
        let mode = fs::metadata(&path).expect("the log is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{mode:o}");
        assert_eq!(Log::read(&path).header.process_id, finished.process);
    }
    let text = |name: &str| fs::read_to_string(folder.join(name)).expect("a file");
    assert_eq!((text("target"), text("run.2.jay")), ("mine".into(), "yours".into()));
    assert!(!folder.join("nowhere").exists());
    assert_eq!(folder.files().len(), 6);
}

pub fn child(_: &[String]) {
    drop(std::hint::black_box(vec![0_u8; 100]));
}
