//! Who sent what was refused, for metrics and dead letters: the product and version that a client
//! calls itself.

use axum::http::{HeaderMap, header};
use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

/// Longest name.
const LONGEST: usize = 64;
/// Most names that are told apart in metrics.
const MOST: usize = 200;
/// The others.
const OTHER: &str = "other";

/// `weir-python/1.2` of `User-Agent: weir-python/1.2 CPython/3.12`.
pub(crate) fn of(headers: &HeaderMap) -> String {
    let agent = headers.get(header::USER_AGENT);
    let agent = agent.and_then(|v| v.to_str().ok()).unwrap_or_default();
    let product = agent.split_whitespace().next().unwrap_or("unknown");
    let plain = |c: &char| c.is_ascii_alphanumeric() || "._-/+".contains(*c);
    product.chars().filter(plain).take(LONGEST).collect()
}

/// Names that stand in metrics.
#[derive(Default)]
pub(crate) struct Emitters(Mutex<HashSet<String>>);

impl Emitters {
    /// The label of a name.
    pub fn label(&self, name: &str) -> String {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.contains(name) {
            return name.to_owned();
        }
        if known.len() >= MOST {
            return OTHER.to_owned();
        }
        known.insert(name.to_owned());
        name.to_owned()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn names_are_short_plain_and_few() {
        let mut headers = HeaderMap::new();
        assert_eq!(of(&headers), "unknown");
        let agent = "weir-python/1.2 CPython/3.12".parse().unwrap();
        headers.insert(header::USER_AGENT, agent);
        assert_eq!(of(&headers), "weir-python/1.2");
        let long = format!("a\"{{}}={}", "x".repeat(500)).parse().unwrap();
        headers.insert(header::USER_AGENT, long);
        assert_eq!(of(&headers), format!("a{}", "x".repeat(63)));
        let emitters = Emitters::default();
        let labels: HashSet<String> = (0..1000).map(|i| emitters.label(&i.to_string())).collect();
        assert_eq!(labels.len(), MOST + 1);
        assert_eq!(emitters.label("7"), "7");
    }
}
