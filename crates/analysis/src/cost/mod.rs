//! Cost: what could be saved and what it rests on, what other prices would give, and where a budget
//! ends.
//!
//! Every sum is in USD. Calls without a price are never taken for free: they are counted apart.

mod opportunity;
mod price;
mod projection;

pub use opportunity::{Kind, MIN_QUALITY, Opportunity, Rules, opportunities};
pub use price::{Book, Breakdown, Price, WhatIf, breakdown, reprice};
pub use projection::{Projection, project};

use std::collections::BTreeMap;

/// One call of a model, or a row of many alike.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Call {
    /// Dimensions: team, capability, engineer, ...
    pub dimensions: BTreeMap<String, String>,
    /// Model.
    pub model: String,
    /// Kind of work: calls of one kind can be compared between models.
    pub task: String,
    /// Tokens that were read, cached ones included.
    pub input_tokens: f64,
    /// Of those, tokens that came from the cache.
    pub cached_tokens: f64,
    /// Tokens that were written.
    pub output_tokens: f64,
    /// What it cost; absent where no price is known.
    pub usd: Option<f64>,
    /// Observed quality, 0 to 1; absent where nobody judged it.
    pub quality: Option<f64>,
    /// What the prompt begins with (a hash), and how many tokens that is.
    pub prefix: Option<(u64, f64)>,
    /// Whether it repeats a call whose answer could have been used.
    pub retry: bool,
    /// Name of a waste pattern that it was recognised by, such as `answer cut off`.
    pub waste: Option<String>,
    /// Calls that the row is made of, whose sums it has; 0 is a single one too.
    pub count: usize,
}

impl Call {
    /// How many it is.
    pub(crate) fn calls(&self) -> usize {
        self.count.max(1)
    }
}
