//! Under the policy `all` everything is wiped but for tags that decline, under
//! `tagged` what is secret or asks for it, under `off` nothing: seen by another
//! process in the memory of the released blocks, and told by the counters.

use scrubjay::{Report, Tag};
use scrubjay_tests::child;
use scrubjay_tests::releases::{self, Released};

static PUBLIC: Tag = Tag::new("public");
static SECRET: Tag = Tag::new("secret").secret();
static SPARED: Tag = Tag::new("spared").secret().wipe(false);
static WIPED: Tag = Tag::new("wiped").wipe(true);
static TAGS: [&Tag; 4] = [&PUBLIC, &SECRET, &SPARED, &WIPED];
const SIZE: usize = 10_000;

pub fn test() {
    for (policy, wiped) in [
        ("all", &["public", "secret", "untagged", "wiped"][..]),
        ("tagged", &["secret", "wiped"]),
        ("off", &[]),
    ] {
        let key = releases::new_key();
        let child = child!().setting("SCRUBJAY_WIPE", policy);
        let found = releases::found(child, policy, key);
        assert_eq!(found.len(), 5);
        for (name, &count) in &found {
            let is_wiped = wiped.contains(&&name[..]);
            assert_eq!(count == 0, is_wiped, "{policy}, {name}: {count} windows");
        }
    }
}

pub fn child(arguments: &[String]) {
    let key = arguments[1].parse().expect("a number");
    println!("begin");
    let mut released = Released::new();
    let blocks: Vec<_> = TAGS
        .iter()
        .map(Some)
        .chain([None])
        .map(|tag| {
            let _scope = tag.map(|tag| tag.enter());
            let mut block = vec![0; SIZE];
            releases::plant(key, &mut block);
            (tag.map_or("untagged", |tag| tag.name()), block)
        })
        .collect();
    blocks.into_iter().for_each(|(name, block)| released.give_up(name, block));
    for stats in Report::now().tags.iter().skip(1) {
        let evidence = [stats.wiped_bytes, stats.unwiped_bytes];
        let size = SIZE as u64;
        assert!(evidence == [size, 0] || evidence == [0, size], "{stats:?}");
        let is_wiped = match &arguments[0][..] {
            "all" => stats.name != SPARED.name(),
            "tagged" => [SECRET.name(), WIPED.name()].contains(&stats.name),
            _ => false,
        };
        assert_eq!(evidence[0] > 0, is_wiped, "{stats:?}");
    }
    released.tell();
}
