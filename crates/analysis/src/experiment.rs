//! Experiments that may be looked at whenever one likes.
//!
//! - Intervals: the mixture sequential probability ratio test (Robbins, Annals of Mathematical
//!   Statistics 41 (1970); Johari, Koomen, Pekelis and Walsh, *Always Valid Inference*, Operations
//!   Research 70 (2022)). The chance that the interval ever leaves out the truth is at most `alpha`,
//!   however often one looks. Assumptions: independent subjects, and arms of [`MIN_ARM`] subjects
//!   at least, so that means are nearly normal and variances nearly known.
//! - Sample-ratio mismatch: Lindon and Malek, *Anytime-Valid Inference for Multinomial Count Data*
//!   (NeurIPS 2022): a Dirichlet mixture, valid at every look too.

use serde::Serialize;
use statrs::distribution::{ContinuousCDF, Normal};
use statrs::function::gamma::ln_gamma;

use crate::trend::Better;

/// Fewest subjects per arm before anything is said of it.
pub const MIN_ARM: f64 = 100.0;
/// Evidence of a wrong split that stops an experiment.
const MISMATCH: f64 = 0.001;
/// How strongly the planned split is believed: subjects that it is worth.
const CONCENTRATION: f64 = 100.0;

/// What was measured on one arm.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Arm {
    /// Subjects.
    pub n: f64,
    /// Mean of the measure.
    pub mean: f64,
    /// Its variance between subjects.
    pub variance: f64,
}

impl Arm {
    /// Of the values of subjects.
    pub fn of(values: &[f64]) -> Arm {
        let mean = crate::stats::mean(values);
        let squares: f64 = values.iter().map(|v| (v - mean) * (v - mean)).sum();
        Arm {
            n: values.len() as f64,
            mean,
            variance: squares / (values.len() as f64 - 1.0).max(1.0),
        }
    }

    /// Of a proportion. The variance is that of half a success and half a failure more, so that an
    /// arm without successes is not taken for certain.
    pub fn proportion(successes: u64, n: u64) -> Arm {
        let (s, n) = (successes as f64, n as f64);
        let p = (s + 0.5) / (n + 1.0);
        Arm {
            n,
            mean: if n > 0.0 { s / n } else { 0.0 },
            variance: p * (1.0 - p),
        }
    }
}

/// A difference of treatment and control, with an interval that holds at every look.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Effect {
    /// Treatment less control, in the unit of the measure.
    pub effect: f64,
    /// Lower end.
    pub lower: f64,
    /// Upper end.
    pub upper: f64,
    /// Always-valid p value of no difference.
    pub p: f64,
}

/// The difference of two arms. `scale` is the effect that the interval is made narrowest for: the
/// smallest one that matters. `None` where an arm is smaller than [`MIN_ARM`] or nothing varies.
pub fn effect(control: &Arm, treatment: &Arm, scale: f64, alpha: f64) -> Option<Effect> {
    if control.n < MIN_ARM || treatment.n < MIN_ARM {
        return None;
    }
    let v = control.variance / control.n + treatment.variance / treatment.n;
    let mixture = scale * scale;
    let effect = treatment.mean - control.mean;
    if !(v > 0.0 && mixture > 0.0 && effect.is_finite() && v.is_finite()) {
        return None;
    }
    let half = half_width(v, mixture, alpha);
    let evidence =
        0.5 * (v / (v + mixture)).ln() + effect * effect * mixture / (2.0 * v * (v + mixture));
    Some(Effect {
        effect,
        lower: effect - half,
        upper: effect + half,
        p: (-evidence).exp().min(1.0),
    })
}

/// Half width of the interval of an estimate with variance `v`.
pub fn half_width(v: f64, mixture: f64, alpha: f64) -> f64 {
    let inside = ((v + mixture) / (v * alpha * alpha)).ln();
    (v * (v + mixture) / mixture * inside).sqrt()
}

/// Always-valid p value of the split that was planned: small where subjects are missing in an arm.
pub fn sample_ratio(counts: &[f64], shares: &[f64]) -> f64 {
    let total: f64 = counts.iter().sum();
    let prior: f64 = shares.iter().map(|s| s * CONCENTRATION).sum();
    let mut evidence = ln_gamma(prior) - ln_gamma(prior + total);
    for (n, share) in counts.iter().zip(shares) {
        let a = share * CONCENTRATION;
        evidence += ln_gamma(a + n) - ln_gamma(a) - n * share.ln();
    }
    (-evidence).exp().min(1.0)
}

/// What an experiment is planned to decide.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Plan {
    /// Which way of the measure is better.
    pub better: Better,
    /// Smallest effect that matters, in the unit of the measure, above 0.
    pub effect: f64,
    /// Greatest share of wrong verdicts without an effect, such as 0.05.
    pub alpha: f64,
    /// Share of real effects of that size that are to be found, such as 0.9.
    pub power: f64,
    /// Days that are waited at least, such as 7 for all days of the week.
    pub min_days: f64,
    /// Share of subjects that get the treatment.
    pub share: f64,
}

/// A measure that must not become worse.
#[derive(Debug, Clone, PartialEq)]
pub struct Guardrail {
    /// Its name.
    pub name: String,
    /// Which way is better.
    pub better: Better,
    /// How much worse is tolerated, 0 or above.
    pub margin: f64,
    /// Without the treatment.
    pub control: Arm,
    /// With it.
    pub treatment: Arm,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum State {
    /// The data is not what was planned.
    Unhealthy {
        /// Always-valid p value of the planned split.
        sample_ratio_p: f64,
    },
    /// An arm has too few subjects, or nothing varies.
    NoData,
    /// Too early to say.
    DaysLeft {
        /// Days until the planned sample and the minimum duration are reached; absent where no
        /// subjects arrive.
        days: Option<f64>,
    },
    /// The treatment is better.
    RollOut,
    /// The sample is reached and no difference was found.
    Hold,
    /// The treatment is worse, or a guardrail is broken.
    RollBack {
        /// The guardrail that is broken; absent where the measure itself is worse.
        guardrail: Option<String>,
    },
}

/// A state and what it rests on.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Judgement {
    /// What is to be done.
    pub state: State,
    /// The measure itself.
    pub effect: Option<Effect>,
    /// Subjects that the plan needs in both arms together.
    pub needed: Option<f64>,
    /// Subjects so far.
    pub subjects: f64,
}

/// Judges an experiment after `days`. With guardrails, `alpha` is shared: half for the measure, half
/// for them together, so that all verdicts together are wrong in at most a share `alpha`.
pub fn judge(
    plan: &Plan,
    control: &Arm,
    treatment: &Arm,
    guardrails: &[Guardrail],
    days: f64,
) -> Judgement {
    let subjects = control.n + treatment.n;
    let alpha = match guardrails.is_empty() {
        true => plan.alpha,
        false => plan.alpha / 2.0,
    };
    let effect = effect(control, treatment, plan.effect, alpha);
    let needed = needed(plan, control, treatment, alpha);
    let state = state(plan, (control, treatment), effect, guardrails, days, needed);
    Judgement {
        state,
        effect,
        needed,
        subjects,
    }
}

fn state(
    plan: &Plan,
    (control, treatment): (&Arm, &Arm),
    effect: Option<Effect>,
    guardrails: &[Guardrail],
    days: f64,
    needed: Option<f64>,
) -> State {
    let shares = [1.0 - plan.share, plan.share];
    let sample_ratio_p = sample_ratio(&[control.n, treatment.n], &shares);
    if sample_ratio_p < MISMATCH {
        return State::Unhealthy { sample_ratio_p };
    }
    let Some(effect) = effect else {
        return State::NoData;
    };
    // Harm is not waited for.
    let each = plan.alpha / 2.0 / guardrails.len().max(1) as f64;
    if let Some(broken) = guardrails.iter().find(|g| g.is_broken(each)) {
        return State::RollBack {
            guardrail: Some(broken.name.clone()),
        };
    }
    let subjects = control.n + treatment.n;
    let (worse, better) = match plan.better {
        Better::Higher => (effect.upper < 0.0, effect.lower > 0.0),
        Better::Lower => (effect.lower > 0.0, effect.upper < 0.0),
    };
    let missing = needed.map(|n| (n - subjects).max(0.0));
    let arriving = if days > 0.0 { subjects / days } else { 0.0 };
    let to_sample = match missing {
        Some(0.0) => Some(0.0),
        Some(m) if arriving > 0.0 => Some(m / arriving),
        _ => None,
    };
    let to_minimum = (plan.min_days - days).max(0.0);
    if to_minimum > 0.0 {
        let decided = worse || better;
        let left = if decided { Some(0.0) } else { to_sample };
        return State::DaysLeft {
            days: left.map(|d| d.max(to_minimum)),
        };
    }
    match (better, worse, to_sample) {
        (true, _, _) => State::RollOut,
        (_, true, _) => State::RollBack { guardrail: None },
        (_, _, Some(0.0)) => State::Hold,
        (_, _, days) => State::DaysLeft { days },
    }
}

impl Guardrail {
    /// Whether even the good end of the interval is worse than tolerated.
    fn is_broken(&self, alpha: f64) -> bool {
        // Narrowest at the margin; without one, at a tenth of what subjects differ by. It must not
        // follow the sample's size, or looking often would find harm where there is none.
        let scale = match self.margin > 0.0 {
            true => self.margin,
            false => 0.1 * self.control.variance.sqrt(),
        };
        match (
            effect(&self.control, &self.treatment, scale, alpha),
            self.better,
        ) {
            (None, _) => false,
            (Some(e), Better::Higher) => e.upper < -self.margin,
            (Some(e), Better::Lower) => e.lower > self.margin,
        }
    }
}

/// Subjects of both arms at which an effect of the planned size is found with the planned power:
/// half width and the quantile of the estimate together are that effect.
fn needed(plan: &Plan, control: &Arm, treatment: &Arm, alpha: f64) -> Option<f64> {
    let per_subject = control.variance / (1.0 - plan.share) + treatment.variance / plan.share;
    let mixture = plan.effect * plan.effect;
    if !(per_subject > 0.0 && per_subject.is_finite() && mixture > 0.0) {
        return None;
    }
    let z = Normal::standard().inverse_cdf(plan.power.clamp(0.5, 0.999_999));
    let enough = |v: f64| half_width(v, mixture, alpha) + z * v.sqrt() <= plan.effect;
    // The variance of the estimate that is small enough lies between these.
    let (mut low, mut high) = (mixture * 1e-6, mixture);
    for _ in 0..60 {
        let middle = (low * high).sqrt();
        match enough(middle) {
            true => low = middle,
            false => high = middle,
        }
    }
    Some((per_subject / low).ceil().max(2.0 * MIN_ARM))
}
