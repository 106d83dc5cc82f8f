//! The forecasts that are combined, and the plain ones that they must beat.

use super::ridge::Ridge;

/// One way to forecast.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Member {
    /// The last value goes on.
    Last,
    /// The last season goes on (its length in steps).
    Season(usize),
    /// Regression on lags.
    Ridge,
    /// Regression of logarithms on lags, for positive values.
    RidgeLog,
}

/// What a member looks at: values without gaps, and which of them were observed.
#[derive(Clone, Copy)]
pub struct Past<'a> {
    pub values: &'a [f64],
    pub observed: &'a [bool],
    pub lags: &'a [usize],
}

impl<'a> Past<'a> {
    /// The first `n` values only.
    pub fn before(self, n: usize) -> Past<'a> {
        Past {
            values: &self.values[..n],
            observed: &self.observed[..n],
            lags: self.lags,
        }
    }
}

impl Member {
    /// The next `horizon` values; `None` where this member cannot tell.
    pub fn ahead(self, past: Past<'_>, horizon: usize) -> Option<Vec<f64>> {
        let n = past.values.len();
        let out: Vec<f64> = match self {
            Member::Last => vec![*past.values.last()?; horizon],
            Member::Season(s) => {
                let season = past.values.get(n.checked_sub(s)?..)?;
                season.iter().copied().cycle().take(horizon).collect()
            }
            Member::Ridge => {
                Ridge::fit(past.values, past.observed, past.lags)?.ahead(past.values, horizon)
            }
            Member::RidgeLog => {
                let logs = logarithms(past.values)?;
                Ridge::fit(&logs, past.observed, past.lags)?
                    .ahead(&logs, horizon)
                    .into_iter()
                    .map(f64::exp)
                    .collect()
            }
        };
        (out.len() == horizon && out.iter().all(|v| v.is_finite())).then_some(out)
    }
}

/// `None` where a value has none.
fn logarithms(values: &[f64]) -> Option<Vec<f64>> {
    values.iter().map(|v| (*v > 0.0).then(|| v.ln())).collect()
}
