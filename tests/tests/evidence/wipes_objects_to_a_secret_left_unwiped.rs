//! `wipes` exits with 1 where a secret tag released a byte unwiped, whether the
//! policy was off or the tag declined, and says which; and with 0 where it did
//! not.

use std::hint::black_box;

use scrubjay::Tag;
use scrubjay_tests::folder::Folder;
use scrubjay_tests::{child, cli};

static WIPED: Tag = Tag::new("wiped").secret();
static DECLINED: Tag = Tag::new("declined").secret().wipe(false);

pub fn test() {
    for (policy, tag, reason) in [
        ("all", "wiped", None),
        ("tagged", "wiped", None),
        ("off", "wiped", Some("the policy is off")),
        ("all", "declined", Some("the tag declined to be wiped")),
        ("tagged", "declined", Some("the tag declined to be wiped")),
    ] {
        let folder = Folder::new();
        let log = folder.join("run.jay");
        child!().log(&log).setting("SCRUBJAY_WIPE", policy).argument(tag).succeed();
        let said = cli::run(["wipes".as_ref(), log.as_os_str()]);
        let text = String::from_utf8_lossy(&said.stdout);
        assert_eq!(said.status.code(), Some(reason.is_some().into()), "{policy}, {tag}: {text}");
        let expected = reason.map_or("no secret tag released a byte unwiped".into(), |reason| {
            format!("secret tag {tag}: 1,234 bytes released unwiped: {reason}")
        });
        assert!(text.contains(&expected), "{policy}, {tag}: {text}");
        assert!(text.contains("It adds up to the byte"), "{policy}, {tag}: {text}");
    }
}

pub fn child(arguments: &[String]) {
    let tag = if arguments[0] == "wiped" { &WIPED } else { &DECLINED };
    let _scope = tag.enter();
    drop(black_box(vec![1_u8; 1234]));
}
