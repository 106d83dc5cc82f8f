//! Published KPIs, computed again.

use crate::detect::row_id;
use crate::fold::Judged;
use crate::measure::Value;
use crate::to_date::{self, Earlier};
use std::collections::BTreeMap;
use weir_catalog::{Catalog, Expr, JudgedWindow, KpiDef, Op, Term};
use weir_model::records::{Momentum, Status, Subject};
use weir_model::{Micros, Since, fixed};

/// A published value, as it must stand in the store.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct KpiRow {
    /// Name.
    pub kpi: String,
    /// Whose.
    pub subject: Subject,
    /// Window end.
    pub end: Micros,
    /// Value.
    pub value: Option<f64>,
    /// Score.
    pub score: Option<f64>,
    /// Status.
    pub status: Status,
    /// Against its own past.
    pub momentum: Momentum,
    /// Of a score: weight of the inputs that are there, of all.
    pub coverage: Option<f64>,
    /// Index into the catalog.
    #[serde(skip)]
    pub(crate) index: usize,
    /// It is published: else it repeats the one before, and is there for rules and scores only.
    #[serde(skip)]
    pub(crate) published: bool,
}

/// `1h`, or `1h/5m` for a rolling one, or `1mo/1h` for one to date.
pub(crate) fn label(w: JudgedWindow) -> String {
    match w {
        JudgedWindow::Tumbling(s) => s.label().to_owned(),
        JudgedWindow::Rolling { count, of } => {
            let minutes = match of {
                weir_model::WindowSize::Minute => 1,
                weir_model::WindowSize::FiveMinutes => 5,
                weir_model::WindowSize::Hour => 60,
                weir_model::WindowSize::Day => 1440,
            } * u32::from(count);
            let whole = if minutes.is_multiple_of(1440) {
                format!("{}d", minutes / 1440)
            } else if minutes.is_multiple_of(60) {
                format!("{}h", minutes / 60)
            } else {
                format!("{minutes}m")
            };
            format!("{whole}/{}", of.label())
        }
        JudgedWindow::ToDate { since, step } => to_date::label(since, step),
    }
}

pub(crate) fn subject_of(
    catalog: &Catalog,
    event: usize,
    rollup: usize,
    tenant: &str,
    values: &[String],
) -> Subject {
    let def = &catalog.events[event];
    let names = def.rollups[rollup]
        .dimensions
        .iter()
        .map(|d| def.dimensions[*d].name.clone());
    Subject {
        tenant: tenant.to_owned(),
        dimensions: names.zip(values.iter().cloned()).collect(),
    }
}

/// The value of an expression over those of its terms, step by step.
pub fn evaluate(expr: &Expr, terms: &[Option<f64>]) -> Option<f64> {
    evaluate_over(expr, terms, None)
}

/// As [`evaluate`], of a window of so many days.
pub fn evaluate_over(expr: &Expr, terms: &[Option<f64>], days: Option<f64>) -> Option<f64> {
    let mut stack: Vec<Option<f64>> = Vec::new();
    let truth = |v: Option<f64>| v.is_some_and(|x| x != 0.0);
    let flag = |b: bool| Some(if b { 1.0 } else { 0.0 });
    for op in &expr.ops {
        let mut pop = || stack.pop().flatten();
        let out = match *op {
            Op::Term(i) => terms[i],
            Op::Number(x) => Some(x),
            Op::Null => None,
            Op::Days => days,
            Op::Neg => pop().map(|a| -a),
            Op::Abs => pop().map(f64::abs),
            Op::Sqrt => pop().map(f64::sqrt),
            Op::Ln => pop().map(libm::log),
            Op::Exp => pop().map(libm::exp),
            Op::Floor => pop().map(f64::floor),
            Op::Not => flag(!truth(pop())),
            Op::Select => {
                let (no, yes, condition) = (pop(), pop(), pop());
                if truth(condition) { yes } else { no }
            }
            Op::And => {
                let (b, a) = (pop(), pop());
                flag(truth(a) && truth(b))
            }
            Op::Or => {
                let (b, a) = (pop(), pop());
                flag(truth(a) || truth(b))
            }
            Op::Coalesce => {
                let (b, a) = (pop(), pop());
                a.or(b)
            }
            binary => {
                let (b, a) = (pop(), pop());
                match (a, b) {
                    (Some(a), Some(b)) => match binary {
                        Op::Add => Some(a + b),
                        Op::Sub => Some(a - b),
                        Op::Mul => Some(a * b),
                        Op::Div => (b != 0.0).then(|| a / b),
                        Op::Lt => flag(a < b),
                        Op::Le => flag(a <= b),
                        Op::Gt => flag(a > b),
                        Op::Ge => flag(a >= b),
                        Op::Eq => flag(a == b),
                        Op::Ne => flag(a != b),
                        Op::Min2 => Some(a.min(b)),
                        Op::Max2 => Some(a.max(b)),
                        Op::Pow => Some(libm::pow(a, b)),
                        _ => None,
                    },
                    _ => None,
                }
            }
        };
        stack.push(out.filter(|x| x.is_finite()));
    }
    stack.pop().flatten()
}

/// (tenant, end, values by dimension name) -> (start, value), by term.
pub(crate) type TermValues =
    BTreeMap<(String, Micros, Vec<(String, String)>), (Micros, Option<f64>)>;

/// By subject: start of each window by its end.
type Windows = BTreeMap<(String, Vec<(String, String)>), BTreeMap<Micros, Micros>>;

pub(crate) fn run(catalog: &Catalog, judged: &Judged) -> BTreeMap<String, KpiRow> {
    let mut out = BTreeMap::new();
    for (index, def) in catalog.kpis.iter().enumerate() {
        let through = def
            .terms
            .iter()
            .map(|t| judged.final_through[t.event])
            .min()
            .unwrap_or(Micros::MIN);
        let values: Vec<TermValues> = def
            .terms
            .iter()
            .map(|t| term_values(catalog, judged, def, t, through))
            .collect();
        let earlier = Earlier::of(def.window, &values);
        // Windows of subjects of the full dimensions in which a term has a row.
        let mut windows = Windows::new();
        for (term, rows) in def.terms.iter().zip(&values) {
            if !term.stands_on(&def.dimensions) || catalog.events[term.event].setting {
                continue;
            }
            for ((tenant, end, dims), (start, _)) in rows {
                windows
                    .entry((tenant.clone(), dims.clone()))
                    .or_default()
                    .insert(*end, *start);
            }
        }
        for ((tenant, dimensions), ends) in windows {
            let subject = Subject {
                tenant: tenant.clone(),
                dimensions,
            };
            let mut past: Vec<f64> = Vec::new();
            let mut last: Option<Micros> = None;
            let mut said: Option<(i64, Option<f64>)> = None;
            let mut first = Micros::MAX;
            for (end, start) in &ends {
                if last.is_some_and(|l| end.0 - l.0 > 40 * Micros::DAY.0) {
                    past.clear();
                    said = None;
                }
                last = Some(*end);
                let terms: Vec<Option<f64>> = def
                    .terms
                    .iter()
                    .zip(&values)
                    .enumerate()
                    .map(|(i, (t, rows))| {
                        let dims = asked(t, &subject);
                        if catalog.events[t.event].setting {
                            let held = judged.settings.in_force(catalog, t, (&tenant, &dims), *end);
                            return held.unwrap_or_else(|| absent(catalog, t));
                        }
                        match rows.get(&(tenant.clone(), *end, dims.clone())) {
                            Some((_, v)) => *v,
                            None => earlier
                                .value(i, (&tenant, &dims), *start, *end)
                                .unwrap_or_else(|| absent(catalog, t)),
                        }
                    })
                    .collect();
                // Terms on the KPI's own dimensions may have begun at different times, where
                // nothing else says when the window begins.
                first = first.min(*start);
                let start = match def.window {
                    JudgedWindow::ToDate {
                        since: Since::All, ..
                    } => first,
                    _ => *start,
                };
                let mut row = score(def, index, &subject, (start, *end), &terms, &past);
                past.extend(row.value);
                // Same hour, same value: nothing is said by a KPI that says changes.
                let now = Some((end.0.div_euclid(3_600_000_000), row.value));
                row.published = !def.only_changes || said != now;
                said = now;
                out.insert(
                    row_id(&def.name, def.version, &subject, &label(def.window), *end),
                    row,
                );
            }
        }
    }
    out
}

/// The dimensions of the subject that a term asks for a KPI's subject.
fn asked(t: &Term, subject: &Subject) -> Vec<(String, String)> {
    let mut all: BTreeMap<String, String> = subject.dimensions.iter().cloned().collect();
    all.extend(t.fixed.iter().cloned());
    all.retain(|name, _| t.at.contains(name));
    all.into_iter().collect()
}

/// The value of a term for a subject that has no row in the window.
fn absent(catalog: &Catalog, t: &Term) -> Option<f64> {
    let measure = &catalog.events[t.event].measures[t.measure];
    Value::empty(&measure.kind).stat(t.stat)
}

fn term_values(
    catalog: &Catalog,
    judged: &Judged,
    def: &KpiDef,
    t: &Term,
    through: Micros,
) -> TermValues {
    let mut out = TermValues::new();
    if catalog.events[t.event].setting {
        return out;
    }
    for ((tenant, values), windows) in
        judged.series(catalog, t.event, t.rollup, def.window, through)
    {
        let subject = subject_of(catalog, t.event, t.rollup, &tenant, &values);
        for (end, (start, cell)) in windows {
            let value = cell.stat(t.measure, t.stat);
            out.insert(
                (tenant.clone(), end, subject.dimensions.clone()),
                (start, value),
            );
        }
    }
    out
}

/// Days of a window of so many microseconds. One of whole days has as many as come nearest: clocks
/// are put forward or back by less than half a day.
fn length(window: JudgedWindow, micros: i64) -> f64 {
    const DAY: i64 = 86_400_000_000;
    if label(window).ends_with("1d") {
        return ((micros + DAY / 2) / DAY) as f64;
    }
    micros as f64 / DAY as f64
}

/// The target of a subject, and whether more is better.
pub(crate) fn target(def: &KpiDef, subject: &Subject) -> Option<(f64, bool)> {
    let t = def.target?;
    let own = def.targets.as_ref().and_then(|targets| {
        let mut all = subject.dimensions.iter();
        let (_, value) = all.find(|(name, _)| *name == def.dimensions[targets.dimension])?;
        let mut declared = targets.values.iter();
        declared.find(|(v, _)| v == value).map(|(_, own)| *own)
    });
    Some((own.unwrap_or(t.value), t.higher_is_better))
}

fn score(
    def: &KpiDef,
    index: usize,
    subject: &Subject,
    (start, end): (Micros, Micros),
    terms: &[Option<f64>],
    past: &[f64],
) -> KpiRow {
    let enough = def
        .minimum_sample
        .is_none_or(|(i, least)| terms[i].is_some_and(|n| n >= least));
    let days = length(def.window, end.0 - start.0);
    let value = evaluate_over(&def.expr, terms, Some(days))
        .filter(|_| enough)
        .map(|v| fixed::round(v, def.decimals));
    rate(def, index, subject, end, value, past)
}

/// A rounded value against target and past.
pub(crate) fn rate(
    def: &KpiDef,
    index: usize,
    subject: &Subject,
    end: Micros,
    value: Option<f64>,
    past: &[f64],
) -> KpiRow {
    let mut row = KpiRow {
        kpi: def.name.clone(),
        subject: subject.clone(),
        end,
        value,
        score: None,
        status: Status::NoData,
        momentum: Momentum::Stable,
        coverage: None,
        index,
        published: true,
    };
    let Some(v) = value else { return row };
    row.status = Status::OnTarget;
    if let Some((target, higher_is_better)) = target(def, subject) {
        let raw = if higher_is_better {
            100.0 * v / target
        } else if v <= target {
            100.0
        } else {
            100.0 * target / v
        };
        let s = fixed::round(raw.clamp(0.0, 100.0), 2);
        row.score = Some(s);
        row.status = if s >= 100.0 {
            Status::OnTarget
        } else if s >= 80.0 {
            Status::Near
        } else {
            Status::Off
        };
    }
    if past.len() >= 3 {
        let last = &past[past.len() - 3..];
        let mean = (last[0] + last[1] + last[2]) / 3.0;
        if mean != 0.0 {
            let mut change = (v - mean) / mean.abs();
            if def.target.is_some_and(|t| !t.higher_is_better) {
                change = -change;
            }
            if change > 0.05 {
                row.momentum = Momentum::Improving;
            } else if change < -0.05 {
                row.momentum = Momentum::Degrading;
            }
        }
    }
    row
}
