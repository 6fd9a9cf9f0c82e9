//! The self-test passes where everything is wiped, and is no pass where it is
//! not: it names sizes and paths of what was left, and the policy.

use scrubjay::{ReleasePath, SelfTestError, Wipe};
use scrubjay_tests::child;

pub fn test() {
    for policy in ["all", "tagged", "off"] {
        for mappings in ["on", "off"] {
            let child = child!().setting("SCRUBJAY_WIPE", policy);
            child.setting("SCRUBJAY_MAPPINGS", mappings).argument(policy).succeed();
        }
    }
}

pub fn child(arguments: &[String]) {
    let answer = scrubjay::wipe_self_test();
    let (policy, left) = match (&arguments[0][..], answer) {
        ("all", Ok(test)) => {
            assert!(test.block_count > 100 && test.looked_at_size > 100 << 20, "{test:?}");
            assert!(test.unmapped_size < test.looked_at_size, "{test:?}");
            return;
        }
        (asked, Err(SelfTestError::Policy(policy, left))) => {
            assert_eq!(policy, if asked == "off" { Wipe::Off } else { Wipe::Tagged });
            (policy, left)
        }
        (asked, other) => panic!("{asked}: {other:?}"),
    };
    let sizes = |is_secret: bool, path: ReleasePath| -> Vec<usize> {
        let of = left.iter().filter(|left| left.is_secret == is_secret && left.path == path);
        of.map(|left| left.size).collect()
    };
    for path in [ReleasePath::Free, ReleasePath::FreeElsewhere, ReleasePath::Shrink] {
        let of = sizes(false, path);
        assert!(of.contains(&1000) && of.contains(&4096) && of.contains(&65_536), "{path}: {of:?}");
        assert_eq!(sizes(true, path).is_empty(), policy == Wipe::Tagged, "{path}");
    }
    assert!(left.iter().all(|left| (8..=left.size).contains(&left.left_size)), "{left:?}");
    let said = SelfTestError::Policy(policy, left).to_string();
    let word = if policy == Wipe::Off { "off" } else { "tagged" };
    assert!(said.starts_with(&format!("the policy is {word}: ")), "{said}");
    assert!(said.contains("of a public block of 24, aligned to 8, freed"), "{said}");
}
