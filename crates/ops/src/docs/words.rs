//! What a declaration says, in words.

use super::page::{code, codes};
use std::collections::BTreeMap;
use weir_catalog::{Catalog, Condition, KpiDef, Literal, MeasureDef, RuleOn, Stat, Term};
use weir_model::Micros;

/// What a measure makes of its events.
pub(super) fn measure(m: &MeasureDef) -> String {
    let reads = match (m.kind.computed(), m.kind.pricing()) {
        (Some(computed), _) => code(&computed.expr.source),
        (None, Some(pricing)) => {
            let paths: Vec<&String> = pricing.tokens.iter().map(|(path, _)| path).collect();
            let reported = pricing.reported.as_ref().map(|path| {
                let path = code(path);
                format!(", but where {path} is told")
            });
            codes(&paths) + &reported.unwrap_or_default()
        }
        (None, None) => code(m.kind.path()),
    };
    let of = format!("{} {reads}", m.kind.words());
    let filter: Vec<String> = m.filter.iter().map(condition).collect();
    match filter.is_empty() {
        true => of.trim_end().to_owned(),
        false => format!("{} where {}", of.trim_end(), filter.join(" and ")),
    }
}

fn condition(c: &Condition) -> String {
    match c {
        Condition::Equals(path, literal) => code(&format!("{path} = {}", self::literal(literal))),
        Condition::Holds(expr) => code(&expr.source),
    }
}

fn literal(l: &Literal) -> String {
    match l {
        Literal::Null => "null".to_owned(),
        Literal::Bool(b) => b.to_string(),
        Literal::Number(v) => v.to_string(),
        Literal::Text(t) => format!("'{t}'"),
    }
}

/// Declarations as they stand in the files, by section and name: what the compiled catalog has
/// worked into its programs, such as parameters.
pub(super) struct Declared(BTreeMap<(String, String), serde_json::Value>);

impl Declared {
    pub fn of(c: &Catalog) -> Declared {
        let mut all = BTreeMap::new();
        let files = c.sources.iter().filter(|(f, _)| f.starts_with("catalog/"));
        for (_, text) in files {
            // Files that load are readable.
            let root = serde_saphyr::from_str::<serde_json::Value>(text).unwrap_or_default();
            for (section, names) in root.as_object().into_iter().flatten() {
                for (name, declared) in names.as_object().into_iter().flatten() {
                    all.insert((section.clone(), name.clone()), declared.clone());
                }
            }
        }
        Declared(all)
    }

    fn part(&self, section: &str, name: &str, part: &str) -> Option<&serde_json::Value> {
        let found = self.0.get(&(section.to_owned(), name.to_owned()));
        found?.get(part)
    }

    /// `a = 1`, ... of a map within a declaration.
    fn pairs(&self, (section, name): (&str, &str), part: &str) -> Vec<String> {
        let map = self.part(section, name, part).and_then(|v| v.as_object());
        let pair = |(k, v): (&String, &serde_json::Value)| code(&format!("{k} = {}", plain(v)));
        map.into_iter().flatten().map(pair).collect()
    }
}

fn plain(v: &serde_json::Value) -> String {
    v.as_str().map_or_else(|| v.to_string(), str::to_owned)
}

/// How a KPI is computed: its expression, and what the names in it are.
pub(super) fn formula(c: &Catalog, k: &KpiDef, declared: &Declared) -> String {
    let mut names: Vec<String> = k.terms.iter().filter_map(|t| term(c, t, k)).collect();
    names.extend(declared.pairs(("kpis", &k.name), "params"));
    names.extend(declared.pairs(("kpis", &k.name), "let"));
    let value = code(&k.expr.source);
    match names.is_empty() {
        true => value,
        false => format!("{value} where {}", names.join(", ")),
    }
}

/// What a term is; `None` where its name says it.
fn term(c: &Catalog, t: &Term, k: &KpiDef) -> Option<String> {
    let event = &c.events[t.event];
    let path = format!(
        "{}.{}{}",
        event.name,
        event.measures[t.measure].name,
        stat(t.stat)
    );
    let fixed: Vec<String> = t.fixed.iter().map(|(d, v)| format!("{d} '{v}'")).collect();
    let at = match (
        t.stands_on(&k.dimensions),
        fixed.is_empty(),
        t.at.is_empty(),
    ) {
        (true, ..) => String::new(),
        (false, false, _) => format!(" at {}", fixed.join(", ")),
        (false, true, true) => " over all".to_owned(),
        (false, true, false) => format!(" by {}", t.at.join(", ")),
    };
    let said = t.name == path && at.is_empty();
    (!said).then(|| format!("{}{at}", code(&format!("{} = {path}", t.name))))
}

fn stat(stat: Stat) -> String {
    match stat {
        Stat::Value => String::new(),
        Stat::Count => ".count".to_owned(),
        Stat::Sum => ".sum".to_owned(),
        Stat::Mean => ".mean".to_owned(),
        Stat::Min => ".min".to_owned(),
        Stat::Max => ".max".to_owned(),
        Stat::Percentile(p) => format!(".p{}", f64::from(p) / 10.0),
    }
}

/// What is mixed into a score, with its weight.
pub(super) fn mix(c: &Catalog, k: &KpiDef) -> String {
    let inputs = k.mix.iter().flat_map(|m| &m.inputs);
    let each: Vec<String> = inputs
        .map(|(kpi, weight)| format!("{} × {weight}", code(&c.kpis[*kpi].name)))
        .collect();
    let category = k.mix.as_ref().and_then(|m| m.category.as_ref());
    let all = category.map_or_else(String::new, |n| format!("all of category {n}: "));
    format!("{all}{}", each.join(", "))
}

/// `at least 60`, and what other subjects have to reach.
pub(super) fn target(k: &KpiDef, declared: &Declared) -> String {
    let Some(t) = k.target else {
        return String::new();
    };
    let side = if t.higher_is_better {
        "at least"
    } else {
        "at most"
    };
    let mut out = format!("{side} {}", t.value);
    let others = declared
        .part("kpis", &k.name, "targets")
        .and_then(|v| v.as_object());
    for (dimension, values) in others.into_iter().flatten() {
        for (value, target) in values.as_object().into_iter().flatten() {
            out += &format!("; {dimension} {}: {target}", code(value));
        }
    }
    out
}

/// `requests ≥ 20`
pub(super) fn sample(terms: &[Term], minimum: &Option<(usize, f64)>) -> String {
    match minimum {
        Some((term, least)) => format!("{} ≥ {least}", code(&terms[*term].name)),
        None => String::new(),
    }
}

/// Names of dimensions; of none, all of a tenant is one subject.
pub(super) fn by<S: AsRef<str>>(names: &[S]) -> String {
    match names.is_empty() {
        true => "all".to_owned(),
        false => codes(names),
    }
}

/// What a rule looks at, e.g. `llm_error_rate > 5`.
pub fn looks_at(c: &Catalog, on: &RuleOn) -> String {
    match on {
        RuleOn::Kpi { kpi, above, below } => {
            let side =
                |s: &str, v: &Option<f64>| v.map(|v| format!(" {s} {v}")).unwrap_or_default();
            format!(
                "{}{}{}",
                c.kpis[*kpi].name,
                side(">", above),
                side("<", below)
            )
        }
        RuleOn::Off(kpi) => format!("{} off", c.kpis[*kpi].name),
        RuleOn::Detector(d) => c.detectors[*d].name.clone(),
        RuleOn::NoData { event, silence, .. } => {
            format!(
                "no {} for {} h",
                c.events[*event].name,
                silence.0 / Micros::HOUR.0
            )
        }
        RuleOn::Several { all, conditions } => {
            let each: Vec<String> = conditions.iter().map(|on| looks_at(c, on)).collect();
            each.join(if *all { " and " } else { " or " })
        }
    }
}
