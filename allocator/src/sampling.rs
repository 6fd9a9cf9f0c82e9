//! Which blocks are in the sample: a Poisson process along the allocated bytes.
//!
//! A block is in the sample if a point of the process falls within its bytes:
//! for *s* bytes the chance is 1 − exp(−*s* ÷ interval). The process has no
//! memory, so the distance to the next point is drawn anew behind each block
//! that is in the sample.

use crate::os;
use crate::thread::Here;

/// Draws how many bytes may go by before a block is in the sample.
pub(crate) fn draw(here: &Here, interval: u64) {
    here.until_sample.set(distance(random(here), interval));
}

/// Of an exponentially distributed distance with this mean, the whole bytes
/// before the one in which it ends.
fn distance(random: u64, interval: u64) -> i64 {
    // In (0, 1], in steps of 2^-53.
    let uniform = ((random >> 11) + 1) as f64 / (1_u64 << 53) as f64;
    let distance = -(interval as f64) * uniform.ln();
    (distance.ceil() as i64 - 1).max(0)
}

/// Marsaglia, "Xorshift RNGs" (2003), with Vigna's multiplication
/// (xorshift64*, 2016).
fn random(here: &Here) -> u64 {
    let mut state = here.random.get();
    if state == 0 {
        state = os::random() | 1;
    }
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    here.random.set(state);
    state.wrapping_mul(0x2545_f491_4f6c_dd1d)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_distance_is_the_interval() {
        let mut state = 0x1234_5678_9abc_def1_u64;
        let draws = 200_000;
        let mut sum = 0.0;
        for _ in 0..draws {
            state ^= state >> 12;
            state ^= state << 25;
            state ^= state >> 27;
            sum += distance(state.wrapping_mul(0x2545_f491_4f6c_dd1d), 4096) as f64;
        }
        // The standard error is 4096 ÷ √200,000 = 9.2; half a byte is rounding.
        assert!((sum / f64::from(draws) - 4095.5).abs() < 40.0, "{}", sum / f64::from(draws));
    }

    #[test]
    fn the_ends_of_the_draw_are_in_order() {
        assert_eq!(distance(u64::MAX, 512 << 10), 0);
        assert!((18 << 20..19 << 20).contains(&distance(0, 512 << 10)));
    }
}
