//! A family has as many tags as it was given and one for all other names, whose
//! number it tells, also in the log; of names that are hashed no byte of the log
//! tells, and who has the key finds each.

use std::fs;

use scrubjay::{Report, TagFamily};
use scrubjay_tests::folder::Folder;
use scrubjay_tests::log::Log;
use scrubjay_tests::{child, threads};

const BOUND: u32 = 100;
const NAMES: usize = 1_000;
const SIZE: usize = 1_000;
const THREADS: usize = 4;

static PLAIN: TagFamily = TagFamily::new("model", BOUND);
static HASHED: TagFamily = TagFamily::new("tenant", BOUND).hashed();

const KEY: &str = "000102030405060708090a0b0c0d0e0f";

pub fn test() {
    let folder = Folder::new();
    let run = |name: &str, key: &str| {
        let path = folder.join(name);
        let child = child!().log(&path).setting("SCRUBJAY_MODE", "journal");
        let child = child.setting("SCRUBJAY_STACKS", "off").setting("SCRUBJAY_TAG_KEY", key);
        child.succeed();
        let log = Log::read(&path);
        log.check();
        (log, fs::read(path).expect("it was read just now"))
    };
    let (log, bytes) = run("one.jay", KEY);
    for family in ["model", "tenant"] {
        let members = log.tags.values().filter(|tag| tag.name.starts_with(&format!("{family}/")));
        assert_eq!(members.count() as u32, BOUND + 1, "{family}");
        let other = log.ledger(&format!("{family}/other"));
        let beyond = (NAMES - BOUND as usize) * THREADS;
        assert_eq!(other.allocated_blocks, beyond as u64, "{family}");
        let note = log.notes.iter().rfind(|note| note.name == format!("tags {family}"));
        let note = &note.expect("a note").value;
        let least = "512 or more names beyond the bound of 100 count as ";
        assert_eq!(*note, format!("{least}{family}/other"));
    }
    // The plain ones do stand in it.
    let holds = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(holds(&plain_name(0)));
    assert!(!holds("tenant-secret"));

    let names = |log: &Log| -> Vec<String> {
        let names = log.tags.values().map(|tag| tag.name.clone());
        let mut names: Vec<_> = names.filter(|name| name.starts_with("tenant/#")).collect();
        names.sort();
        names
    };
    // By SipHash's own reference, of that key and the text 00 to 0e.
    assert!(names(&log).contains(&"tenant/#a129ca6149be45e5".to_owned()));
    assert_eq!(names(&run("again.jay", KEY).0), names(&log));
    let other = names(&run("random.jay", "").0);
    assert!(names(&log).iter().all(|name| !other.contains(name)));
}

pub fn child(_: &[String]) {
    // First of all, so that it is a member.
    let known: String = (0..15_u8).map(char::from).collect();
    HASHED.member(&known);
    let models: Vec<String> = (0..NAMES).map(plain_name).collect();
    let tenants: Vec<String> = (1..NAMES).map(|n| format!("tenant-secret-{n}")).collect();
    for (family, names) in [(&PLAIN, models), (&HASHED, [vec![known], tenants].concat())] {
        // The members are settled; then all at once, each in another order.
        names.iter().take(BOUND as usize).for_each(|name| drop(family.member(name).enter()));
        threads::scope(|scope| {
            for thread in 0..THREADS {
                let names = &names;
                scope.spawn(move || {
                    for number in 0..NAMES {
                        let name = &names[(number * 7 + thread * 250) % NAMES];
                        let _scope = family.member(name).enter();
                        drop(vec![0_u8; SIZE]);
                    }
                });
            }
        });
        assert_eq!(family.member_count(), BOUND);
        assert_eq!(family.other_count() as usize, NAMES - BOUND as usize);
        let report = Report::now();
        let stats = report.tag(family.member(&names[1]).name()).expect("it was entered");
        assert_eq!(stats.allocated_bytes, (THREADS * SIZE) as u64);
    }
}

fn plain_name(number: usize) -> String {
    format!("squirrel-{number}")
}
