//! The price book and which of its entries are in force for a call.

use crate::expr::{self, Tree};
use crate::fields::{Over, Typed};
use crate::reader::{Fields, File};
use crate::types::{CostDef, FieldExpr, FieldTerm, Price};
use crate::yaml::{At, Node};
use std::cmp::Reverse;
use weir_model::{Micros, codes};

/// Classes of tokens; they are disjoint, but for `cache_write`: see [`LIFETIMES`].
pub const CLASSES: &[&str] = &[
    "input",
    "cache_read",
    WRITTEN,
    "cache_write_5m",
    "cache_write_1h",
    "output",
    "reasoning",
];

/// Tokens written to a cache, whatever their lifetime.
pub const WRITTEN: &str = "cache_write";

/// Classes whose tokens are among those of [`WRITTEN`]: what they leave of it has a lifetime that
/// is not told.
pub const LIFETIMES: &[&str] = &["cache_write_5m", "cache_write_1h"];
/// Classes whose tokens must be known: where one of them is null, the call has no price. Of the
/// others null is none: few sources tell them all.
pub const NEEDED: &[&str] = &["input", "output"];

/// An entry, and where it stands.
struct Entry<'a> {
    price: Price,
    /// Its condition, over the terms of all conditions.
    tree: Option<Tree>,
    file: File<'a>,
    at: At,
    /// Where its condition stands.
    when: At,
}

/// The book that `prices:` lists say. `priced`: the event types that it is used for.
pub(crate) fn book<'s>(
    lists: impl Iterator<Item = (File<'s>, &'s Node)>,
    priced: &[Typed<'_>],
) -> Vec<Price> {
    let (mut all, mut terms): (Vec<Entry<'_>>, Vec<FieldTerm>) = (Vec::new(), Vec::new());
    for (file, node) in lists {
        for entry in file.list(node, "prices").unwrap_or_default() {
            let Some(mut e) = read(file, entry, priced) else {
                continue;
            };
            if let (Some(tree), Some(when)) = (&mut e.tree, &e.price.when) {
                *tree = expr::renumbered(tree, &mut |i| number(&mut terms, &when.terms[i]));
            }
            if reachable(&e, &all) {
                all.push(e);
            }
        }
    }
    // One order, whatever the files say; those of one day keep theirs.
    all.sort_by(|a, b| key(&a.price).cmp(&key(&b.price)));
    all.into_iter().map(|e| e.price).collect()
}

fn number(terms: &mut Vec<FieldTerm>, term: &FieldTerm) -> usize {
    terms.iter().position(|t| t == term).unwrap_or_else(|| {
        terms.push(term.clone());
        terms.len() - 1
    })
}

fn key(p: &Price) -> (&str, &str, Reverse<Micros>) {
    (&p.provider, &p.model, Reverse(p.from))
}

/// Provider, model and first day of an entry.
pub(crate) fn head<'a>(f: &Fields<'a>) -> Option<(String, &'a str, Micros)> {
    let (model, from) = (f.need("model", "a price"), f.need("from", "a price"));
    let (model, from) = (f.file.text(model?, "model")?, f.file.date(from?, "from")?);
    Some((f.text_or("provider", "*"), model, from))
}

fn read<'a>(file: File<'a>, entry: &'a Node, priced: &[Typed<'_>]) -> Option<Entry<'a>> {
    let allowed: Vec<&str> = ["provider", "model", "from", "when", "unpriced"]
        .into_iter()
        .chain(CLASSES.iter().copied())
        .collect();
    let f = file.fields(entry, "a price", &allowed)?;
    let (provider, model, from) = head(&f)?;
    let (unpriced, per_token) = (f.truth("unpriced"), per_token(&f));
    if per_token.is_empty() != unpriced {
        let names = match unpriced {
            true => "prices and `unpriced`",
            false => "no price",
        };
        file.say(
            entry.at,
            codes::CATALOG_SYNTAX,
            format!("the price of \"{model}\" names {names}"),
            "write USD per million tokens by class, or `unpriced: true`",
        );
    }
    let compiled = match f.get("when") {
        Some(n) => Some((condition(file, n, priced)?, n.at)),
        None => None,
    };
    let at = entry.at;
    let (when, tree, place) = match compiled {
        Some(((when, tree), place)) => (Some(when), Some(tree), place),
        None => (None, None, at),
    };
    Some(Entry {
        price: Price {
            provider,
            model: model.to_string(),
            from,
            per_token,
            when,
        },
        tree,
        file,
        at,
        when: place,
    })
}

/// Which calls an entry is for.
fn condition(file: File<'_>, node: &Node, priced: &[Typed<'_>]) -> Option<(FieldExpr, Tree)> {
    let over = Over {
        events: priced,
        who: "the condition",
        because: ", and its calls are priced",
    };
    let (when, tree) = over.condition(file, node)?;
    if !expr::varies(&tree) {
        file.say(
            node.at,
            codes::CATALOG_IMPOSSIBLE,
            "the condition asks nothing of the call",
            "name a field, or leave `when` out",
        );
        return None;
    }
    Some((when, tree))
}

fn per_token(f: &Fields<'_>) -> Vec<(String, i128)> {
    let mut out = Vec::new();
    for class in CLASSES {
        let Some(n) = f.get(class) else { continue };
        let Some(usd) = f.file.within(
            n,
            class,
            |v| (0.0..=1e6).contains(&v),
            "USD per million tokens, from 0",
        ) else {
            continue;
        };
        let thousandths = (usd * 1000.0).round();
        if (usd * 1000.0 - thousandths).abs() > 1e-6 {
            f.file.say(
                n.at,
                codes::CATALOG_IMPOSSIBLE,
                format!("{class} costs {usd} USD per million"),
                "write at most three decimals",
            );
            continue;
        }
        out.push((class.to_string(), thousandths as i128));
    }
    out
}

/// Whether some call can come to an entry; tells why not. `before`: those that are asked before it.
fn reachable(e: &Entry<'_>, before: &[Entry<'_>]) -> bool {
    let model = &e.price.model;
    for b in before.iter().filter(|b| key(&b.price) == key(&e.price)) {
        let same = match (&b.price.when, &e.price.when) {
            (None, None) => true,
            (Some(b), Some(e)) => b.equals(e),
            _ => false,
        };
        let line = b.at.line;
        if same {
            let how = match e.price.when {
                Some(_) => " under this condition",
                None => "",
            };
            e.file.say(
                e.at,
                codes::CATALOG_DUPLICATE,
                format!(
                    "the price of \"{model}\" from this day is declared twice{how}, first in line {line}"
                ),
                "remove one of them",
            );
            return false;
        }
        if b.file.name != e.file.name {
            e.file.say(
                e.at,
                codes::CATALOG_DUPLICATE,
                format!(
                    "the price of \"{model}\" from this day is declared in {} too",
                    b.file.name
                ),
                "put the entries of one day into one file: their order counts",
            );
            return false;
        }
        let covered = match (&e.tree, &b.tree) {
            (_, None) => true,
            (Some(e), Some(b)) => expr::implies(e, b),
            (None, Some(_)) => false,
        };
        if covered {
            e.file.say(
                e.when,
                codes::CATALOG_IMPOSSIBLE,
                format!(
                    "no call comes to this price of \"{model}\": the entry in line {line} takes all of them"
                ),
                "put it before that one, or change its condition",
            );
            return false;
        }
    }
    true
}

/// `family` itself, or `family-...`, `family@...`.
fn belongs(model: &str, family: &str) -> bool {
    model
        .strip_prefix(family)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', '@']))
}

impl CostDef {
    /// The entries in force at event time `t`, in the order in which their conditions are asked: of
    /// those begun by then, the ones with the longest matching model; a named provider goes before
    /// `*`, a later start before an earlier one.
    pub fn in_force(&self, provider: &str, model: &str, t: Micros) -> &[Price] {
        let fits = |p: &&Price| {
            p.from <= t && (p.provider == "*" || p.provider == provider) && belongs(model, &p.model)
        };
        let best = self.book.iter().filter(fits);
        let Some(best) = best.max_by_key(|p| (p.model.len(), p.provider != "*", p.from)) else {
            return &[];
        };
        // Sorted by this key, so those of one day stand together.
        let start = self.book.partition_point(|p| key(p) < key(best));
        let group = &self.book[start..];
        &group[..group.partition_point(|p| key(p) == key(best))]
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

    /// Whether it is an entry of the same model from the same day: they are one price, told in
    /// several entries.
    pub(crate) fn same_day(&self, other: &Price) -> bool {
        key(self) == key(other)
    }

    /// Two entries that price the same calls the same way.
    pub(crate) fn equals(&self, other: &Price) -> bool {
        let when = match (&self.when, &other.when) {
            (Some(a), Some(b)) => a.equals(b),
            (a, b) => a.is_none() && b.is_none(),
        };
        self.per_token == other.per_token && when
    }
}
