//! What could be saved. The figures are what the calls of the given period would have saved; they
//! do not add up, for one call can be in several.

use super::{Book, Call};
use serde::Serialize;
use statrs::distribution::{ContinuousCDF, Normal};
use std::collections::{BTreeMap, BTreeSet};

/// Fewest judged calls of each model before two are compared.
pub const MIN_QUALITY: usize = 30;

/// Kind of an opportunity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A cheaper model did the same work not noticeably worse.
    CheaperModel,
    /// A prompt's beginning was sent again and not read from the cache.
    CacheMiss,
    /// Calls were repeated.
    Retries,
    /// Calls followed a pattern of waste.
    Waste,
    /// A budget was reserved and not used.
    IdleBudget,
}

/// Something that could be saved.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Opportunity {
    /// Its kind.
    pub kind: Kind,
    /// What it is about: task, prefix, model, pattern or budget.
    pub about: String,
    /// USD of the period that it would have saved.
    pub usd: f64,
    /// Calls that it rests on (0 for a budget).
    pub calls: usize,
    /// Numbers that it rests on, by name.
    pub evidence: BTreeMap<String, f64>,
    /// What it would take.
    pub takes: String,
}

/// When something is an opportunity.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rules {
    /// Loss of quality (0 to 1) that does not matter.
    pub margin: f64,
    /// Chance of calling a model not inferior that is.
    pub alpha: f64,
    /// Savings below this many USD are left out.
    pub least_usd: f64,
}

impl Default for Rules {
    fn default() -> Rules {
        Rules {
            margin: 0.02,
            alpha: 0.05,
            least_usd: 1.0,
        }
    }
}

/// What the calls of a period could have saved, dearest first. `budgets` are names with what was
/// reserved and what was used of it.
pub fn opportunities(
    calls: &[Call],
    book: &Book,
    budgets: &[(String, f64, f64)],
    rules: &Rules,
) -> Vec<Opportunity> {
    let mut out = cheaper_models(calls, book, rules);
    out.extend(cache_misses(calls, book));
    out.extend(repeated(calls));
    out.extend(budgets.iter().map(|(name, reserved, used)| Opportunity {
        kind: Kind::IdleBudget,
        about: name.clone(),
        usd: reserved - used,
        calls: 0,
        evidence: evidence([("reserved usd", *reserved), ("used usd", *used)]),
        takes: "reserve less, or give the rest to another budget".into(),
    }));
    out.retain(|o| o.usd >= rules.least_usd && o.usd.is_finite());
    out.sort_by(|a, b| {
        b.usd
            .total_cmp(&a.usd)
            .then_with(|| (a.kind, &a.about).cmp(&(b.kind, &b.about)))
    });
    out
}

fn evidence<const N: usize>(of: [(&str, f64); N]) -> BTreeMap<String, f64> {
    of.into_iter().map(|(k, v)| (k.to_owned(), v)).collect()
}

/// What judged calls of a model and task say of its quality.
struct Quality {
    n: f64,
    mean: f64,
    variance: f64,
}

impl Quality {
    fn of(values: &[f64]) -> Option<Quality> {
        if values.len() < MIN_QUALITY {
            return None;
        }
        let mean = crate::stats::mean(values);
        let squares: f64 = values.iter().map(|v| (v - mean) * (v - mean)).sum();
        Some(Quality {
            n: values.len() as f64,
            mean,
            variance: squares / (values.len() - 1) as f64,
        })
    }

    /// Whether this one is worse than `other` by less than the margin: the lower end of the
    /// one-sided interval of the difference lies above it (a test of non-inferiority).
    fn is_not_inferior(&self, other: &Quality, rules: &Rules) -> bool {
        let error = (self.variance / self.n + other.variance / other.n).sqrt();
        let z = Normal::standard().inverse_cdf(1.0 - rules.alpha.clamp(1e-9, 0.5));
        self.mean - other.mean - z * error > -rules.margin
    }
}

/// Per task and model: the cheapest model whose observed quality is not inferior.
fn cheaper_models(calls: &[Call], book: &Book, rules: &Rules) -> Vec<Opportunity> {
    let mut tasks: BTreeMap<&str, BTreeMap<&str, Vec<&Call>>> = BTreeMap::new();
    for call in calls {
        let models = tasks.entry(&call.task).or_default();
        models.entry(&call.model).or_default().push(call);
    }
    let mut out = Vec::new();
    for (task, models) in &tasks {
        let judged: BTreeMap<&str, Quality> = models
            .iter()
            .filter_map(|(model, calls)| {
                let known: Vec<f64> = calls.iter().filter_map(|c| c.quality).collect();
                Quality::of(&known).map(|q| (*model, q))
            })
            .collect();
        for (model, own) in &judged {
            let calls = &models[model];
            let paid: Vec<(&Call, f64)> = calls
                .iter()
                .filter_map(|c| c.usd.map(|usd| (*c, usd)))
                .collect();
            let usd: f64 = paid.iter().map(|p| p.1).sum();
            let best = judged
                .iter()
                .filter(|(other, q)| *other != model && q.is_not_inferior(own, rules))
                .filter_map(|(other, q)| {
                    let price = book.get(*other)?;
                    let would: f64 = paid.iter().map(|(c, _)| price.of(c)).sum();
                    Some((usd - would, other, q))
                })
                .max_by(|a, b| a.0.total_cmp(&b.0));
            out.extend(best.map(|(saved, other, q)| Opportunity {
                kind: Kind::CheaperModel,
                about: format!("{task}: {model} to {other}"),
                usd: saved,
                calls: paid.iter().map(|(c, _)| c.calls()).sum(),
                evidence: evidence([
                    ("quality now", own.mean),
                    ("quality of the cheaper", q.mean),
                    ("judged now", own.n),
                    ("judged of the cheaper", q.n),
                ]),
                takes: format!("send {task} to {other}"),
            }));
        }
    }
    out
}

/// Per prefix: tokens that were sent again and not read from the cache. The first call of a prefix
/// has to send it.
fn cache_misses(calls: &[Call], book: &Book) -> Vec<Opportunity> {
    let mut seen: BTreeSet<(u64, &str)> = BTreeSet::new();
    let mut missed: BTreeMap<u64, (f64, f64, usize)> = BTreeMap::new();
    for call in calls {
        let Some((prefix, tokens)) = call.prefix else {
            continue;
        };
        // A cache belongs to a model.
        if seen.insert((prefix, call.model.as_str())) {
            continue;
        }
        let again = (tokens.min(call.input_tokens) - call.cached_tokens).max(0.0);
        let Some(price) = book.get(&call.model).filter(|_| again > 0.0) else {
            continue;
        };
        let sum = missed.entry(prefix).or_default();
        sum.0 += again * (price.input - price.cached) / 1e6;
        sum.1 += again;
        sum.2 += call.calls();
    }
    missed
        .into_iter()
        .map(|(prefix, (usd, tokens, calls))| Opportunity {
            kind: Kind::CacheMiss,
            about: format!("prefix {prefix:016x}"),
            usd,
            calls,
            evidence: evidence([("tokens sent again", tokens)]),
            takes: "keep the beginning of the prompt unchanged and mark it for the cache".into(),
        })
        .collect()
}

/// Retries by model, and patterns of waste by name.
fn repeated(calls: &[Call]) -> Vec<Opportunity> {
    let mut sums: BTreeMap<(Kind, &str), (f64, usize)> = BTreeMap::new();
    for call in calls {
        let retry = call.retry.then_some((Kind::Retries, call.model.as_str()));
        let waste = call.waste.as_deref().map(|w| (Kind::Waste, w));
        for key in retry.into_iter().chain(waste) {
            let sum = sums.entry(key).or_default();
            sum.0 += call.usd.unwrap_or(0.0);
            sum.1 += call.calls();
        }
    }
    let all: usize = calls.iter().map(Call::calls).sum();
    sums.into_iter()
        .map(|((kind, about), (usd, n))| Opportunity {
            kind,
            about: about.to_owned(),
            usd,
            calls: n,
            evidence: evidence([("share of calls", n as f64 / all as f64)]),
            takes: match kind {
                Kind::Retries => "use the first answer, or find why it was refused".into(),
                _ => format!("stop calls of the pattern `{about}`"),
            },
        })
        .collect()
}
