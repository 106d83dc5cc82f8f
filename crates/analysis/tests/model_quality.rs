//! Quality of predictions against scikit-learn, NumPy and SciPy.
#![allow(clippy::unwrap_used)]

use weir_analysis::model_quality::{
    business_accuracy, calibration, classification, drift, regression,
};

fn close(a: f64, b: f64) {
    assert!((a - b).abs() <= 1e-9 * b.abs().max(1.0), "{a} is not {b}");
}

#[test]
fn regression_is_that_of_scikit_learn() {
    // r2_score(t, p), mean_absolute_error(t, p), mean_squared_error(t, p) ** 0.5
    let pairs = [(2.5, 3.0), (0.0, -0.5), (2.0, 2.0), (8.0, 7.0), (4.0, 4.2)];
    let r = regression(&pairs, 0.1).unwrap();
    close(r.r2.unwrap(), 0.9496600418410042);
    close(r.mae, 0.44000000000000006);
    close(r.rmse, 0.5549774770204643);
    // 2.0 and 4.0 are within a tenth.
    close(r.business_accuracy, 0.4);
    assert_eq!(regression(&[(1.0, 2.0), (3.0, 2.0)], 0.1).unwrap().r2, None);
    assert_eq!(regression(&[], 0.1), None);
}

const TRUTH: [u8; 10] = [1, 0, 1, 1, 0, 1, 0, 0, 1, 0];

#[test]
fn classification_is_that_of_scikit_learn() {
    // precision_score, recall_score and f1_score of truth and said
    let said = [1, 0, 0, 1, 0, 1, 1, 0, 1, 0];
    let pairs: Vec<(bool, bool)> = said
        .iter()
        .zip(TRUTH)
        .map(|(p, t)| (*p == 1, t == 1))
        .collect();
    let c = classification(&pairs).unwrap();
    close(c.precision.unwrap(), 0.8);
    close(c.recall.unwrap(), 0.8);
    close(c.f1.unwrap(), 0.8);
    close(c.accuracy, 0.8);
    // precision 1/1, recall 1/3, f1 = 2 / (2 + 0 + 2)
    let c = classification(&[(true, true), (false, true), (false, true), (false, false)]).unwrap();
    assert_eq!(
        (c.precision, c.recall, c.f1),
        (Some(1.0), Some(1.0 / 3.0), Some(0.5))
    );
    let none = classification(&[(false, false)]).unwrap();
    assert_eq!(
        (none.precision, none.recall, none.f1, none.accuracy),
        (None, None, None, 1.0)
    );
    assert_eq!(classification(&[]), None);
}

#[test]
fn calibration_is_that_of_scikit_learn() {
    let said = [0.9, 0.2, 0.4, 0.8, 0.1, 0.7, 0.6, 0.3, 0.95, 0.05];
    let pairs: Vec<(f64, bool)> = said.iter().zip(TRUTH).map(|(p, t)| (*p, t == 1)).collect();
    let c = calibration(&pairs).unwrap();
    // brier_score_loss(t, p), log_loss(t, p); the error by NumPy over ten bins
    close(c.brier, 0.10049999999999999);
    close(c.log_loss, 0.3305526074344948);
    close(c.error, 0.25000000000000006);
    assert_eq!(c.bins.len(), 9);
    assert!(calibration(&[(0.0, true)]).unwrap().log_loss > 30.0);
    assert_eq!(calibration(&[(1.1, true)]), None);
    assert_eq!(calibration(&[(f64::NAN, true)]), None);
}

#[test]
fn drift_is_that_of_scipy() {
    let a: Vec<f64> = (0..30)
        .map(|t| ((f64::from(t) * 0.9).sin() + f64::from(t * 13 % 7) / 5.0) * 1e3)
        .map(|v| v.round_ties_even() / 1e3)
        .collect();
    let b: Vec<f64> = (0..30)
        .map(|t| ((f64::from(t) * 0.4).cos() + f64::from(t * 11 % 5) / 3.0) * 1e3)
        .map(|v| v.round_ties_even() / 1e3)
        .collect();
    let d = drift(&a, &b).unwrap();
    // scipy.stats.ks_2samp(a, b).statistic, scipy.special.kolmogorov(sqrt(15) * statistic)
    close(d.ks, 0.26666666666666666);
    close(d.p, 0.23649007143707598);
    // NumPy: quantile(a, 0.1 .. 0.9), searchsorted right, shares of at least 1e-4
    close(d.psi, 2.506682103427708);
    let same = drift(&a, &a).unwrap();
    assert_eq!((same.psi, same.ks, same.p), (0.0, 0.0, 1.0));
    let still = drift(&[1.0; 50], &[2.0; 50]).unwrap();
    assert!(still.psi > 0.25 && still.ks == 1.0 && still.p < 1e-6);
    assert_eq!(drift(&a, &[]), None);
}

#[test]
fn decisions_count_by_what_they_are_worth() {
    close(
        business_accuracy(&[(true, 90.0), (false, 10.0), (false, 0.0)]).unwrap(),
        0.9,
    );
    assert_eq!(business_accuracy(&[(true, 0.0)]), None);
}
