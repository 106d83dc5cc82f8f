//! What one call costs by the catalog, and what the cache saved of it.

use anyhow::{Context, Result};
use weir_agents::Call;
use weir_catalog::Catalog;
use weir_catalog::types::{MeasureKind, Price};
use weir_engine::measure::{OneMeasure, PricedBy};
use weir_model::avro::Value;
use weir_model::measure::MeasureValue;
use weir_model::{Fixed, Micros, codes};

/// Prices calls: the same code as prices events.
pub struct Prices {
    one: OneMeasure,
    slots: Vec<Field>,
    reported: Option<usize>,
}

/// What one call costs.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Priced {
    /// `None`: nobody knows its price.
    pub cost: Option<Fixed>,
    /// What it would have cost more without a cache; below zero where writing cost more than
    /// reading saved. `None`: not known.
    pub saved: Option<Fixed>,
}

/// A field of the event, out of a call.
#[derive(Clone, Copy)]
enum Field {
    Text(fn(&Call) -> &str),
    Number(fn(&Call) -> Option<i64>),
    Cost,
    /// One that no log tells.
    Absent,
}

/// Which part of a call stands at a path of the event.
fn field(path: &str) -> Field {
    match path {
        "provider" => Field::Text(|c| &c.provider),
        "model" => Field::Text(|c| &c.model),
        "service_tier" => Field::Text(|c| &c.service_tier),
        "session_id" => Field::Text(|c| &c.session),
        "category" => Field::Text(|_| "coding"),
        "cost_usd" => Field::Cost,
        "tokens_input" => Field::Number(|c| c.tokens.input),
        "tokens_cache_read" => Field::Number(|c| c.tokens.cache_read),
        "tokens_cache_write" => Field::Number(|c| c.tokens.cache_write),
        "tokens_cache_write_5m" => Field::Number(|c| c.tokens.cache_write_5m),
        "tokens_cache_write_1h" => Field::Number(|c| c.tokens.cache_write_1h),
        "tokens_output" => Field::Number(|c| c.tokens.output),
        "tokens_reasoning" => Field::Number(|c| c.tokens.reasoning),
        _ => Field::Absent,
    }
}

impl Prices {
    /// By the cost of `llm.call` in a catalog.
    ///
    /// # Errors
    /// The catalog has none.
    pub fn new(catalog: &Catalog) -> Result<Prices> {
        let none = || {
            format!(
                "{}: the catalog has no llm.call with a measure of cost; add it, or leave --schemas out",
                codes::MAPPING
            )
        };
        let event = catalog.events.iter().find(|e| e.name == "llm.call");
        let event = event.with_context(none)?;
        let is_cost = |m: &weir_catalog::types::MeasureDef| matches!(m.kind, MeasureKind::Cost(_));
        let measure = event.measures.iter().position(is_cost).with_context(none)?;
        let one = OneMeasure::new(event, measure).with_context(none)?;
        let slots: Vec<Field> = one.paths().iter().map(|p| field(p)).collect();
        Ok(Prices {
            reported: slots.iter().position(|f| matches!(f, Field::Cost)),
            slots,
            one,
        })
    }

    /// Of a call.
    pub fn of(&mut self, call: &Call) -> Priced {
        let of = |f: &Field| match f {
            Field::Text(of) => Value::Str(of(call)),
            Field::Number(of) => of(call).map_or(Value::Null, Value::Int),
            Field::Cost => call.cost_usd.map_or(Value::Null, Value::Float),
            Field::Absent => Value::Null,
        };
        let mut row: Vec<Value> = self.slots.iter().map(of).collect();
        let cost = match self.one.of(&row, Micros(call.at), 0) {
            Some(MeasureValue::Sum(usd)) => Some(usd),
            _ => None,
        };
        // Also of a cost that was reported the book says what its cache was worth.
        if let Some(reported) = self.reported {
            row[reported] = Value::Null;
        }
        let saved = match self.one.priced_by(&row, Micros(call.at)) {
            Some(PricedBy::Entry(price)) => saved(price, call),
            _ => None,
        };
        Priced { cost, saved }
    }
}

/// Every token that was read from a cache, or written to one, at the price of input, less what it
/// cost.
fn saved(price: &Price, call: &Call) -> Option<Fixed> {
    let t = &call.tokens;
    let n = |n: Option<i64>| i128::from(n.unwrap_or(0));
    let (five, hour) = (n(t.cache_write_5m), n(t.cache_write_1h));
    let parts = [
        ("cache_read", n(t.cache_read)),
        ("cache_write_5m", five),
        ("cache_write_1h", hour),
        ("cache_write", (n(t.cache_write) - five - hour).max(0)),
    ];
    let input = price.of("input")?;
    let mut out = 0i128;
    for (class, tokens) in parts.into_iter().filter(|(_, tokens)| *tokens > 0) {
        // A lifetime without a price of its own is paid as any write.
        let paid = price.of(class).or_else(|| {
            let written = class.starts_with("cache_write");
            written.then(|| price.of("cache_write")).flatten()
        })?;
        out += tokens * (input - paid);
    }
    Some(Fixed(out))
}
