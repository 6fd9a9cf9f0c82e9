//! How rounds of figures are judged.
//!
//! A machine that others share is fast or slow for seconds at a time, so only
//! figures of one round are compared: each allocator's over `System`'s. Of the
//! rounds' ratios the median stands, and beside it the noise, which is what
//! `System` over itself shows in the same rounds.

/// The value a quarter up from the least.
pub fn lower_quartile(values: &[f64]) -> f64 {
    quantile(values, 0.25)
}

/// The value in the middle.
pub fn median(values: &[f64]) -> f64 {
    quantile(values, 0.5)
}

/// The median of `values[i] / base[i]`.
pub fn paired_ratio(values: &[f64], base: &[f64]) -> f64 {
    median(&values.iter().zip(base).map(|(value, base)| value / base).collect::<Vec<_>>())
}

/// How far from 1 the ratio of two equal things is, as a rule.
pub fn noise(again: &[f64], base: &[f64]) -> f64 {
    let ratios = again.iter().zip(base).map(|(again, base)| again / base);
    median(&ratios.map(|ratio| (ratio - 1.0).abs()).collect::<Vec<_>>())
}

/// Whether a ratio says nothing, since noise alone could have made it.
pub fn is_noise(ratio: f64, noise: f64) -> bool {
    (ratio - 1.0).abs() < 3.0 * noise
}

/// Between two values the one in proportion; NaN where there is none.
fn quantile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    let place = share * last as f64;
    let (below, above) = (place.floor() as usize, place.ceil() as usize);
    sorted[below] + (sorted[above] - sorted[below]) * place.fract()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_the_sorted_values() {
        assert_eq!(lower_quartile(&[5.0, 1.0, 3.0, 2.0, 4.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
        assert!(median(&[]).is_nan());
    }

    #[test]
    fn a_slow_round_does_not_count_since_ratios_are_paired() {
        let base = [10.0, 100.0, 10.0];
        assert_eq!(paired_ratio(&[15.0, 150.0, 15.0], &base), 1.5);
    }

    #[test]
    fn a_difference_is_told_from_noise_by_three_times_the_noise() {
        let noise = noise(&[1.01, 0.99, 1.01], &[1.0; 3]);
        assert!(is_noise(1.029, noise));
        assert!(!is_noise(1.031, noise));
    }
}
