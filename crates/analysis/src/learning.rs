//! How people learn: curves, plateaus, gaps, and what to recommend.
//!
//! - Learning curve: the power law of practice (Newell and Rosenbloom, 1981): `effort = a * n^-b`.
//!   Fitted by least squares of logarithms. Assumptions: effort above zero, which falls with
//!   practice, and errors that are a share of it.
//! - Forgetting: exponential (Ebbinghaus, 1885): `retained = r * exp(-t / s)`, fitted likewise.
//! - Velocity: the Theil-Sen slope of [`crate::trend`].
//! - Peers: share of peers that a value is above, with ties counted half.

mod advice;
mod compare;

pub use advice::{Advice, Evidence, Facts, priority, recommend};
pub use compare::{Benchmark, Level, MIN_PEERS, Requirement, SkillGap, Standing, benchmark};
pub use compare::{skill_gap, standing, strengths};

use crate::trend::{Slope, theil_sen};
use crate::{Error, Series};
use serde::Serialize;
use weir_model::Micros;

/// Fewest trials that a curve is fitted to.
pub const MIN_TRIALS: usize = 4;
/// Microseconds of a week.
const WEEK: f64 = 7.0 * 86_400.0 * 1e6;

/// `effort = first * trial^-rate`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct LearningCurve {
    /// Effort of the first trial, in the unit of the measure.
    pub first: f64,
    /// How fast it falls; 0 is no learning, below 0 it gets worse.
    pub rate: f64,
    /// Share of the variance of logarithms that the curve explains.
    pub r2: f64,
    /// Trials it rests on.
    pub trials: usize,
}

/// A straight line by least squares: intercept, slope, share of variance explained.
fn line(x: &[f64], y: &[f64]) -> (f64, f64, f64) {
    let (mx, my) = (crate::stats::mean(x), crate::stats::mean(y));
    let (mut xx, mut xy, mut yy) = (0.0, 0.0, 0.0);
    for (x, y) in x.iter().zip(y) {
        xx += (x - mx) * (x - mx);
        xy += (x - mx) * (y - my);
        yy += (y - my) * (y - my);
    }
    let slope = if xx > 0.0 { xy / xx } else { 0.0 };
    let r2 = if xx > 0.0 && yy > 0.0 {
        xy * xy / xx / yy
    } else {
        0.0
    };
    (my - slope * mx, slope, r2)
}

/// Logarithms of points above zero, of which there are enough.
fn logarithms(
    points: impl Iterator<Item = (f64, f64)>,
    of_x: fn(f64) -> f64,
) -> Result<(Vec<f64>, Vec<f64>), Error> {
    let usable = points.filter(|(x, y)| of_x(*x).is_finite() && *y > 0.0 && y.is_finite());
    let (x, y): (Vec<f64>, Vec<f64>) = usable.map(|(x, y)| (of_x(x), y.ln())).unzip();
    match x.len() {
        have if have < MIN_TRIALS => Err(Error::TooShort {
            have,
            need: MIN_TRIALS,
        }),
        _ => Ok((x, y)),
    }
}

impl LearningCurve {
    /// Fits efforts of trials 1, 2, ...; efforts of zero or less say nothing and are left out.
    ///
    /// # Errors
    /// [`Error::TooShort`] below [`MIN_TRIALS`] usable trials.
    pub fn fit(efforts: &[f64]) -> Result<LearningCurve, Error> {
        let trials = efforts
            .iter()
            .enumerate()
            .map(|(i, e)| ((i + 1) as f64, *e));
        let (x, y) = logarithms(trials, f64::ln)?;
        let (intercept, slope, r2) = line(&x, &y);
        Ok(LearningCurve {
            first: intercept.exp(),
            rate: -slope,
            r2,
            trials: x.len(),
        })
    }

    /// Effort of a trial.
    pub fn at(&self, trial: f64) -> f64 {
        self.first * trial.powf(-self.rate)
    }

    /// What is left of the effort each time that practice doubles: 0.8 is an 80 % curve.
    pub fn per_doubling(&self) -> f64 {
        2.0_f64.powf(-self.rate)
    }

    /// The first trial from which on `more` trials save less than `share` of the effort; `None`
    /// where there is no learning that could end. Beyond the trials seen, it is a prediction.
    pub fn plateau(&self, more: usize, share: f64) -> Option<usize> {
        let saved = |n: f64| 1.0 - ((n + more as f64) / n).powf(-self.rate);
        if self.rate <= 0.0 || more == 0 || !(share > 0.0 && share < 1.0) {
            return None;
        }
        // Solved for n: (1 + more / n)^-rate = 1 - share.
        let n = more as f64 / ((1.0 - share).powf(-1.0 / self.rate) - 1.0);
        let n = n.ceil().max(1.0);
        (n < 1e15 && saved(n) <= share + 1e-12).then_some(n as usize)
    }

    /// The first trial whose effort is at most `target`; `None` where the curve never gets there.
    pub fn proficient(&self, target: f64) -> Option<usize> {
        if target >= self.first {
            return Some(1);
        }
        if self.rate <= 0.0 || target <= 0.0 {
            return None;
        }
        let n = (self.first / target).powf(1.0 / self.rate);
        // A curve of so many trials is no plan.
        (n < 1e9).then(|| (n - 1e-9).ceil() as usize)
    }

    /// Days until `target` is reached at `per_day` trials a day from now on; 0 where it is.
    pub fn days_to(&self, target: f64, done: usize, per_day: f64) -> Option<f64> {
        let missing = self.proficient(target)?.saturating_sub(done) as f64;
        match missing > 0.0 {
            true => (per_day > 0.0).then(|| missing / per_day),
            false => Some(0.0),
        }
    }
}

/// `retained = first * exp(-days / strength)`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ForgettingCurve {
    /// What is retained at once, mostly near 1.
    pub first: f64,
    /// Days until it has fallen to 37 % of that; infinite where nothing is forgotten.
    pub strength: f64,
    /// Share of the variance of logarithms that the curve explains.
    pub r2: f64,
}

impl ForgettingCurve {
    /// Fits points of (days since the last practice, share retained); shares of zero are left out.
    ///
    /// # Errors
    /// [`Error::TooShort`] below [`MIN_TRIALS`] usable points.
    pub fn fit(points: &[(f64, f64)]) -> Result<ForgettingCurve, Error> {
        let (x, y) = logarithms(points.iter().copied(), |x| x)?;
        let (intercept, slope, r2) = line(&x, &y);
        Ok(ForgettingCurve {
            first: intercept.exp(),
            strength: if slope < 0.0 {
                -1.0 / slope
            } else {
                f64::INFINITY
            },
            r2,
        })
    }

    /// Days until only `share` is retained: when to practise again. `None` where never.
    pub fn days_until(&self, share: f64) -> Option<f64> {
        let days = self.strength * (self.first / share).ln();
        (share > 0.0 && days.is_finite()).then(|| days.max(0.0))
    }
}

/// Change of a skill per week, with its 95 % interval, in the unit of the skill.
///
/// # Errors
/// [`Error::TooShort`] below [`MIN_TRIALS`] values.
pub fn velocity(skill: &Series) -> Result<Slope, Error> {
    let points: Vec<(usize, f64)> = skill.points().collect();
    let short = Error::TooShort {
        have: points.len(),
        need: MIN_TRIALS,
    };
    if points.len() < MIN_TRIALS {
        return Err(short);
    }
    let slope = theil_sen(&points, None, 0.95).ok_or(short)?;
    let Micros(step) = skill.step();
    let per_week = WEEK / step as f64;
    Ok(Slope {
        slope: slope.slope * per_week,
        lower: slope.lower * per_week,
        upper: slope.upper * per_week,
        intercept: slope.intercept,
    })
}
