//! The kernel kills a process that takes more than its control group has: the log
//! is whole, names the tag that held the memory, and shows the group near its
//! limit.

use std::fs;
use std::hint::black_box;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use scrubjay::Tag;
use scrubjay_tests::folder::Folder;
use scrubjay_tests::{child, cli, harness};
use serde_json::Value;

static WEIGHTS: Tag = Tag::new("model/weights");
static CACHE: Tag = Tag::new("cache");
/// What the group has, bytes: room for a small program, its log, and some blocks.
const LIMIT: u64 = 192 << 20;
const LAYER_SIZE: usize = 2 << 20;

/// A control group of this test's alone, which goes with the value.
struct Group {
    folder: PathBuf,
    version: u64,
}

impl Group {
    /// A group with a limit, under the process's own.
    fn new() -> Result<Self, String> {
        let name = format!("scrubjay-oom-{}", std::process::id());
        let own = fs::read_to_string("/proc/self/cgroup").map_err(|error| error.to_string())?;
        let path = |is_it: fn(&[&str]) -> bool| {
            let lines = own.lines().map(|line| line.splitn(3, ':').collect::<Vec<_>>());
            lines.filter(|fields| fields.len() == 3 && is_it(fields)).map(|fields| fields[2]).next()
        };
        let has_memory = |fields: &[&str]| fields[1].split(',').any(|name| name == "memory");
        let v1 = path(has_memory).map(|path| (1, "/sys/fs/cgroup/memory", path));
        let v2 = path(|fields| fields[0] == "0").map(|path| (2, "/sys/fs/cgroup", path));
        let mut why = "there are no control groups".to_owned();
        for (version, root, path) in v1.into_iter().chain(v2) {
            // Below one's own group, else at the top: a group of version 2 that has
            // processes may have no limited group below it.
            for above in [format!("{root}{path}"), root.to_owned()] {
                let group = Self { folder: Path::new(&above).join(&name), version };
                match group.make() {
                    Ok(()) => return Ok(group),
                    Err(error) => why = format!("{}: {error}", group.folder.display()),
                }
            }
        }
        Err(format!("no control group can be made: {why}"))
    }

    fn make(&self) -> std::io::Result<()> {
        fs::create_dir(&self.folder)?;
        let [limit, swap] = match self.version {
            1 => ["memory.limit_in_bytes", "memory.memsw.limit_in_bytes"],
            _ => ["memory.max", "memory.swap.max"],
        };
        fs::write(self.folder.join(limit), LIMIT.to_string())?;
        // Not there where the kernel does not count what is swapped.
        let swap_limit = if self.version == 1 { LIMIT } else { 0 };
        let _ = fs::write(self.folder.join(swap), swap_limit.to_string());
        Ok(())
    }

    /// How many processes of the group the kernel has killed.
    fn kill_count(&self) -> u64 {
        let name = if self.version == 1 { "memory.oom_control" } else { "memory.events" };
        let text = fs::read_to_string(self.folder.join(name)).expect("the group can be read");
        let count = text.lines().find_map(|line| line.strip_prefix("oom_kill "));
        count.expect("the kernel counts them").parse().expect("a number")
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // The last process may still be going.
        for _ in 0..100 {
            if fs::remove_dir(&self.folder).is_ok() || !self.folder.exists() {
                return;
            }
            thread::sleep(Duration::from_millis(20));
        }
    }
}

pub fn test() {
    for (mode, stacks) in [("count", "off"), ("sample", "on"), ("journal", "off")] {
        let group = Group::new().unwrap_or_else(|why| harness::skip(why));
        let folder = Folder::new();
        let log = folder.join("killed.jay");
        let before = group.kill_count();
        let finished = child!()
            .log(&log)
            .setting("SCRUBJAY_MODE", mode)
            .setting("SCRUBJAY_STACKS", stacks)
            .argument(group.folder.join("cgroup.procs"))
            .run();
        assert_eq!(finished.status.signal(), Some(libc::SIGKILL), "{mode}: {finished:?}");
        assert_eq!(group.kill_count(), before + 1, "{mode}: the kernel says whom it killed");

        let verified = cli::run(["log".as_ref(), "verify".as_ref(), log.as_os_str()]);
        assert_eq!(verified.status.code(), Some(0), "{mode}: {verified:?}");
        let said = cli::run(["summary".as_ref(), "--json".as_ref(), log.as_os_str()]);
        assert_eq!(said.status.code(), Some(0), "{mode}: {said:?}");
        let summary: Value = serde_json::from_slice(&said.stdout).expect("an answer");
        let tag = &summary["tags"][0];
        assert_eq!(tag["tag"], "model/weights", "{mode}: {summary}");
        let held = tag["live_bytes"].as_u64().expect("bytes");
        assert!(held > LIMIT / 2 && held <= LIMIT, "{mode}: {held} of {LIMIT}");

        let newest = &summary["kernel"]["newest"];
        let number = |value: &Value| value.as_u64().unwrap_or_else(|| panic!("{mode}: {newest}"));
        assert_eq!(number(&newest["cgroup"]["version"]), group.version, "{mode}: {newest}");
        assert_eq!(number(&newest["cgroup"]["limit_bytes"]), LIMIT, "{mode}: {newest}");
        let usage = number(&newest["cgroup"]["usage_bytes"]);
        println!("  {mode}: {held} bytes held, {usage} of {LIMIT} in use at the last sample");
        assert!(usage > LIMIT / 100 * 85 && usage <= LIMIT, "{mode}: {newest}");
        let text = String::from_utf8(cli::run(["summary".as_ref(), log.as_os_str()]).stdout);
        let text = text.expect("text");
        assert!(text.contains("control group (v"), "{mode}: {text}");
        let folder = group.folder.clone();
        drop(group);
        assert!(!folder.exists(), "{mode}: the group is removed");
    }
}

pub fn child(arguments: &[String]) {
    fs::write(&arguments[0], std::process::id().to_string()).expect("the group takes a process");
    let mut held = Vec::new();
    {
        let _scope = CACHE.enter();
        held.push(vec![1_u8; 4 << 20]);
    }
    let _scope = WEIGHTS.enter();
    loop {
        held.push(vec![1_u8; LAYER_SIZE]);
        black_box(&held);
        // As fast as a disk is.
        thread::sleep(Duration::from_millis(10));
    }
}
