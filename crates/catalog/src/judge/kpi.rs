//! KPIs: what they are, and how they are read and checked. Their meaning: `docs/semantics.md`,
//! Judging, KPIs.

use super::Checked;
use super::score::Mix;
use super::target::{Target, Targets, read_target, read_targets};
use crate::expr::{Name, range};
use crate::meaning::text;
use crate::reader::{Fields, File};
use crate::setting;
use crate::terms::{DAYS, Scope, read_by};
use crate::types::{Catalog, EventDef, Expr, JudgedWindow, Term};
use crate::windows::read_window;
use crate::yaml::{Key, Node};
use weir_model::codes;

/// A KPI.
#[derive(Debug, Clone)]
pub struct KpiDef {
    /// Name.
    pub name: String,
    /// Version of its definition.
    pub version: u32,
    /// For people.
    pub title: String,
    /// Unit for people.
    pub unit: String,
    /// Digits after the point.
    pub decimals: u32,
    /// Category, e.g. `cost`.
    pub category: String,
    /// Weight within the category.
    pub weight: f64,
    /// Dimension names of its subject, sorted.
    pub dimensions: Vec<String>,
    /// When it is published.
    pub window: JudgedWindow,
    /// Inputs.
    pub terms: Vec<Term>,
    /// The expression over `terms`: as declared, for the engine, for SQL (`{term}` placeholders:
    /// see `expr`).
    pub expr: Expr,
    /// Target and which way is better.
    pub target: Option<Target>,
    /// Targets of some subjects, in place of that one.
    pub targets: Option<Targets>,
    /// (index of the sample term, smallest size that is judged).
    pub minimum_sample: Option<(usize, f64)>,
    /// True where all terms stand on the KPI's own subject: scored in stage 2; else in stage 3.
    pub local: bool,
    /// Set where it is a score: it has no terms then, and no expression.
    pub mix: Option<Mix>,
    /// Rows that repeat the evaluation before are judged and not published (`publish: changes`).
    pub only_changes: bool,
    /// Worked examples: no result depends on them, `weir catalog check` holds the formula to them.
    pub examples: Vec<Example>,
}

/// What a KPI is for given terms.
#[derive(Debug, Clone)]
pub struct Example {
    /// (index of a term, its value); the others have none.
    pub given: Vec<(usize, f64)>,
    /// Days of the window, where they are given.
    pub days: Option<f64>,
    /// What comes out.
    pub value: f64,
}

impl KpiDef {
    /// The target of a subject, by the values of its dimensions.
    pub fn target_of<'v>(&self, mut values: impl Iterator<Item = &'v str>) -> Option<Target> {
        let target = self.target?;
        let own = self.targets.as_ref();
        let own = own.and_then(|t| t.of(values.nth(t.dimension)?));
        Some(Target {
            value: own.unwrap_or(target.value),
            ..target
        })
    }

    /// What is aimed at: the target, then those of some subjects.
    pub fn aims(&self) -> impl Iterator<Item = f64> {
        let own = self.targets.iter().flat_map(|t| &t.values);
        let target = self.target.map(|t| t.value);
        target.into_iter().chain(own.map(|(_, v)| *v))
    }

    /// What gives its values their meaning; target, weight and category may change under the same
    /// version.
    pub(crate) fn meaning(&self, c: &Catalog) -> String {
        let inputs = match &self.mix {
            None => text::inputs(c, &self.terms, &self.expr, &self.minimum_sample),
            Some(mix) => mix.meaning(c),
        };
        format!(
            "{} {} {} {} {inputs}",
            text::names(&self.dimensions),
            self.window.label(),
            self.decimals,
            text::quoted(&self.unit),
        )
    }
}

const FIELDS: &[&str] = &[
    "version",
    "title",
    "unit",
    "decimals",
    "category",
    "weight",
    "by",
    "window",
    "params",
    "terms",
    "let",
    "value",
    "target",
    "targets",
    "better",
    "minimum_sample",
    "publish",
    "examples",
];

pub(crate) fn read(
    file: File<'_>,
    key: &Key,
    node: &Node,
    events: &[EventDef],
) -> Option<Checked<KpiDef>> {
    file.check_name(key, "a KPI");
    let f = file.fields(node, "a KPI", FIELDS)?;
    let dimensions = read_by(&f);
    let mut scope = Scope {
        events,
        event: None,
        dimensions: &dimensions,
        params: Vec::new(),
        terms: Vec::new(),
        parts: Vec::new(),
    };
    scope.read(&f, true);
    scope.read_parts(&f);
    let value = f
        .need("value", "the KPI")
        .and_then(|n| Some((n, scope.compile(file, n)?)));
    let minimum_sample = scope.minimum_sample(&f);
    let examples = read_examples(&f, &mut scope);
    let window = read_window(&f, "the KPI");
    if let Some((w, at)) = window {
        scope.check_window(file, at, w);
    }
    let unit = f.text_or("unit", "");
    let decimals = f
        .get("decimals")
        .map_or(Some(2), |n| file.whole(n, "decimals", 0, 9));
    let weight = f.get("weight").map_or(Some(1.0), |n| {
        file.within(n, "weight", |v| v >= 0.0, "a number from 0")
    });
    let range = value.as_ref().map_or(ANYTHING, |(_, (_, c))| {
        within_unit(&unit, range(&c.tree, &|i| scope.bounds(i)))
    });
    let target = read_target(&f, range);
    let targets = read_targets(&f, &dimensions, target, range);
    let (value_node, (expr, compiled)) = value?;
    let own = |t: &Term| t.stands_on(&dimensions) && !events[t.event].setting;
    let named = format!("KPI \"{}\"", key.name);
    if setting::check_kpi(&scope, file, value_node.at, &named) && !scope.terms.iter().any(own) {
        file.say(
            value_node.at,
            codes::CATALOG_IMPOSSIBLE,
            format!(
                "no term stands on the KPI's own subject [{}], so it is never published",
                dimensions.join(", ")
            ),
            "let one term have all its dimensions",
        );
    }
    let unsampled = minimum_sample.is_none() && (compiled.divides() || scope.averages(&compiled));
    let local = scope.terms.iter().all(|t| t.stands_on(&dimensions));
    let terms = scope.terms;
    let def = KpiDef {
        name: key.name.clone(),
        version: f.version(),
        title: f.text_or("title", ""),
        unit,
        decimals: decimals?,
        category: f.text_or("category", "other"),
        weight: weight?,
        dimensions,
        window: window?.0,
        terms,
        expr,
        target,
        targets,
        minimum_sample,
        local,
        mix: None,
        only_changes: f.word("publish", &["always", "changes"], "always") == "changes",
        examples,
    };
    Some(Checked {
        def,
        unsampled,
        range,
    })
}

/// `examples: [{given: {commits: 3}, value: 50}]`
fn read_examples(f: &Fields<'_>, scope: &mut Scope<'_>) -> Vec<Example> {
    let file = f.file;
    let mut out = Vec::new();
    for node in f
        .get("examples")
        .and_then(|n| file.list(n, "examples"))
        .unwrap_or_default()
    {
        let Some(e) = file.fields(node, "an example", &["given", "value"]) else {
            continue;
        };
        let (Some(given), Some(value)) = (
            e.need("given", "an example"),
            e.need("value", "an example")
                .and_then(|n| file.number(n, "value")),
        ) else {
            continue;
        };
        let (mut terms, mut days) = (Vec::new(), None);
        for (key, node) in file.entries(given, "given") {
            if key.name == DAYS && matches!(scope.resolve(DAYS), Ok(Name::Days)) {
                days = file.within(node, DAYS, |v| v > 0.0, "a number above 0");
                continue;
            }
            let Some(term) = scope.terms.iter().position(|t| t.name == key.name) else {
                let known = scope.terms.iter().map(|t| t.name.as_str());
                file.say(
                    key.at,
                    codes::CATALOG_REFERENCE,
                    format!("\"{}\" is no term of the KPI", key.name),
                    crate::problem::suggest(&key.name, known),
                );
                continue;
            };
            if let Some(v) = file.number(node, "a term's value") {
                terms.push((term, v));
            }
        }
        out.push(Example {
            given: terms,
            days,
            value,
        });
    }
    out
}

const ANYTHING: (f64, f64) = (f64::NEG_INFINITY, f64::INFINITY);

/// `percent` and `ratio` are parts of a whole. Growth and multiples have other units
/// (`percent_change`, `x`).
fn within_unit(unit: &str, (lo, hi): (f64, f64)) -> (f64, f64) {
    match unit {
        "percent" => (lo.max(0.0), hi.min(100.0)),
        "ratio" => (lo.max(0.0), hi.min(1.0)),
        _ => (lo, hi),
    }
}
