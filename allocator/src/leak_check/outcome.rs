//! How a test ends, as the test harness sees it.

/// What a test function may return: nothing, or a result.
pub trait Outcome {
    /// That of a test that passes.
    fn passed() -> Self;
    /// Whether it failed.
    fn is_failure(&self) -> bool;
}

impl Outcome for () {
    fn passed() -> Self {}

    fn is_failure(&self) -> bool {
        false
    }
}

impl<E> Outcome for Result<(), E> {
    fn passed() -> Self {
        Ok(())
    }

    fn is_failure(&self) -> bool {
        self.is_err()
    }
}
