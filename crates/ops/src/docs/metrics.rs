//! `docs/metrics.md`: everything that is declared.

use super::page::{Page, anchor, code};
use super::words::{self, Declared};
use std::collections::BTreeMap;
use weir_catalog::{Catalog, EventDef, Expanded, KpiDef, RuleDef};

const INTRO: &str = "Everything that weir measures, scores, promises and alerts on, as declared \
    below `schemas`. This page is written by `weir catalog docs`; do not edit it. What the words \
    mean stands in [semantics](semantics.md), Judging.";
const EVENTS: &str = "Event types and their measures";
const SCORES: &str = "Scores";
const DETECTORS: &str = "Detectors";

/// The page.
pub fn metrics(c: &Catalog) -> String {
    let declared = Declared::of(c);
    let mut page = Page::new("Metrics", INTRO);
    page.chapter(EVENTS);
    page.prose(
        "A measure adds up what events say, for each combination of the dimensions it is kept by \
         and for each window. A distribution has `.count`, `.sum`, `.mean`, `.min`, `.max` and \
         percentiles (`.p95`). Where a rollup does not declare its windows it stores hours and days, \
         and finer ones where a KPI or a detector reads them.",
    );
    c.events.iter().for_each(|e| event(&mut page, c, e));
    page.chapter("KPIs");
    page.prose(
        "What is computed of measures when a window is final. A KPI with a smaller sample than its \
         minimum has no data, which is not 0.",
    );
    for (category, kpis) in grouped(own_kpis(c), |k| k.category.clone()) {
        page.section(&category_heading(&category));
        kpi_table(&mut page, c, &kpis, &declared);
    }
    scores(&mut page, c);
    for (kind, _, chapter) in MACROS {
        let of_kind: Vec<&Expanded> = c.expanded.iter().filter(|e| e.kind == kind).collect();
        if !of_kind.is_empty() {
            page.chapter(chapter);
        }
        let each = of_kind.into_iter();
        each.for_each(|e| expanded(&mut page, c, e, &declared));
    }
    detectors(&mut page, c);
    page.chapter("Alert rules");
    page.prose(
        "Those of SLAs, budgets, goals and milestones stand with them. A rule opens after so many bad windows in a \
         row, and resolves after so many good ones.",
    );
    let own = c.rules.iter().filter(|r| made(c, &r.name).is_none());
    for (kind, rules) in grouped(own, |r| r.alert_type.clone()) {
        page.section(&rules_heading(&kind));
        rule_table(&mut page, c, &rules);
    }
    page.finish()
}

/// Macros in the order of their chapters: (kind, word for one, chapter).
const MACROS: [(&str, &str, &str); 6] = [
    ("sla", "SLA", "SLAs"),
    ("budget", "Budget", "Budgets"),
    ("role", "Role", "Roles"),
    ("level", "Levels of", "Levels"),
    ("goal", "Goal", "Goals"),
    ("milestone", "Milestone", "Milestones"),
];

/// Where a name stands on the page, as (name as shown, link); `None` where there is none.
pub(super) fn find(c: &Catalog, name: &str) -> Option<String> {
    let measure = |e: &&EventDef| {
        let rest = name.strip_prefix(e.name.as_str());
        let rest = rest.and_then(|r| r.strip_prefix('.'));
        rest.is_some_and(|m| e.measure_id(m).is_some())
    };
    let of_macro = || made(c, name).map(expanded_heading);
    let heading = if let Some(e) = c.event(name) {
        e.name.clone()
    } else if let Some(e) = c.events.iter().find(measure) {
        e.name.clone()
    } else if let Some(e) = c.expanded.iter().find(|e| full_name(e) == name) {
        expanded_heading(e)
    } else if let Some(k) = c.kpi(name) {
        of_macro().unwrap_or_else(|| match k.mix {
            Some(_) => SCORES.to_owned(),
            None => category_heading(&k.category),
        })
    } else if c.detector(name).is_some() {
        DETECTORS.to_owned()
    } else {
        let rule = c.rule(name)?;
        of_macro().unwrap_or_else(|| rules_heading(&rule.alert_type))
    };
    Some(format!("[{}](metrics.md#{})", code(name), anchor(&heading)))
}

fn category_heading(category: &str) -> String {
    let category = category.replace('_', " ");
    match category.as_str() {
        "" => "KPIs without a category".to_owned(),
        _ => format!("KPIs of {category}"),
    }
}

fn rules_heading(kind: &str) -> String {
    format!("Alerts of type {kind}")
}

fn expanded_heading(e: &Expanded) -> String {
    let found = MACROS.iter().find(|(kind, ..)| *kind == e.kind);
    let word = found.map_or(e.kind, |(_, word, _)| word);
    format!("{word} {}", e.name)
}

/// `sla_feedback`, `budget_team_spend`
fn full_name(e: &Expanded) -> String {
    format!("{}_{}", e.kind, e.name)
}

/// The macro that made a measure, KPI or rule: of several whose names begin alike, the longest.
fn made<'a>(c: &'a Catalog, name: &str) -> Option<&'a Expanded> {
    let of = c.expanded.iter().filter(|e| e.made(name));
    of.max_by_key(|e| e.name.len())
}

fn made_by(c: &Catalog, name: &str, e: &Expanded) -> bool {
    made(c, name).is_some_and(|m| std::ptr::eq(m, e))
}

fn own_kpis(c: &Catalog) -> impl Iterator<Item = &KpiDef> {
    let own = move |k: &&KpiDef| k.mix.is_none() && made(c, &k.name).is_none();
    c.kpis.iter().filter(own)
}

fn grouped<'a, T: 'a>(
    all: impl Iterator<Item = &'a T>,
    key: impl Fn(&T) -> String,
) -> BTreeMap<String, Vec<&'a T>> {
    let mut out: BTreeMap<String, Vec<&T>> = BTreeMap::new();
    for one in all {
        out.entry(key(one)).or_default().push(one);
    }
    out
}

/// The file of a declaration, as a link.
fn source(c: &Catalog, path: &[&str]) -> String {
    let (file, ..) = c.place(path);
    let short = file.strip_prefix("catalog/").unwrap_or(&file);
    format!("[{short}](../schemas/{file})")
}

fn event(page: &mut Page, c: &Catalog, e: &EventDef) {
    page.section(&e.name);
    let schema: serde_json::Value = serde_json::from_str(&e.schema_json).unwrap_or_default();
    page.prose(schema["doc"].as_str().unwrap_or_default());
    let kept: Vec<String> = e
        .rollups
        .iter()
        .map(|r| {
            let windows: Vec<&str> = r.windows.iter().map(|w| w.label()).collect();
            format!(
                "{} ({})",
                words::by(&e.rollup_dimensions(r)),
                windows.join(", ")
            )
        })
        .collect();
    let setting = if e.setting {
        "It is a setting, in force until the next one. "
    } else {
        ""
    };
    page.prose(&format!(
        "{setting}Declared in {}; kept by {}.",
        source(c, &[&e.name]),
        kept.join("; ")
    ));
    let own = e.measures.iter().filter(|m| made(c, &m.name).is_none());
    let rows: Vec<Vec<String>> = own.map(measure_row).collect();
    page.table(&["measure", "meaning", "unit", "formula"], &rows);
    let others: Vec<String> = c
        .expanded
        .iter()
        .filter(|x| x.events.contains(&e.name) && e.measures.iter().any(|m| made_by(c, &m.name, x)))
        .map(|x| {
            let heading = expanded_heading(x);
            format!("[{heading}](#{})", anchor(&heading))
        })
        .collect();
    if !others.is_empty() {
        page.prose(&format!("More measures: {}.", others.join(", ")));
    }
}

fn measure_row(m: &weir_catalog::MeasureDef) -> Vec<String> {
    vec![
        code(&m.name),
        m.title.clone(),
        m.unit.clone(),
        words::measure(m),
    ]
}

fn kpi_table(page: &mut Page, c: &Catalog, kpis: &[&KpiDef], declared: &Declared) {
    let rows: Vec<Vec<String>> = kpis
        .iter()
        .map(|k| {
            vec![
                code(&k.name),
                k.title.clone(),
                words::formula(c, k, declared),
                k.unit.clone(),
                words::target(k, declared),
                words::by(&k.dimensions),
                k.window.label().to_owned(),
                words::sample(&k.terms, &k.minimum_sample),
                source(c, &["kpis", &k.name]),
            ]
        })
        .collect();
    page.table(
        &[
            "KPI",
            "meaning",
            "formula",
            "unit",
            "target",
            "by",
            "window",
            "minimum sample",
            "source",
        ],
        &rows,
    );
}

fn scores(page: &mut Page, c: &Catalog) {
    page.chapter(SCORES);
    page.prose("Weighted means of what KPIs and other scores are worth, from 0 to 100.");
    let rows: Vec<Vec<String>> = c
        .kpis
        .iter()
        .filter(|k| k.mix.is_some())
        .map(|k| {
            vec![
                code(&k.name),
                k.title.clone(),
                words::mix(c, k),
                words::by(&k.dimensions),
                k.window.label().to_owned(),
                source(c, &["scores", &k.name]),
            ]
        })
        .collect();
    page.table(
        &["score", "meaning", "made of", "by", "window", "source"],
        &rows,
    );
}

fn expanded(page: &mut Page, c: &Catalog, e: &Expanded, declared: &Declared) {
    page.section(&expanded_heading(e));
    let of: Vec<String> = e.events.iter().map(|name| code(name)).collect();
    let of = match of.is_empty() {
        true => String::new(),
        false => format!(", of {}", of.join(", ")),
    };
    page.prose(&format!(
        "{}{of} by {}; declared in {}.",
        e.title,
        words::by(&e.by),
        source(c, &[e.section, &e.name])
    ));
    for event in e.events.iter().filter_map(|name| c.event(name)) {
        let measures = event.measures.iter().filter(|m| made_by(c, &m.name, e));
        let rows: Vec<Vec<String>> = measures.map(measure_row).collect();
        if !rows.is_empty() {
            let head = format!("measure of {}", event.name);
            page.table(&[&head, "meaning", "unit", "formula"], &rows);
        }
    }
    let kpis: Vec<&KpiDef> = c.kpis.iter().filter(|k| made_by(c, &k.name, e)).collect();
    kpi_table(page, c, &kpis, declared);
    let rules: Vec<&RuleDef> = c.rules.iter().filter(|r| made_by(c, &r.name, e)).collect();
    rule_table(page, c, &rules);
}

fn detectors(page: &mut Page, c: &Catalog) {
    page.chapter(DETECTORS);
    page.prose("Each judges one value of a window against those before it, or a bound.");
    let rows: Vec<Vec<String>> = c
        .detectors
        .iter()
        .map(|d| {
            let e = &c.events[d.event];
            vec![
                code(&d.name),
                d.title.clone(),
                format!("{} of {}", code(&d.expr.source), code(&e.name)),
                d.words(),
                words::by(&e.rollup_dimensions(&e.rollups[d.rollup])),
                d.window.label().to_owned(),
                words::sample(&d.terms, &d.minimum_sample),
                d.severity.clone(),
                source(c, &["detectors", &d.name]),
            ]
        })
        .collect();
    page.table(
        &[
            "detector",
            "meaning",
            "value",
            "found where it is",
            "by",
            "window",
            "minimum sample",
            "severity",
            "source",
        ],
        &rows,
    );
}

fn rule_table(page: &mut Page, c: &Catalog, rules: &[&RuleDef]) {
    let rows: Vec<Vec<String>> = rules
        .iter()
        .map(|r| {
            let unless = r
                .unless
                .map(|u| format!(", unless {} is open", code(&c.rules[u].name)));
            vec![
                code(&r.name),
                r.title.clone(),
                code(&words::looks_at(c, &r.on)) + &unless.unwrap_or_default(),
                words::by(&r.dimensions),
                format!("{} / {}", r.open_after, r.resolves_after()),
                format!("{}, {}", r.severity, r.priority),
                r.impact.clone(),
                r.action.clone(),
                source(c, &["alerts", &r.name]),
            ]
        })
        .collect();
    page.table(
        &[
            "rule",
            "meaning",
            "bad while",
            "by",
            "opens / resolves after",
            "severity",
            "impact",
            "action",
            "source",
        ],
        &rows,
    );
}
