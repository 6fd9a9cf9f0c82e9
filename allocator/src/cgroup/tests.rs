//! Against trees of files as the kernel shows them in one place and another.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use super::*;

const V1_MOUNT: &str = "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory";
const V2_MOUNT: &str = "42 31 0:27 / /sys/fs/cgroup rw shared:4 - cgroup2 cgroup2 rw,nsdelegate";
const NONE_V1: u64 = 0x7fff_ffff_ffff_f000;

/// A folder with files, that goes with the value.
struct Tree(PathBuf);

impl Tree {
    fn new(cgroup: &str, mountinfo: &str) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("scrubjay-cgroup-{}-{number}", std::process::id());
        let tree = Self(std::env::temp_dir().join(name));
        tree.with("proc/self/cgroup", cgroup).with("proc/self/mountinfo", mountinfo)
    }

    fn with(self, path: &str, text: impl ToString) -> Self {
        let path = self.0.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text.to_string() + "\n").unwrap();
        self
    }

    fn v1(self, folder: &str, limit: impl ToString, usage: u64) -> Self {
        self.with(&format!("{folder}/memory.limit_in_bytes"), limit)
            .with(&format!("{folder}/memory.usage_in_bytes"), usage)
    }

    fn v2(self, folder: &str, limit: impl ToString, usage: u64) -> Self {
        self.with(&format!("{folder}/memory.max"), limit)
            .with(&format!("{folder}/memory.current"), usage)
    }

    fn memory(&self) -> Option<Cgroup> {
        memory_below(self.0.as_os_str().as_bytes())
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn group(version: u32, limit: impl Into<Option<u64>>, usage: u64) -> Option<Cgroup> {
    Some(Cgroup { version, limit: limit.into(), usage })
}

#[test]
fn version_2_has_the_limit_of_the_process_s_group() {
    let tree = Tree::new("0::/app.slice", V2_MOUNT);
    let tree = tree.v2("sys/fs/cgroup/app.slice", 1 << 30, 5000);
    assert_eq!(tree.memory(), group(2, 1 << 30, 5000));
}

#[test]
fn version_1_has_the_limit_of_the_process_s_group() {
    let tree = Tree::new("7:cpu:/other\n4:hugetlb,memory:/app\n0::/x", V1_MOUNT);
    let tree = tree.v1("sys/fs/cgroup/memory/app", 1 << 30, 5000);
    let tree = tree.v1("sys/fs/cgroup/memory", NONE_V1, 9000);
    assert_eq!(tree.memory(), group(1, 1 << 30, 5000));
}

#[test]
fn the_least_limit_of_all_groups_above_counts_with_that_group_s_usage() {
    let tree = Tree::new("0::/pod/box/app", V2_MOUNT)
        .v2("sys/fs/cgroup/pod/box/app", 3000, 10)
        .v2("sys/fs/cgroup/pod/box", 2000, 20)
        .v2("sys/fs/cgroup/pod", 2500, 30);
    assert_eq!(tree.memory(), group(2, 2000, 20));
    let tree = tree.v2("sys/fs/cgroup/pod", 2000, 30);
    assert_eq!(tree.memory(), group(2, 2000, 30), "of equal ones the one that uses more");
    let tree = tree.v2("sys/fs/cgroup/pod/box", "max", 20).v2("sys/fs/cgroup/pod", "max", 30);
    assert_eq!(tree.memory(), group(2, 3000, 10));
    let tree = tree.v2("sys/fs/cgroup/pod/box/app", "max", 10).v2("sys/fs/cgroup/pod", 40, 30);
    assert_eq!(tree.memory(), group(2, 40, 30));
}

#[test]
fn no_limit_is_told_from_a_great_one() {
    let tree = Tree::new("0::/app", V2_MOUNT).v2("sys/fs/cgroup/app", "max", 5000);
    assert_eq!(tree.memory(), group(2, None, 5000));
    let tree = Tree::new("4:memory:/app", V1_MOUNT);
    let tree = tree.v1("sys/fs/cgroup/memory/app", NONE_V1, 5000);
    assert_eq!(tree.memory(), group(1, None, 5000));
    let tree = tree.v1("sys/fs/cgroup/memory/app", 1_u64 << 50, 5000);
    assert_eq!(tree.memory(), group(1, 1 << 50, 5000));
}

#[test]
fn where_both_versions_are_mounted_the_one_with_the_controller_counts() {
    let both = format!("{V1_MOUNT}\n41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw");
    let tree = Tree::new("4:memory:/old\n0::/new", &both);
    let tree = tree.v1("sys/fs/cgroup/memory/old", 1000, 1).with("sys/fs/cgroup/unified/new/x", "");
    assert_eq!(tree.memory(), group(1, 1000, 1));
    let tree = Tree::new("4:cpu:/old\n0::/new", &both).v2("sys/fs/cgroup/unified/new", 2000, 2);
    assert_eq!(tree.memory(), group(2, 2000, 2));
}

#[test]
fn a_container_s_mount_begins_at_its_own_group() {
    let mount = "35 31 0:32 /docker/a\\040b /sys/fs/my\\134cgroup rw - cgroup cgroup rw,memory";
    let tree = Tree::new("4:memory:/docker/a b", mount).v1("sys/fs/my\\cgroup", 1000, 1);
    assert_eq!(tree.memory(), group(1, 1000, 1));
    let tree = Tree::new("4:memory:/docker/a b/sub", mount).v1("sys/fs/my\\cgroup/sub", 900, 2);
    assert_eq!(tree.memory(), group(1, 900, 2));
    // A group of another's is not ours because its name begins alike.
    let tree = Tree::new("4:memory:/docker/a bc", mount).v1("sys/fs/my\\cgroup", 1000, 1);
    assert_eq!(tree.memory(), None);
}

#[test]
fn a_mount_from_above_the_namespace_has_a_limit_that_holds() {
    let mount = "35 31 0:32 /../.. /sys/fs/cgroup rw - cgroup2 cgroup2 rw";
    let tree = Tree::new("0::/app", mount).v2("sys/fs/cgroup", 1000, 1);
    assert_eq!(tree.memory(), group(2, 1000, 1));
}

#[test]
fn version_1_tells_of_a_limit_above_what_a_container_sees() {
    let mount = "35 31 0:32 /pod/box /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory";
    let tree = Tree::new("4:memory:/pod/box", mount).v1("sys/fs/cgroup/memory", NONE_V1, 70);
    let stat = "cache 5\nhierarchical_memory_limit 6000\nhierarchical_memsw_limit 5";
    let tree = tree.with("sys/fs/cgroup/memory/memory.stat", stat);
    assert_eq!(tree.memory(), group(1, 6000, 70));
    let tree = tree.v1("sys/fs/cgroup/memory", 5000, 70);
    assert_eq!(tree.memory(), group(1, 5000, 70));
}

#[test]
fn a_group_that_was_removed_leaves_those_above() {
    let tree = Tree::new("0::/app/gone (deleted)", V2_MOUNT).v2("sys/fs/cgroup/app", 1000, 1);
    assert_eq!(tree.memory(), group(2, 1000, 1));
}

#[test]
fn missing_files_and_garbage_are_no_group() {
    let nowhere = Tree(PathBuf::from("/nonexistent"));
    assert_eq!(nowhere.memory(), None);
    for (cgroup, mountinfo) in [
        ("", ""),
        ("0::", V2_MOUNT),
        ("0::app", V2_MOUNT),
        ("\u{1}\n::::", "- - - - - - - - -"),
        ("0::/app", "42 31 0:27 / /sys/fs/cgroup rw cgroup2 cgroup2 rw"),
        ("0::/app", "42 31"),
    ] {
        let tree = Tree::new(cgroup, mountinfo).v2("sys/fs/cgroup/app", 1000, 1);
        assert_eq!(tree.memory(), None, "{cgroup:?} {mountinfo:?}");
    }
    for (limit, usage) in [("", "1"), ("many", "1"), ("-5", "1"), ("1000", ""), ("1000", "max")] {
        let tree = Tree::new("0::/app", V2_MOUNT)
            .with("sys/fs/cgroup/app/memory.max", limit)
            .with("sys/fs/cgroup/app/memory.current", usage);
        assert_eq!(tree.memory(), None, "{limit:?} {usage:?}");
    }
}

#[test]
fn paths_longer_than_there_is_room_for_are_left_alone() {
    let long = "/a".repeat(PATH_SIZE_MAX);
    let tree = Tree::new(&format!("0::{long}"), V2_MOUNT).v2("sys/fs/cgroup", 1000, 1);
    assert_eq!(tree.memory(), None);
    let long = format!("{}\n{V2_MOUNT}", V2_MOUNT.replace("/sys", &"/b".repeat(2000)));
    let tree = Tree::new("0::/app", &long).v2("sys/fs/cgroup/app", 1000, 1);
    assert_eq!(tree.memory(), group(2, 1000, 1), "behind a line that is too long");
}

#[test]
fn the_machine_has_memory() {
    let tree = Tree::new("", "").with("proc/meminfo", "MemTotal:       24684136 kB\nMemFree: 1 kB");
    assert_eq!(machine_memory_below(tree.0.as_os_str().as_bytes()), Some(24_684_136 << 10));
    let tree = tree.with("proc/meminfo", "MemTotal: lots\n");
    assert_eq!(machine_memory_below(tree.0.as_os_str().as_bytes()), None);
    assert!(machine_memory().unwrap() > 16 << 20);
}

#[test]
fn this_process_s_own_group_is_found_where_it_has_one() {
    let group = memory();
    let text = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let is_v1 = text.lines().any(|line| line.split(':').nth(1) == Some("memory"));
    if let Some(group) = group {
        assert_eq!(group.version, if is_v1 { 1 } else { 2 });
        assert!(group.usage > 0 && group.limit != Some(0));
    }
}
