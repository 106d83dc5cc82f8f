//! `docs/semantics.md` word for word, over JSON.

use super::{KNOWN, LATER, OTHER, Raw, event};
use crate::combine::Fold;
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};
use weir_catalog::types::{Condition, CostDef, Expr, FieldExpr, FieldTerm, Literal};
use weir_model::headers::Mark;
use weir_model::measure::{Accumulator, MeasureValue, Sample};
use weir_model::{Code, Fixed, Micros, codes, hash};

/// (rollup, tenant, values, pane, late)
pub type RowKey = (usize, String, Vec<String>, Micros, bool);

#[derive(Default)]
pub struct Naive {
    partitions: BTreeMap<u32, Partition>,
    /// By row and measure: what each event added.
    rows: BTreeMap<RowKey, Vec<Vec<Sample>>>,
}

struct Partition {
    log_time: Micros,
    in_replay: bool,
    watermark: Micros,
    /// (identity, minute) of every event since the last begin mark.
    read: BTreeSet<(String, i64)>,
}

fn leaf<'j>(event: &'j Json, path: &str) -> &'j Json {
    match path.split_once('.') {
        Some((name, rest)) => event[name].get(rest).unwrap_or(&Json::Null),
        None => &event[path],
    }
}

fn text<'j>(event: &'j Json, path: &str) -> &'j str {
    leaf(event, path).as_str().unwrap_or("")
}

fn exact(v: &Json) -> Option<i128> {
    match v.as_i64() {
        Some(n) => Some(i128::from(n) * 1_000_000_000),
        None => v.as_f64().and_then(Fixed::from_f64).map(|f| f.0),
    }
}

impl Naive {
    pub fn watermark(&self, p: u32) -> Micros {
        self.partitions.get(&p).map_or(Micros::MIN, |s| s.watermark)
    }
    pub fn log_time(&self, p: u32) -> Micros {
        self.partitions.get(&p).map_or(Micros::MIN, |s| s.log_time)
    }

    pub fn record(&mut self, p: u32, raw: &Raw) -> Result<Fold, Code> {
        let s = self.partitions.entry(p).or_insert(Partition {
            log_time: Micros::MIN,
            in_replay: false,
            watermark: Micros::MIN,
            read: BTreeSet::new(),
        });
        if raw.value.is_none()
            && let Some(mark) = raw.meta.mark
        {
            s.in_replay = mark == Mark::Begin;
            if s.in_replay {
                s.log_time = Micros::MIN;
                s.read.clear();
            }
            return Ok(Fold::Mark);
        }
        let log_time = if s.in_replay {
            raw.meta.log_time
        } else {
            Some(Micros(raw.append_time))
        };
        if let Some(t) = log_time {
            s.log_time = s.log_time.max(t);
        }
        let disorder = event().disorder;
        if raw.value.is_none()
            && let Some(tick) = raw.meta.tick
        {
            if s.in_replay && raw.meta.log_time.is_none() {
                return Ok(Fold::Skipped);
            }
            s.watermark = s.watermark.max(tick.min(s.log_time).minus(disorder));
            return Ok(Fold::Tick);
        }
        let e = readable(raw)?;
        let time = Micros(e["event_time"].as_i64().unwrap());
        if s.log_time == Micros::MIN {
            s.log_time = time;
        }
        let tenant = text(e, "tenant").to_owned();
        let identity = Some(text(e, "request_id"))
            .filter(|t| !t.is_empty())
            .unwrap_or(text(e, "event_id"));
        let identity = format!("{tenant}\0llm.call\0{identity}");
        let m = s.log_time.0.div_euclid(60_000_000);
        let duplicate = (m - 10..=m).any(|m| s.read.contains(&(identity.clone(), m)));
        s.read.insert((identity.clone(), m));
        if duplicate {
            return Ok(Fold::Duplicate);
        }
        let t = time.min(Micros(s.log_time.0 + 300_000_000));
        let late = t < s.watermark;
        s.watermark = s.watermark.max(time.min(s.log_time).minus(disorder));
        self.count(e, t, late, hash::identity(identity.as_bytes()) as u64);
        Ok(Fold::Counted {
            late,
            clamped: t < time,
        })
    }

    fn count(&mut self, e: &Json, t: Micros, late: bool, id: u64) {
        let pane = Micros(t.0.div_euclid(60_000_000) * 60_000_000);
        for (rollup, r) in event().rollups.iter().enumerate() {
            let values = r
                .dimensions
                .iter()
                .map(|d| text(e, &event().dimensions[*d].path).to_owned())
                .collect();
            let key = (rollup, text(e, "tenant").to_owned(), values, pane, late);
            let row = self
                .rows
                .entry(key)
                .or_insert_with(|| vec![Vec::new(); event().measures.len()]);
            for (m, all) in event().measures.iter().zip(row) {
                let holds = m.filter.iter().all(|c| match c {
                    Condition::Holds(x) => asked(x, e).is_some_and(|x| x != 0.0),
                    Condition::Equals(path, wanted) => match (wanted, leaf(e, path)) {
                        (Literal::Null, v) => v.is_null(),
                        (Literal::Bool(a), v) => v.as_bool() == Some(*a),
                        (Literal::Number(a), v) => v.as_f64() == Some(*a),
                        (Literal::Text(a), v) => v.as_str() == Some(a),
                    },
                });
                let mut one = Sample {
                    at: t,
                    id,
                    value: 0.0,
                    exact: Fixed(0),
                    hash: 0,
                };
                let counts = m.kind.accumulator() == Accumulator::Count;
                let computed = m.kind.computed().map(|c| asked(&c.expr, e));
                let added = match (m.kind.pricing(), m.kind.path()) {
                    _ if computed.is_some() => {
                        let x = computed.flatten().filter(|x| x.abs() <= 1e18);
                        one.exact = x.and_then(Fixed::from_f64).unwrap_or(Fixed(0));
                        one.value = x.unwrap_or(0.0) + 0.0;
                        x.is_some()
                    }
                    (Some(c), _) => {
                        let cost = cost(c, e, t);
                        one.exact = Fixed(cost.unwrap_or(0));
                        cost.is_none() == counts
                    }
                    (None, "") => counts,
                    (None, path) => match leaf(e, path) {
                        Json::Null => false,
                        Json::String(text) => {
                            one.hash = hash::distinct(text.as_bytes());
                            !text.is_empty()
                        }
                        v => {
                            one.exact = Fixed(exact(v).unwrap_or(0));
                            one.value = v.as_f64().unwrap_or(0.0) + 0.0;
                            true
                        }
                    },
                };
                if holds && added {
                    all.push(one);
                }
            }
        }
    }

    pub fn rows(&self) -> BTreeMap<RowKey, Vec<MeasureValue>> {
        let finish = |row: &Vec<Vec<Sample>>| -> Vec<MeasureValue> {
            let measures = event().measures.iter().zip(row);
            let fold = measures.map(|(m, all)| {
                let mut value = m.kind.accumulator().empty();
                all.iter().for_each(|s| value.add(s));
                value
            });
            fold.collect()
        };
        self.rows
            .iter()
            .map(|(key, row)| (key.clone(), finish(row)))
            .collect()
    }
}

fn cost(c: &CostDef, e: &Json, t: Micros) -> Option<i128> {
    if let Some(reported) = c.reported.as_ref().and_then(|p| exact(leaf(e, p))) {
        return Some(reported);
    }
    let entries = c.in_force(text(e, &c.provider), text(e, &c.model), t);
    let holds = |w: &FieldExpr| asked(w, e).is_some_and(|x| x != 0.0);
    let mut entries = entries.iter();
    let price = entries.find(|p| p.when.as_ref().is_none_or(holds));
    let count = |path: &str| leaf(e, path).as_i64().unwrap_or(0);
    let mut sum = 0;
    for (path, class) in &c.tokens {
        let mut tokens = count(path);
        if class == "cache_write" {
            tokens -= count("tokens_cache_write_5m").max(0) + count("tokens_cache_write_1h").max(0);
        }
        if tokens > 0 {
            sum += i128::from(tokens) * price.and_then(|p| p.of(class))?;
        }
    }
    Some(sum)
}

fn asked(when: &FieldExpr, e: &Json) -> Option<f64> {
    let flag = |b: bool| Some(f64::from(u8::from(b)));
    let terms = when.terms.iter().map(|t| match t {
        FieldTerm::Number(path) => leaf(e, path).as_f64(),
        FieldTerm::Seconds(path) => leaf(e, path).as_i64().map(|t| t as f64 / 1e6),
        FieldTerm::Truth(path) => leaf(e, path).as_bool().and_then(flag),
        FieldTerm::Is(path, wanted) => flag(text(e, path) == wanted),
    });
    let program = Expr {
        source: when.source.clone(),
        ops: when.ops.clone(),
    };
    let terms: Vec<Option<f64>> = terms.collect();
    crate::expr::eval(&program, &terms, &mut Vec::new())
}

/// The event of a record, or the code of the first check that it fails.
fn readable(raw: &Raw) -> Result<&Json, Code> {
    let Some(value) = &raw.value else {
        return Err(codes::NO_VALUE);
    };
    match value.as_slice() {
        [0, a, b, c, d, ..] => match u32::from_be_bytes([*a, *b, *c, *d]) {
            KNOWN | LATER => {}
            OTHER => return Err(codes::INCOMPATIBLE_SCHEMA),
            _ => return Err(codes::UNKNOWN_SCHEMA),
        },
        [magic, ..] if *magic > 1 => return Err(codes::WRONG_MAGIC),
        _ => return Err(codes::TRUNCATED),
    }
    let e = raw.event.as_ref().ok_or(codes::TRUNCATED)?;
    if !e["wild"].is_null() {
        return Err(codes::NOT_FINITE);
    }
    if e["latency_ms"].as_f64().is_some_and(|x| x > 1e18) {
        return Err(codes::OUT_OF_BOUNDS);
    }
    for b in &event().bounds {
        if let Some(x) = leaf(e, &b.path).as_f64()
            && (b.min.is_some_and(|m| x < m) || b.max.is_some_and(|m| x > m))
        {
            return Err(codes::OUT_OF_BOUNDS);
        }
    }
    let bad = |t: &str| t.len() > 512 || t.chars().any(|c| (c as u32) < 0x20);
    if event().dimensions.iter().any(|d| bad(text(e, &d.path))) {
        return Err(codes::BAD_TEXT);
    }
    if text(e, "tenant").is_empty()
        || text(e, "event_id").is_empty()
        || e["event_time"].as_i64() < Some(0)
    {
        return Err(codes::BAD_ENVELOPE);
    }
    Ok(e)
}
