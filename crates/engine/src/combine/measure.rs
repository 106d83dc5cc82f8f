//! What an event adds to each measure, computed once and added to the row of every rollup.

use super::read::{Slots, number};
use super::when::Asked;
use crate::accumulate::live::{Delta, Words};
use crate::accumulate::{Layout, bin};
use hashbrown::HashMap;
use weir_catalog::types::{CostDef, EventDef, Literal, MeasureKind, Price, When};
use weir_catalog::{LIFETIMES, WRITTEN};
use weir_model::avro::Value;
use weir_model::{Fixed, Micros, hash};

/// Words of a row before its measures.
pub(super) const ROW_HEAD: usize = 2;

/// The compiled measures of an event type.
#[derive(Debug)]
pub(super) struct Measures {
    pub words: Words,
    list: Vec<Measure>,
    costs: Vec<Cost>,
}

#[derive(Debug)]
struct Measure {
    /// Offset of its words in a row.
    offset: usize,
    filter: Vec<(usize, Literal)>,
    what: What,
}

#[derive(Debug, Clone, Copy)]
enum What {
    Count,
    Sum(usize),
    Min(usize),
    Max(usize),
    SumSq(usize),
    Last(usize),
    Distribution(usize),
    Distinct(usize),
    /// Indices of `costs`.
    Cost(usize),
    Unpriced(usize),
}

impl Measures {
    pub fn new(event: &EventDef, slots: &mut Slots) -> Measures {
        let words = Words::new(&Layout::new(event), ROW_HEAD);
        let mut costs: Vec<Cost> = Vec::new();
        let mut cost = |def: &CostDef, slots: &mut Slots| {
            let new = Cost::new(def, slots);
            costs.iter().position(|c| c.same(&new)).unwrap_or_else(|| {
                costs.push(new);
                costs.len() - 1
            })
        };
        let mut list = Vec::new();
        for (i, m) in event.measures.iter().enumerate() {
            let filter = m
                .filter
                .iter()
                .map(|c| (slots.number(&c.path), c.value.clone()))
                .collect();
            let what = match &m.kind {
                MeasureKind::Count => What::Count,
                MeasureKind::Sum(p) => What::Sum(slots.number(p)),
                MeasureKind::Min(p) => What::Min(slots.number(p)),
                MeasureKind::Max(p) => What::Max(slots.number(p)),
                MeasureKind::SumSq(p) => What::SumSq(slots.number(p)),
                MeasureKind::Last(p) => What::Last(slots.number(p)),
                MeasureKind::Distribution(p) => What::Distribution(slots.number(p)),
                MeasureKind::Distinct(p) => What::Distinct(slots.number(p)),
                MeasureKind::Cost(c) => What::Cost(cost(c, slots)),
                MeasureKind::Unpriced(c) => What::Unpriced(cost(c, slots)),
            };
            list.push(Measure {
                offset: words.offset(i),
                filter,
                what,
            });
        }
        Measures { words, list, costs }
    }

    /// Appends what the event adds, with the offsets of the words it is added to.
    pub fn of(&mut self, row: &[Value], t: Micros, id: u64, out: &mut Vec<(usize, Delta)>) {
        for c in &mut self.costs {
            c.now = None;
        }
        for m in &self.list {
            if !m
                .filter
                .iter()
                .all(|(slot, literal)| holds(literal, &row[*slot]))
            {
                continue;
            }
            let delta = match m.what {
                What::Count => Some(Delta::Count),
                What::Sum(s) => exact(&row[s]).map(Delta::Sum),
                What::Min(s) => number(&row[s]).map(|v| Delta::Min(v + 0.0)),
                What::Max(s) => number(&row[s]).map(|v| Delta::Max(v + 0.0)),
                What::SumSq(s) => number(&row[s]).map(|v| Delta::Sum(square(v))),
                What::Last(s) => number(&row[s]).map(|v| Delta::Last {
                    at: t.0,
                    id,
                    value: v + 0.0,
                }),
                What::Distribution(s) => distribution(&row[s]),
                What::Distinct(s) => match row[s] {
                    Value::Str(v) if !v.is_empty() => {
                        Some(Delta::Hash(hash::distinct(v.as_bytes())))
                    }
                    _ => None,
                },
                What::Cost(c) => self.costs[c].of(row, t).map(Delta::Sum),
                What::Unpriced(c) => self.costs[c].of(row, t).is_none().then_some(Delta::Count),
            };
            if let Some(delta) = delta {
                out.push((m.offset, delta));
            }
        }
    }
}

fn holds(literal: &Literal, value: &Value) -> bool {
    match (literal, value) {
        (Literal::Null, Value::Null) => true,
        (Literal::Bool(a), Value::Bool(b)) => a == b,
        (Literal::Text(a), Value::Str(b)) => a == b,
        (Literal::Number(a), v) => number(v) == Some(*a),
        _ => false,
    }
}

/// A number in billionths.
#[inline]
fn exact(value: &Value) -> Option<i128> {
    match value {
        Value::Int(n) => Some(Fixed::from_int(*n).0),
        Value::Float(x) => Fixed::from_f64(*x).map(|f| f.0),
        _ => None,
    }
}

fn square(v: f64) -> i128 {
    let thousandths = (v.clamp(-1e12, 1e12) * 1000.0).round_ties_even() as i128;
    thousandths * thousandths
}

fn distribution(value: &Value) -> Option<Delta> {
    let (sum, v) = (exact(value)?, number(value)? + 0.0);
    Some(Delta::Value {
        value: v,
        sum,
        bin: bin(v),
    })
}

/// One way of pricing, with the prices looked up so far.
#[derive(Debug)]
struct Cost {
    def: CostDef,
    reported: Option<usize>,
    provider: usize,
    model: usize,
    /// Token counts, in the order of `def.tokens`.
    tokens: Vec<Tokens>,
    /// Every time at which some price begins, ascending.
    starts: Vec<Micros>,
    /// The conditions of the book, each once.
    conditions: Vec<(When, Asked)>,
    /// By provider, NUL, model: what is in force from each start on (the first is before any).
    known: HashMap<Vec<u8>, Vec<Vec<Offer>>>,
    key: Vec<u8>,
    /// This event's cost, once it was asked for.
    now: Option<Option<i128>>,
}

/// A token count of an event.
#[derive(Debug)]
struct Tokens {
    slot: usize,
    /// Slots of counts that are part of it and are paid by themselves.
    parts: Box<[usize]>,
}

/// An entry in force: which of the conditions it has, and the price of one token by class (`None`: no price).
#[derive(Debug)]
struct Offer {
    condition: Option<usize>,
    prices: Vec<Option<i128>>,
}

/// Providers and models remembered: their names come from events.
const MOST_KNOWN: usize = 10_000;

impl Cost {
    fn new(def: &CostDef, slots: &mut Slots) -> Cost {
        let mut starts: Vec<Micros> = def.book.iter().map(|p| p.from).collect();
        starts.sort_unstable();
        starts.dedup();
        let mut conditions: Vec<(When, Asked)> = Vec::new();
        for when in def.book.iter().filter_map(|p| p.when.as_ref()) {
            if !conditions.iter().any(|(w, _)| w == when) {
                conditions.push((when.clone(), Asked::new(when, slots)));
            }
        }
        let mut tokens = Vec::new();
        for (path, class) in &def.tokens {
            let parts = def
                .tokens
                .iter()
                .filter(|(_, c)| class == WRITTEN && LIFETIMES.contains(&c.as_str()));
            tokens.push(Tokens {
                slot: slots.number(path),
                parts: parts.map(|(p, _)| slots.number(p)).collect(),
            });
        }
        Cost {
            def: def.clone(),
            reported: def.reported.as_deref().map(|p| slots.number(p)),
            provider: slots.of(&def.provider),
            model: slots.of(&def.model),
            tokens,
            starts,
            conditions,
            known: HashMap::new(),
            key: Vec::new(),
            now: None,
        }
    }

    fn same(&self, other: &Cost) -> bool {
        (self.reported, self.provider, self.model) == (other.reported, other.provider, other.model)
            && self.def.tokens == other.def.tokens
            && std::sync::Arc::ptr_eq(&self.def.book, &other.def.book)
    }

    /// Exact cost; `None` where some class has tokens and no price.
    fn of(&mut self, row: &[Value], t: Micros) -> Option<i128> {
        if let Some(now) = self.now {
            return now;
        }
        let cost = match self.reported.and_then(|s| exact(&row[s])) {
            Some(reported) => Some(reported),
            None => self.priced(row, t),
        };
        self.now = Some(cost);
        cost
    }

    fn priced(&mut self, row: &[Value], t: Micros) -> Option<i128> {
        let text = |slot: usize| if let Value::Str(s) = row[slot] { s } else { "" };
        let (provider, model) = (text(self.provider), text(self.model));
        self.key.clear();
        self.key.extend_from_slice(provider.as_bytes());
        self.key.push(0);
        self.key.extend_from_slice(model.as_bytes());
        if !self.known.contains_key(&self.key) {
            if self.known.len() >= MOST_KNOWN {
                self.known.clear();
            }
            let periods = self.look_up(provider, model);
            self.known.insert(self.key.clone(), periods);
        }
        let period = self.starts.partition_point(|s| *s <= t);
        let offers = self.known.get(&self.key)?.get(period)?;
        let conditions = &mut self.conditions;
        let fits = |o: &&Offer| o.condition.is_none_or(|c| conditions[c].1.holds(row));
        let offer = offers.iter().find(fits);
        let mut sum = 0i128;
        for (i, count) in self.tokens.iter().enumerate() {
            let tokens = count.of(row);
            if tokens > 0 {
                let price = offer?.prices[i]?;
                sum = sum.saturating_add(tokens.saturating_mul(price));
            }
        }
        Some(sum)
    }

    /// What is in force for a model from each start on.
    #[cold]
    fn look_up(&self, provider: &str, model: &str) -> Vec<Vec<Offer>> {
        let classes = || self.def.tokens.iter().map(|(_, class)| class);
        let offer = |p: &Price| Offer {
            condition: p
                .when
                .as_ref()
                .and_then(|w| self.conditions.iter().position(|(c, _)| c == w)),
            prices: classes().map(|class| p.of(class)).collect(),
        };
        let starts = std::iter::once(Micros::MIN).chain(self.starts.iter().copied());
        starts
            .map(|start| self.def.in_force(provider, model, start))
            .map(|entries| entries.iter().map(offer).collect())
            .collect()
    }
}

impl Tokens {
    /// Those that are paid as this class; none where it is not above 0.
    #[inline]
    fn of(&self, row: &[Value]) -> i128 {
        let whole = |slot: usize| match row[slot] {
            Value::Int(n) => i128::from(n),
            ref v => exact(v).unwrap_or(0) / Fixed::SCALE,
        };
        let parts = self.parts.iter().map(|p| whole(*p).max(0));
        whole(self.slot) - parts.sum::<i128>()
    }
}
