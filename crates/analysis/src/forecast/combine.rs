//! Weighs the members by their back-test and keeps the mean only where it beats the naive forecast.

use super::backtest::{Plan, errors, mean_absolute, replay};
use super::interval::half_widths;
use super::members::{Member, Past};
use super::{Method, method_of};

/// Below this a back-test error counts as none (values are scaled to 1).
const NO_ERROR: f64 = 1e-9;

/// A method with its forecast and what the back-test says of it.
pub struct Judged {
    pub method: Method,
    pub ahead: Vec<f64>,
    pub mae: Option<f64>,
    pub naive: Member,
    pub naive_mae: Option<f64>,
    errors: Vec<Vec<Option<f64>>>,
}

/// One member and what it said.
struct Played {
    member: Member,
    said: Vec<Vec<f64>>,
    errors: Vec<Vec<Option<f64>>>,
    ahead: Vec<f64>,
}

/// Plays all members and decides.
pub fn judge(plan: &Plan, past: Past<'_>, seasons: &[usize], horizon: usize) -> Judged {
    let plain = [Member::Last]
        .into_iter()
        .chain(seasons.iter().map(|s| Member::Season(*s)));
    let play = |member: Member| {
        let ahead = member.ahead(past, horizon)?;
        let said = replay(plan, member, past)?;
        let errors = errors(plan, &said, past);
        Some(Played {
            member,
            said,
            errors,
            ahead,
        })
    };
    let plain: Vec<Played> = plain.filter_map(play).collect();
    let mae = |p: &Played| mean_absolute(&p.errors, None);
    // The naive forecast is what everybody would draw: the last value, or the last short season.
    // Longer seasons are members of the mean only.
    let season = seasons.first().map(|s| Member::Season(*s));
    let best = plain
        .iter()
        .filter(|p| p.member == Member::Last || Some(p.member) == season)
        .filter(|p| mae(p).is_some())
        .min_by(|a, b| mae(a).unwrap_or(0.0).total_cmp(&mae(b).unwrap_or(0.0)));
    let Some(best) = best else {
        return untested(past, horizon);
    };
    let (naive, naive_mae) = (best.member, mae(best));
    let of_one = Judged {
        method: method_of(naive),
        ahead: best.ahead.clone(),
        mae: naive_mae,
        naive,
        naive_mae,
        errors: best.errors.clone(),
    };
    let mut members: Vec<Played> = [Member::Ridge, Member::RidgeLog]
        .into_iter()
        .filter_map(play)
        .collect();
    if members.is_empty() {
        return of_one;
    }
    members.extend(plain);
    let mixed = mix(plan, past, &members, horizon);
    let mixed_mae = mean_absolute(&mixed.1, None);
    match mixed_mae.zip(naive_mae) {
        Some((m, n)) if m < n => Judged {
            method: Method::Combined,
            ahead: mixed.0,
            mae: mixed_mae,
            errors: mixed.1,
            ..of_one
        },
        _ => of_one,
    }
}

/// The weighted forecast, and its errors with weights that the tested moment had no part in.
#[allow(clippy::type_complexity)]
fn mix(
    plan: &Plan,
    past: Past<'_>,
    members: &[Played],
    horizon: usize,
) -> (Vec<f64>, Vec<Vec<Option<f64>>>) {
    let weights = |but: Option<usize>| -> Vec<f64> {
        let raw: Vec<f64> = members
            .iter()
            .map(|m| mean_absolute(&m.errors, but).map_or(1.0, |e| (e + NO_ERROR).powi(-2)))
            .collect();
        let sum: f64 = raw.iter().sum();
        raw.iter().map(|w| w / sum).collect()
    };
    let blend = |weights: &[f64], of: &dyn Fn(&Played) -> Vec<f64>, steps: usize| {
        let mut out = vec![0.0; steps];
        for (member, w) in members.iter().zip(weights) {
            for (sum, v) in out.iter_mut().zip(of(member)) {
                *sum += w * v;
            }
        }
        out
    };
    let said: Vec<Vec<f64>> = (0..plan.origins.len())
        .map(|i| blend(&weights(Some(i)), &|m| m.said[i].clone(), plan.horizon))
        .collect();
    let ahead = blend(&weights(None), &|m| m.ahead.clone(), horizon);
    (ahead, errors(plan, &said, past))
}

/// Nothing that could be tested was observed: the last value, as wrong as steps were long.
fn untested(past: Past<'_>, horizon: usize) -> Judged {
    let last = past.values.last().copied().unwrap_or(0.0);
    let known: Vec<f64> = past
        .values
        .iter()
        .zip(past.observed)
        .filter_map(|(v, o)| o.then_some(*v))
        .collect();
    Judged {
        method: Method::Naive,
        ahead: vec![last; horizon],
        mae: None,
        naive: Member::Last,
        naive_mae: None,
        errors: known.windows(2).map(|w| vec![Some(w[1] - w[0])]).collect(),
    }
}

impl Judged {
    /// Half widths of the interval of a level, one per step.
    pub fn widths(&self, level: f64) -> Vec<f64> {
        let horizon = self.ahead.len();
        half_widths(&self.errors, None, horizon, level).unwrap_or_else(|| vec![0.0; horizon])
    }

    /// Share of back-test errors inside the interval that the other origins gave; `None` with fewer
    /// than two origins.
    pub fn coverage(&self, level: f64) -> Option<f64> {
        self.mae?;
        let (mut inside, mut all) = (0.0, 0.0);
        for (i, errors) in self.errors.iter().enumerate() {
            let Some(widths) = half_widths(&self.errors, Some(i), errors.len(), level) else {
                continue;
            };
            for (e, w) in errors.iter().zip(&widths) {
                let Some(e) = e else { continue };
                all += 1.0;
                inside += f64::from(u8::from(e.abs() <= *w));
            }
        }
        (all > 0.0).then(|| inside / all)
    }
}
