//! What a program claims, and whether it holds.

use anyhow::{Result, bail};

/// Claims, checked one by one.
#[derive(Default)]
pub struct Claims(Vec<(String, Result<()>)>);

impl Claims {
    /// Checks a claim; a failed one does not keep the others from being checked.
    pub fn check(&mut self, claim: &str, check: impl FnOnce() -> Result<()>) {
        self.0.push((claim.to_owned(), check()));
    }

    /// Prints every claim; an error if one does not hold.
    pub fn finish(self) -> Result<()> {
        let mut failed = 0;
        for (claim, held) in &self.0 {
            match held {
                Ok(()) => println!("  ok      {claim}"),
                Err(error) => {
                    failed += 1;
                    println!("  FAILED  {claim}: {error:#}");
                }
            }
        }
        if failed > 0 {
            bail!("{failed} of {} claims do not hold", self.0.len());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_failed_claim_fails_them_all_and_the_later_ones_are_checked() {
        let mut claims = Claims::default();
        let mut later = false;
        claims.check("first", || bail!("no"));
        claims.check("second", || {
            later = true;
            Ok(())
        });
        assert_eq!(claims.finish().unwrap_err().to_string(), "1 of 2 claims do not hold");
        assert!(later);
    }
}
