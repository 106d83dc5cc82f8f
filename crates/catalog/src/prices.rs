//! The price book and which of its entries holds for a call.

use crate::problem::suggest;
use crate::reader::File;
use crate::types::{CostDef, Price};
use crate::yaml::{Node, Value};
use std::cmp::Reverse;
use weir_model::{Micros, codes};

/// Classes of tokens; they are disjoint.
pub const CLASSES: &[&str] = &["input", "cache_read", "cache_write", "output", "reasoning"];

/// Reads the entries of one `prices:` list.
pub(crate) fn read(file: File<'_>, node: &Node, out: &mut Vec<Price>) {
    let allowed: Vec<&str> = ["provider", "model", "from", "unpriced"]
        .into_iter()
        .chain(CLASSES.iter().copied())
        .collect();
    for entry in file.list(node, "prices").unwrap_or_default() {
        let Some(f) = file.fields(entry, "a price", &allowed) else {
            continue;
        };
        let (Some(model), Some(from)) = (f.need("model", "a price"), f.need("from", "a price"))
        else {
            continue;
        };
        let (Some(model), Some(from)) = (file.text(model, "model"), date(file, from)) else {
            continue;
        };
        let provider = f.text_or("provider", "*");
        let unpriced = f.truth("unpriced");
        let mut per_token = Vec::new();
        for class in CLASSES {
            let Some(n) = f.get(class) else { continue };
            let Some(usd) = file.within(
                n,
                class,
                |v| (0.0..=1e6).contains(&v),
                "USD per million tokens, from 0",
            ) else {
                continue;
            };
            let thousandths = (usd * 1000.0).round();
            if (usd * 1000.0 - thousandths).abs() > 1e-6 {
                file.say(
                    n.at,
                    codes::CATALOG_IMPOSSIBLE,
                    format!("{class} costs {usd} USD per million"),
                    "write at most three decimals",
                );
                continue;
            }
            per_token.push((class.to_string(), thousandths as i128));
        }
        if per_token.is_empty() != unpriced {
            file.say(
                entry.at,
                codes::CATALOG_SYNTAX,
                format!(
                    "the price of \"{model}\" names {}",
                    if unpriced {
                        "prices and `unpriced`"
                    } else {
                        "no price"
                    }
                ),
                "write USD per million tokens by class, or `unpriced: true`",
            );
        }
        if out
            .iter()
            .any(|p| p.provider == provider && p.model == model && p.from == from)
        {
            file.say(
                entry.at,
                codes::CATALOG_DUPLICATE,
                format!("the price of \"{model}\" from this day is declared twice"),
                "remove one of them",
            );
            continue;
        }
        out.push(Price {
            provider,
            model: model.to_string(),
            from,
            per_token,
        });
    }
}

/// A day, from midnight UTC.
fn date(file: File<'_>, node: &Node) -> Option<Micros> {
    let text = match &node.value {
        Value::Text(t) => t.as_str(),
        _ => "",
    };
    let day = text
        .parse::<jiff::civil::Date>()
        .and_then(|d| d.to_zoned(jiff::tz::TimeZone::UTC));
    match day {
        Ok(z) => Some(Micros(z.timestamp().as_microsecond())),
        Err(_) => {
            file.say(
                node.at,
                codes::CATALOG_SYNTAX,
                "from is no date",
                suggest("2025-01-31", ["2025-01-31"]).replace("did you mean", "write it like"),
            );
            None
        }
    }
}

/// `family` itself, or `family-...`, `family@...`.
fn belongs(model: &str, family: &str) -> bool {
    model
        .strip_prefix(family)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', '@']))
}

impl CostDef {
    /// The entry in force at event time `t`: of those begun by then, the one with the longest matching model; a
    /// named provider goes before `*`, a later start before an earlier one.
    pub fn price(&self, provider: &str, model: &str, t: Micros) -> Option<&Price> {
        self.book
            .iter()
            .filter(|p| {
                p.from <= t
                    && (p.provider == "*" || p.provider == provider)
                    && belongs(model, &p.model)
            })
            .max_by_key(|p| (p.model.len(), p.provider != "*", p.from))
    }
}

impl Price {
    /// Billionths of a USD for one token of a class, if the entry has one.
    pub fn of(&self, class: &str) -> Option<i128> {
        self.per_token
            .iter()
            .find(|(c, _)| c == class)
            .map(|(_, p)| *p)
    }
}

/// One order, whatever the files say.
pub(crate) fn sort(book: &mut [Price]) {
    book.sort_by(|a, b| {
        (&a.provider, &a.model, Reverse(a.from)).cmp(&(&b.provider, &b.model, Reverse(b.from)))
    });
}
