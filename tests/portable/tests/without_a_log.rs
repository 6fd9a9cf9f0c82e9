//! What needs a log or guarded memory is an error where there is none.
#![cfg(any(
    scrubjay_elsewhere,
    not(all(target_os = "linux", target_endian = "little", target_pointer_width = "64"))
))]

use std::io::ErrorKind;

use scrubjay::{Config, Mode, Report, Scrubjay, Tag, Vault, VaultError};

#[global_allocator]
static ALLOCATOR: Scrubjay = Scrubjay::with(Config::new().log("never-%p.jay").live_blocks(true));

#[test]
fn a_log_is_an_error_that_says_so() {
    for answer in [scrubjay::start_log("now.jay"), scrubjay::dump("now.jay")] {
        let error = answer.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.to_string().contains("now.jay"), "{error}");
    }
    assert!(!std::path::Path::new("now.jay").exists());
    assert!(scrubjay::set_mode(Mode::Journal).is_err());
}

#[test]
fn a_vault_refuses_unless_the_heap_may_stand_in() {
    static STRICT: Tag = Tag::new("strict").vault(Vault::new());
    static UNLOCKED: Tag = Tag::new("unlocked").vault(Vault::new().or_plain_locked().or_unlocked());
    static HEAP: Tag = Tag::new("heap").vault(Vault::new().or_heap());
    for tag in [&STRICT, &UNLOCKED] {
        assert_eq!(tag.vault_status().refusal(), None);
        let reserved = {
            let _scope = tag.enter();
            Vec::<u8>::new().try_reserve_exact(32)
        };
        assert!(reserved.is_err());
        let error = tag.prepare_vault().unwrap_err();
        assert_eq!(tag.vault_status().refusal(), Some(error));
        assert_eq!(matches!(error, VaultError::NoSecretMemory { .. }), tag.name() == "strict");
        let report = Report::now();
        let stats = report.tag(tag.name()).unwrap();
        assert_eq!((stats.failed_count, stats.live_bytes), (1, 0));
    }
    assert!(HEAP.prepare_vault().is_ok());
    let key = {
        let _scope = HEAP.enter();
        vec![1_u8; 32]
    };
    let status = HEAP.vault_status();
    assert!(status.is_in_use() && !status.is_locked() && status.refusal().is_none());
    drop(key);
    let report = Report::now();
    let stats = report.tag("heap").unwrap();
    assert_eq!((stats.wiped_bytes, stats.live_bytes), (32, 0));
}
