//! What stands everywhere is not searched for: too few bytes, or all alike.

use std::io::ErrorKind;

pub use scrubjay_tests::harness::no_child as child;

pub fn test() {
    for pattern in [&b""[..], b"1234567", &[0; 100], &[7; 8], b"abababababababab"] {
        let error = scrubjay::find_residue(pattern).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{pattern:?}: {error}");
    }
    assert!(scrubjay::find_residue(&super::random_bytes(8)).is_ok());
}
