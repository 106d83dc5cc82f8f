//! Money: what was reported, else tokens at the price in force. Adds up as a sum does.

use super::Delta;
use super::fields::Asked;
use super::slots::{Slots, exact};
use hashbrown::HashMap;
use weir_catalog::types::{CostDef, FieldExpr, Price};
use weir_catalog::{LIFETIMES, NEEDED, WRITTEN};
use weir_model::avro::Value;
use weir_model::{Fixed, Micros};

/// What an event adds.
#[inline]
pub(super) fn delta(cost: usize, event: &Event<'_>, costs: &mut Costs) -> Option<Delta> {
    costs.cost(cost, event).map(Delta::Sum)
}

/// A decoded event, with the time that it counts at and its identity hash.
#[derive(Clone, Copy)]
pub(crate) struct Event<'a> {
    pub row: &'a [Value<'a>],
    pub t: Micros,
    pub id: u64,
}

/// The ways of pricing of an event type, each computed at most once for an event: a cost and its
/// companion ask for the same one.
#[derive(Debug, Default)]
pub(super) struct Costs {
    list: Vec<Cost>,
}

impl Costs {
    /// The index of a way of pricing.
    pub fn of(&mut self, def: &CostDef, slots: &mut Slots) -> usize {
        let new = Cost::new(def, slots);
        let known = self.list.iter().position(|c| c.same(&new));
        known.unwrap_or_else(|| {
            self.list.push(new);
            self.list.len() - 1
        })
    }

    /// Forgets what the last event cost.
    #[inline]
    pub fn next_event(&mut self) {
        for c in &mut self.list {
            c.now = None;
        }
    }

    /// Exact cost; `None` where some class has tokens and no price, or the usage is not told.
    pub fn cost(&mut self, index: usize, event: &Event<'_>) -> Option<i128> {
        self.list[index].of(event.row, event.t)
    }
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
    conditions: Vec<(FieldExpr, Asked)>,
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
    /// Where it is not told, nobody knows what the call costs.
    needed: bool,
}

/// An entry in force: which of the conditions it has, and the price of one token by class (`None`:
/// no price).
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
        let mut conditions: Vec<(FieldExpr, Asked)> = Vec::new();
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
                needed: NEEDED.contains(&class.as_str()),
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

    /// Exact cost; `None` where some class has tokens and no price, or the usage is not told.
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
            if count.needed && matches!(row[count.slot], Value::Null) {
                return None;
            }
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
