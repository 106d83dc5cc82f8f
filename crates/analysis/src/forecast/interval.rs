//! Half widths of intervals, from the errors of a back-test.
//!
//! Source: split conformal prediction (Lei et al., *Distribution-Free Predictive Inference for
//! Regression*, JASA 113 (2018)): the width at a step is a quantile of the absolute errors that were
//! made near that step. Assumption: errors to come are like those of the last seasons. They are not
//! independent, so the stated share holds on average over many series, not for each.

/// Steps to both sides whose errors count for a step.
const NEAR: usize = 3;
/// The weights were chosen by the very errors that the widths are taken from, so these are a little
/// too small.
const WIDER: f64 = 1.05;

/// Half widths for steps 1 to `horizon` that hold a share `level` of errors. Steps after those that
/// were tested get the last width, grown by the square root of the distance, as sums of independent
/// shocks do.
pub fn half_widths(
    errors: &[Vec<Option<f64>>],
    but: Option<usize>,
    horizon: usize,
    level: f64,
) -> Option<Vec<f64>> {
    let tested = errors.first()?.len();
    let mut widths: Vec<f64> = Vec::with_capacity(horizon);
    for h in 0..tested.min(horizon) {
        let near = h.saturating_sub(NEAR)..(h + NEAR + 1).min(tested);
        let mut pool: Vec<f64> = errors
            .iter()
            .enumerate()
            .filter(|(i, _)| Some(*i) != but)
            .flat_map(|(_, of)| of[near.clone()].iter().flatten().map(|e| e.abs()))
            .collect();
        pool.sort_unstable_by(f64::total_cmp);
        let width = conformal(&pool, level).map(|w| w * WIDER);
        // A step near which nothing was observed is as uncertain as the one before it.
        widths.push(width.or(widths.last().copied())?);
    }
    let last = *widths.last()?;
    for h in widths.len()..horizon {
        widths.push(last * ((h + 1) as f64 / tested as f64).sqrt());
    }
    Some(widths)
}

/// The value below which the next one lies with probability `level`, if it is one of the same kind.
fn conformal(sorted: &[f64], level: f64) -> Option<f64> {
    let rank = ((sorted.len() + 1) as f64 * level).ceil() as usize;
    sorted.get(rank.min(sorted.len()).checked_sub(1)?).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_width_is_the_conformal_quantile_of_near_errors() {
        // Nine errors per step: the 80 % rank is ceil(10 * 0.8) = 8.
        let errors: Vec<Vec<Option<f64>>> = (1..=9).map(|e| vec![Some(-f64::from(e))]).collect();
        let w = half_widths(&errors, None, 4, 0.8);
        let expected: Vec<f64> = (1..=4).map(|h| 8.0 * WIDER * f64::from(h).sqrt()).collect();
        assert_eq!(w, Some(expected));
        // Without the largest, rank ceil(9 * 0.8) of eight.
        assert_eq!(
            half_widths(&errors, Some(8), 1, 0.8),
            Some(vec![8.0 * WIDER])
        );
        assert_eq!(half_widths(&errors, None, 1, 0.95), Some(vec![9.0 * WIDER]));
        assert_eq!(half_widths(&[], None, 3, 0.8), None);
        assert_eq!(half_widths(&[vec![None]], None, 3, 0.8), None);
    }

    #[test]
    fn errors_of_other_steps_do_not_count() {
        let quiet = vec![Some(1.0); 20];
        let mut loud = quiet.clone();
        loud[19] = Some(100.0);
        let w = half_widths(&[quiet, loud], None, 20, 0.95).unwrap_or_default();
        assert_eq!(w[15], WIDER);
        assert_eq!(w[16], 100.0 * WIDER);
    }
}
