//! Sums by dimension, and what the same calls would cost by another price book.

use super::Call;
use serde::Serialize;
use std::collections::BTreeMap;

/// Tokens that a price is for.
const PER: f64 = 1e6;

/// Prices of a model, in USD per million tokens.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Price {
    /// Tokens read that no cache held.
    pub input: f64,
    /// Tokens read from the cache.
    pub cached: f64,
    /// Tokens written.
    pub output: f64,
}

/// Prices by model.
pub type Book = BTreeMap<String, Price>;

impl Price {
    /// What a call costs.
    pub fn of(&self, call: &Call) -> f64 {
        let cached = call.cached_tokens.min(call.input_tokens);
        let fresh = call.input_tokens - cached;
        (fresh * self.input + cached * self.cached + call.output_tokens * self.output) / PER
    }
}

/// The cost of one value of a dimension.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Breakdown {
    /// The value; empty where the dimension is absent.
    pub value: String,
    /// Cost of the calls that have a price.
    pub usd: f64,
    /// Its share of the whole cost; absent where that is 0.
    pub share: Option<f64>,
    /// Calls.
    pub calls: usize,
    /// Of those, calls without a price.
    pub unpriced: usize,
}

/// Cost by the values of a dimension (`model` and `task` are ones too), dearest first.
pub fn breakdown(calls: &[Call], dimension: &str) -> Vec<Breakdown> {
    let mut sums: BTreeMap<&str, (f64, usize, usize)> = BTreeMap::new();
    for call in calls {
        let value = match dimension {
            "model" => call.model.as_str(),
            "task" => call.task.as_str(),
            other => call.dimensions.get(other).map_or("", String::as_str),
        };
        let sum = sums.entry(value).or_default();
        sum.0 += call.usd.unwrap_or(0.0);
        sum.1 += call.calls();
        sum.2 += if call.usd.is_none() { call.calls() } else { 0 };
    }
    let whole: f64 = sums.values().map(|s| s.0).sum();
    let mut out: Vec<Breakdown> = sums
        .into_iter()
        .map(|(value, (usd, calls, unpriced))| Breakdown {
            value: value.to_owned(),
            usd,
            share: (whole != 0.0).then(|| usd / whole),
            calls,
            unpriced,
        })
        .collect();
    out.sort_by(|a, b| b.usd.total_cmp(&a.usd));
    out
}

/// The same calls by other prices.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WhatIf {
    /// What the calls that both price books know did cost.
    pub usd: f64,
    /// What they would have cost.
    pub repriced: f64,
    /// By model: cost and what it would have been.
    pub models: BTreeMap<String, (f64, f64)>,
    /// Share of calls that lack a cost or a price, and are in neither sum.
    pub unpriced: f64,
}

/// Prices calls by another book.
pub fn reprice(calls: &[Call], book: &Book) -> WhatIf {
    let mut models: BTreeMap<String, (f64, f64)> = BTreeMap::new();
    let mut unpriced = 0;
    let all: usize = calls.iter().map(Call::calls).sum();
    for call in calls {
        let (Some(usd), Some(price)) = (call.usd, book.get(&call.model)) else {
            unpriced += call.calls();
            continue;
        };
        let sums = models.entry(call.model.clone()).or_default();
        sums.0 += usd;
        sums.1 += price.of(call);
    }
    WhatIf {
        usd: models.values().map(|m| m.0).sum(),
        repriced: models.values().map(|m| m.1).sum(),
        models,
        unpriced: unpriced as f64 / (all as f64).max(1.0),
    }
}
