//! Where the limit of locked memory, the kernel's secret memory, or address
//! space is not to be had, the strict vault refuses, with a reason that can be
//! asked for and one line; a fallback is taken where the tag states it, with
//! one line, and stands in the tag's status and in the log.

use scrubjay::{Report, Tag, Vault, VaultError, VaultStatus};
use scrubjay_log_format::tag;
use scrubjay_tests::confine::Resource;
use scrubjay_tests::folder::Folder;
use scrubjay_tests::log::Log;
use scrubjay_tests::{child, confine, harness};

static STRICT: Tag = Tag::new("strict").vault(Vault::new());
static LOCKED: Tag = Tag::new("locked").vault(Vault::new().or_plain_locked());
static UNLOCKED: Tag = Tag::new("unlocked").vault(Vault::new().or_plain_locked().or_unlocked());
static HEAP: Tag = Tag::new("heap").vault(Vault::new().or_heap());

const LOCK_LIMIT: u64 = 64 << 10;
const SIZE: usize = 3_000;

/// What is missing, the tag, and what is said.
const CASES: [(&str, &Tag, &str); 13] = [
    ("locks", &STRICT, "vault tag strict refuses a block: LOCKS"),
    ("locks", &LOCKED, "vault tag locked refuses a block: LOCKS"),
    (
        "locks",
        &UNLOCKED,
        "vault tag unlocked makes do with guarded pages that may be swapped out and that root \
         can read: LOCKS",
    ),
    ("locks", &HEAP, "vault tag heap makes do with ordinary blocks: LOCKS"),
    ("secret", &STRICT, "vault tag strict refuses a block: SECRET"),
    ("secret", &LOCKED, "vault tag locked makes do with locked pages that root can read: SECRET"),
    (
        "both",
        &LOCKED,
        "vault tag locked makes do with locked pages that root can read: SECRET\n\
         scrubjay: vault tag locked refuses a block: LOCKS",
    ),
    (
        "both",
        &UNLOCKED,
        "vault tag unlocked makes do with locked pages that root can read: SECRET\n\
         scrubjay: vault tag unlocked makes do with guarded pages that may be swapped out and \
         that root can read: LOCKS",
    ),
    ("both", &STRICT, "vault tag strict refuses a block: SECRET"),
    (
        "descriptors",
        &STRICT,
        "vault tag strict refuses a block: the kernel gives no memfd_secret: error 24",
    ),
    ("addresses", &STRICT, "vault tag strict refuses a block: ADDRESSES"),
    ("addresses", &UNLOCKED, "vault tag unlocked refuses a block: ADDRESSES"),
    ("addresses", &HEAP, "vault tag heap makes do with ordinary blocks: ADDRESSES"),
];

pub fn test() {
    if !confine::has_secret_memory() {
        harness::skip("this kernel has no memfd_secret: nothing can be taken away");
    }
    for (missing, tag, said) in CASES {
        let folder = Folder::new();
        let path = folder.join("run.jay");
        let child = child!().log(&path).argument(missing).argument(tag.name());
        let finished = child.succeed();
        let said = said
            .replace(
                "LOCKS",
                "the limit of locked memory is exhausted: RLIMIT_MEMLOCK, in bytes, is 65536",
            )
            .replace("SECRET", "the kernel gives no memfd_secret: error 38")
            .replace("ADDRESSES", "there is no room for its range of addresses");
        assert_eq!(finished.errors, format!("scrubjay: {said}\n"), "{missing}, {}", tag.name());
        let log = Log::read(&path);
        let index = log.tag(tag.name());
        let state = log.totals[&index][tag::VAULT_STATE];
        let refuses = said.contains("refuses");
        assert_eq!(state & tag::VAULT_REFUSED != 0, refuses, "{missing}, {}", tag.name());
        // What all blocks had that there were: until the limit, all.
        let is_secret = missing == "locks" && refuses;
        let is_locked = is_secret || tag.name() == "locked" && missing != "addresses";
        assert_eq!(state & tag::VAULT_LOCKED != 0, is_locked, "{missing}, {}", tag.name());
        assert_eq!(state & tag::VAULT_SECRET != 0, is_secret, "{missing}, {}", tag.name());
        let is_guarded = said.contains("pages that") || is_secret;
        assert_eq!(state & tag::VAULT_GUARDED != 0, is_guarded, "{missing}, {}", tag.name());
        assert!(log.tags[&index].is_vault);
    }
}

pub fn child(arguments: &[String]) {
    let name = arguments[1].as_str();
    let tag = [&STRICT, &LOCKED, &UNLOCKED, &HEAP].into_iter().find(|tag| tag.name() == name);
    let tag: &'static Tag = tag.expect("a tag");
    // The allocator has begun, with what it needs itself.
    drop(vec![0_u8; 10]);
    let expected = match arguments[0].as_str() {
        "locks" => {
            confine::limit_locked_memory(LOCK_LIMIT);
            VaultError::LockLimit { limit_bytes: LOCK_LIMIT }
        }
        "both" if name != "strict" => {
            confine::forbid_secret_memory();
            confine::limit_locked_memory(LOCK_LIMIT);
            VaultError::LockLimit { limit_bytes: LOCK_LIMIT }
        }
        "secret" | "both" => {
            confine::forbid_secret_memory();
            VaultError::NoSecretMemory { errno: libc::ENOSYS }
        }
        "descriptors" => {
            confine::limit(Resource::Descriptors, Some(3));
            VaultError::NoSecretMemory { errno: libc::EMFILE }
        }
        _ => {
            confine::limit(Resource::Addresses, Some(64 << 30));
            VaultError::NoAddresses
        }
    };
    // As many as the limit allows, and more.
    let mut blocks: Vec<Vec<u8>> = Vec::with_capacity(100);
    let mut refused = 0;
    for _ in 0..100 {
        let mut block: Vec<u8> = Vec::new();
        let scope = tag.enter();
        let had = block.try_reserve_exact(SIZE);
        drop(scope);
        match had {
            Ok(()) => {
                block.resize(SIZE, 1);
                blocks.push(block);
            }
            Err(_) => refused += 1,
        }
    }
    let status = tag.vault_status();
    let stats = Report::now();
    let stats = stats.tag(name).expect("the tag was entered");
    assert_eq!((stats.live_blocks, stats.failed_count), (blocks.len() as u64, refused));
    if refused > 0 {
        assert_eq!(status.refusal(), Some(expected));
        let has_limit = matches!(expected, VaultError::LockLimit { .. });
        let had = if has_limit { LOCK_LIMIT / 4096 } else { 0 };
        assert_eq!(blocks.len() as u64, had);
        assert_eq!(tag.prepare_vault(), Err(expected));
        // What is released can be had again.
        if blocks.pop().is_some() {
            assert!(tag.prepare_vault().is_ok());
        }
    } else {
        assert_eq!((status.refusal(), status.is_secret_memory()), (None, false));
        assert!(status.is_in_use());
    }
    if name == "unlocked" && refused == 0 {
        let of = |status: VaultStatus| {
            [status.is_locked(), status.is_guarded(), status.is_kept_from_dumps()]
        };
        assert_eq!(of(status), [false, true, true]);
        assert!(status.is_kept_from_children());
    }
}
