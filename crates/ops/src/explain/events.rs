//! The events under a term: each is asked what it adds, by the code that counted it.

use super::told::{Event, Events, Price, at};
use anyhow::{Context, Result};
use serde_json::Value as Json;
use std::collections::{BTreeMap, VecDeque};
use weir_catalog::{EventDef, MeasureKind, Stat};
use weir_engine::measure::{OneMeasure, PricedBy};
use weir_model::avro::{LeafKind, Value};
use weir_model::measure::MeasureValue;
use weir_model::person::{Form, forms};
use weir_model::{Fixed, Micros, hash, topics};
use weir_store::Store;
use weir_store::explain::Beneath;

/// Values of a row before those at paths.
const HEAD: usize = 6;

/// What events come to.
pub(super) struct Folded {
    pub value: MeasureValue,
    pub events: Events,
    pub prices: Vec<Price>,
}

/// Which ones are listed, and how many.
#[derive(Clone, Copy)]
pub(super) enum Listed {
    First(usize),
    Last(usize),
}

/// Asks every event of a subject and span what it adds to a measure.
pub(super) async fn fold(
    store: &Store,
    beneath: &Beneath<'_>,
    measure: usize,
    listed: Listed,
) -> Result<Folded> {
    let mut fold = Fold::new(beneath, measure, listed)?;
    let asked = beneath.events_sql(&fold.paths)?;
    let mut answer = store.query(&asked.sql, &[], "JSONCompactEachRow")?;
    let mut rest: Vec<u8> = Vec::new();
    while let Some(bytes) = answer.next().await? {
        rest.extend_from_slice(&bytes);
        let whole = rest.iter().rposition(|b| *b == b'\n').map_or(0, |i| i + 1);
        for line in rest[..whole].split(|b| *b == b'\n') {
            fold.line(line, &asked.kinds)?;
        }
        rest.drain(..whole);
    }
    fold.line(&rest, &asked.kinds)?;
    Ok(fold.folded())
}

struct Fold<'a> {
    beneath: &'a Beneath<'a>,
    event: &'a EventDef,
    one: OneMeasure,
    /// What is read of each event: what the measure reads, then the dimensions.
    paths: Vec<String>,
    /// Places of dimensions, with the values that they must have.
    subject: Vec<(usize, &'a str)>,
    /// Places of people and teams.
    people: Vec<(usize, Form)>,
    listed: Listed,
    value: MeasureValue,
    count: u64,
    adding: u64,
    list: VecDeque<Event>,
    prices: BTreeMap<String, (Price, Fixed)>,
    scratch: String,
}

impl<'a> Fold<'a> {
    fn new(beneath: &'a Beneath<'a>, measure: usize, listed: Listed) -> Result<Fold<'a>> {
        let event = &beneath.catalog.events[beneath.event];
        let one = OneMeasure::new(event, measure).context("the measure is not declared")?;
        let mut paths = one.paths().to_vec();
        let mut subject = Vec::new();
        for (name, value) in beneath.subject {
            let dimension = event.dimensions.iter().find(|d| d.name == *name);
            let path = &dimension.context("a dimension is not declared")?.path;
            subject.push((paths.len(), value.as_str()));
            paths.push(path.clone());
        }
        let forms = forms(&event.schema_json);
        let people = paths.iter().enumerate().filter_map(|(i, path)| {
            let (_, form) = forms.iter().find(|(p, _)| p == path)?;
            Some((i, *form))
        });
        Ok(Fold {
            event,
            people: people.collect(),
            value: event.measures[measure].kind.accumulator().empty(),
            one,
            paths,
            subject,
            listed,
            count: 0,
            adding: 0,
            list: VecDeque::new(),
            prices: BTreeMap::new(),
            scratch: String::new(),
            beneath,
        })
    }

    fn line(&mut self, line: &[u8], kinds: &[LeafKind]) -> Result<()> {
        if line.is_empty() {
            return Ok(());
        }
        let cells: Vec<Json> =
            serde_json::from_slice(line).context("ClickHouse wrote a line that is no JSON")?;
        let values = cells.get(HEAD..).unwrap_or_default();
        let mut row: Vec<Value<'_>> = kinds
            .iter()
            .zip(values)
            .map(|(kind, cell)| value(*kind, cell))
            .collect();
        let tenant = self.beneath.tenant;
        for (place, form) in &self.people {
            let aliases = &self.beneath.catalog.aliases;
            if let Value::Str(text) = row[*place]
                && let Some(name) = aliases.name(tenant, *form, text, &mut self.scratch)
            {
                row[*place] = Value::Str(name);
            }
        }
        let is_text = |v: &Value<'_>, wanted: &str| match v {
            Value::Str(s) => *s == wanted,
            _ => wanted.is_empty(),
        };
        let mut subject = self.subject.iter();
        if subject.all(|(place, wanted)| is_text(&row[*place], wanted)) {
            self.event(&cells, &row)?;
        }
        Ok(())
    }

    fn event(&mut self, cells: &[Json], row: &[Value<'_>]) -> Result<()> {
        let whole = |i: usize| cells.get(i).and_then(Json::as_i64).context("no number");
        let text = |i: usize| cells.get(i).and_then(Json::as_str).unwrap_or_default();
        let t = Micros(whole(4)?);
        let identity = format!("{}\0{}\0{}", self.beneath.tenant, self.event.name, text(5));
        let id = hash::identity(identity.as_bytes()) as u64;
        self.count += 1;
        let Some(adds) = self.one.of(row, t, id) else {
            return Ok(());
        };
        self.adding += 1;
        self.value.merge(&adds);
        self.priced(row, t, &adds);
        let limit = match self.listed {
            Listed::First(n) if self.list.len() >= n => return Ok(()),
            Listed::First(n) | Listed::Last(n) => n,
        };
        self.list.push_back(Event {
            partition: i32::try_from(whole(0)?)?,
            offset: whole(1)?,
            event_id: text(2).to_owned(),
            time: at(Micros(whole(3)?)),
            value: number(&adds),
        });
        if self.list.len() > limit {
            self.list.pop_front();
        }
        Ok(())
    }

    fn priced(&mut self, row: &[Value<'_>], t: Micros, adds: &MeasureValue) {
        let Some(by) = self.one.priced_by(row, t) else {
            return;
        };
        let price = price(by);
        let from = price.from.as_deref().unwrap_or_default();
        let when = price.when.as_deref().unwrap_or_default();
        let key = format!(
            "{}\0{}\0{}\0{from}\0{when}",
            price.by, price.provider, price.model
        );
        let (price, usd) = self.prices.entry(key).or_insert((price, Fixed(0)));
        price.calls += 1;
        if let MeasureValue::Sum(v) = adds {
            usd.0 = usd.0.saturating_add(v.0);
        }
    }

    fn folded(self) -> Folded {
        let prices = self.prices.into_values().map(|(price, usd)| Price {
            usd: usd.to_f64(),
            ..price
        });
        Folded {
            value: self.value,
            events: Events {
                topic: topics::events(&self.event.name),
                count: self.count,
                adding: self.adding,
                listed: self.list.into(),
            },
            prices: prices.collect(),
        }
    }
}

fn price(by: PricedBy<'_>) -> Price {
    let none = |by| Price {
        by,
        provider: String::new(),
        model: String::new(),
        from: None,
        when: None,
        per_million: BTreeMap::new(),
        calls: 0,
        usd: 0.0,
    };
    match by {
        PricedBy::Reported => none("reported"),
        PricedBy::Nothing => none("none"),
        PricedBy::Entry(p) => Price {
            provider: p.provider.clone(),
            model: p.model.clone(),
            from: Some(at(p.from)),
            when: p.when.as_ref().map(|w| w.source.clone()),
            // Billionths for a token are thousandths for a million.
            per_million: p
                .per_token
                .iter()
                .map(|(class, v)| (class.clone(), *v as f64 / 1000.0))
                .collect(),
            ..none("book")
        },
    }
}

/// What one event adds, as a number.
fn number(adds: &MeasureValue) -> Option<f64> {
    match adds {
        MeasureValue::Distribution(d) => Some(d.min),
        one => one.stat(Stat::Value),
    }
}

/// The value in a cell of an answer.
fn value(kind: LeafKind, cell: &Json) -> Value<'_> {
    match (kind, cell) {
        (LeafKind::Bool, Json::Bool(b)) => Value::Bool(*b),
        (LeafKind::Int | LeafKind::TimestampMicros, v) => {
            v.as_i64().map_or(Value::Null, Value::Int)
        }
        (LeafKind::Float, v) => super::find::number(v).map_or(Value::Null, Value::Float),
        (LeafKind::Text, Json::String(s)) => Value::Str(s),
        _ => Value::Null,
    }
}

/// What a measure takes of an event, for people; empty where it takes no number and no text.
pub(super) fn taken(kind: &MeasureKind) -> String {
    match kind.computed() {
        Some(computed) => computed.expr.source.clone(),
        None => kind.path().to_owned(),
    }
}
