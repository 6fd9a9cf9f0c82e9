//! Where scrubjay is not the global allocator, no check passes in silence.

use std::process::ExitCode;

use scrubjay_tests::harness;

fn main() -> ExitCode {
    harness::main(scrubjay_tests::claims![no_check_passes_in_silence])
}

mod no_check_passes_in_silence {
    use scrubjay::{LeakCheck, LeakCheckError, ScanError, scan};
    use scrubjay_tests::child;

    pub fn test() {
        for live in ["off", "on"] {
            let finished = child!().setting("SCRUBJAY_LIVE", live).succeed();
            assert!(finished.output.contains("not the program's global allocator"), "{finished:?}");
        }
    }

    pub fn child(_: &[String]) {
        let error = LeakCheck::new().run(|| unreachable!("no check can be made")).unwrap_err();
        assert_eq!(error, LeakCheckError::NotTheAllocator);
        assert_eq!(LeakCheck::new().guard().unwrap_err(), LeakCheckError::NotTheAllocator);
        assert_eq!(scan().unwrap_err(), ScanError::NotTheAllocator);
        println!("{error}");
    }
}
