//! Scores: weighted means of what KPIs and other scores are worth. How they are read, checked and
//! put among the KPIs. Their meaning: `docs/semantics.md`, Judging, Scores.

use super::Checked;
use super::kpi::KpiDef;
use super::target::{read_target, read_targets};
use crate::meaning::text;
use crate::problem::suggest;
use crate::reader::{Fields, File};
use crate::terms::read_by;
use crate::types::{Catalog, EventId, Expr, JudgedWindow};
use crate::windows::read_window;
use crate::yaml::{At, Key, Node};
use weir_model::{WindowSize, codes};

/// What makes a KPI a score.
#[derive(Debug, Clone)]
pub struct Mix {
    /// The window that it stands in, which does not roll.
    pub window: WindowSize,
    /// (index into [`Catalog::kpis`], weight above 0), by name.
    pub inputs: Vec<(usize, f64)>,
    /// The category whose KPIs are its inputs, where they are not named.
    pub category: Option<String>,
}

impl Mix {
    /// Its words in the text of a catalog's meaning. What is in a category, and with which weight,
    /// may change under the same version, as categories and weights may.
    pub(crate) fn meaning(&self, c: &Catalog) -> String {
        match &self.category {
            Some(category) => format!("category {}", text::quoted(category)),
            None => text::list(&self.inputs, |(kpi, weight)| {
                let name = text::quoted(&c.kpis[*kpi].name);
                format!("({name}, {})", text::float(*weight))
            }),
        }
    }
}

impl Catalog {
    /// Event types that a KPI is made of, each once, ascending: its windows are final when those of
    /// all of them are.
    pub fn kpi_events(&self, kpi: usize) -> Vec<EventId> {
        let mut events = Vec::new();
        let (mut at, mut found) = (0, vec![kpi]);
        while let Some(&k) = found.get(at) {
            at += 1;
            let Some(def) = self.kpis.get(k) else {
                continue;
            };
            events.extend(def.terms.iter().map(|t| t.event));
            for (input, _) in def.mix.iter().flat_map(|m| &m.inputs) {
                if !found.contains(input) {
                    found.push(*input);
                }
            }
        }
        events.sort_unstable();
        events.dedup();
        events
    }

    /// How many scores stand on one another below each KPI: 0 for what is none. A score comes after
    /// all its inputs where this is the order.
    pub fn kpi_levels(&self) -> Vec<usize> {
        let mut levels = vec![0; self.kpis.len()];
        // Each round gets at least one level right, and there is no circle.
        for _ in 0..self.kpis.len() {
            for (k, def) in self.kpis.iter().enumerate() {
                let Some(mix) = &def.mix else { continue };
                let below = mix.inputs.iter().filter_map(|(i, _)| levels.get(*i)).max();
                levels[k] = 1 + below.copied().unwrap_or_default();
            }
        }
        levels
    }
}

/// A score whose inputs are not looked up yet.
pub(crate) struct Draft<'a> {
    file: File<'a>,
    at: At,
    def: KpiDef,
    window: WindowSize,
    of: Of<'a>,
}

enum Of<'a> {
    /// (name, where it stands, weight)
    Named(Vec<(&'a str, At, f64)>),
    Category(&'a str, At),
}

const FIELDS: &[&str] = &[
    "version", "title", "unit", "decimals", "by", "window", "of", "category", "target", "targets",
    "better",
];

/// Reads one, but for what its inputs are.
pub(crate) fn read<'a>(file: File<'a>, key: &'a Key, node: &'a Node) -> Option<Draft<'a>> {
    file.check_name(key, "a score");
    let f = file.fields(node, "a score", FIELDS)?;
    let window = read_window(&f, "the score");
    let decimals = f
        .get("decimals")
        .map_or(Some(1), |n| file.whole(n, "decimals", 0, 9));
    let target = read_target(&f, RANGE);
    let dimensions = read_by(&f);
    let targets = read_targets(&f, &dimensions, target, RANGE);
    let of = read_of(&f, key)?;
    let (judged, window_node) = window?;
    let JudgedWindow::Tumbling(window) = judged else {
        file.say(
            window_node.at,
            codes::CATALOG_REFERENCE,
            format!("a score does not stand in the window {}", judged.label()),
            "use 1m, 5m, 1h or 1d; its inputs may stand in any",
        );
        return None;
    };
    let def = KpiDef {
        name: key.name.clone(),
        version: f.version(),
        title: f.text_or("title", ""),
        unit: f.text_or("unit", "score"),
        decimals: decimals?,
        category: "score".to_owned(),
        weight: 1.0,
        dimensions,
        window: judged,
        terms: Vec::new(),
        expr: Expr {
            source: String::new(),
            ops: Vec::new(),
        },
        target,
        targets,
        minimum_sample: None,
        local: false,
        mix: None,
        only_changes: false,
        examples: Vec::new(),
    };
    Some(Draft {
        file,
        at: key.at,
        def,
        window,
        of,
    })
}

/// What scores are between.
const RANGE: (f64, f64) = (0.0, 100.0);

fn read_of<'a>(f: &Fields<'a>, key: &Key) -> Option<Of<'a>> {
    let file = f.file;
    match (f.get("of"), f.get("category")) {
        (Some(n), None) => {
            let mut named = Vec::new();
            for (name, value) in file.entries(n, "of") {
                let weight = file.within(value, "weight", |v| v > 0.0, "a number above 0")?;
                named.push((name.name.as_str(), name.at, weight));
            }
            named.sort_by_key(|(name, ..)| *name);
            if named.is_empty() {
                file.say(
                    n.at,
                    codes::CATALOG_SYNTAX,
                    "the score stands on nothing",
                    "write `of: {name_of_a_kpi: 1}`",
                );
                return None;
            }
            Some(Of::Named(named))
        }
        (None, Some(n)) => Some(Of::Category(file.text(n, "category")?, n.at)),
        _ => {
            file.say(
                key.at,
                codes::CATALOG_SYNTAX,
                format!("score \"{}\" does not say what it is of", key.name),
                "write `of:` with names and weights, or `category:`",
            );
            None
        }
    }
}

/// Puts scores among the KPIs, sorted by name, and looks up what they stand on.
pub(crate) fn join(kpis: &mut Vec<Checked<KpiDef>>, drafts: Vec<Draft<'_>>) {
    let mut waiting = Vec::new();
    for draft in drafts {
        let Draft {
            file,
            at,
            def,
            window,
            of,
        } = draft;
        if kpis.iter().any(|k| k.def.name == def.name) {
            file.say(
                at,
                codes::CATALOG_DUPLICATE,
                format!("\"{}\" is a KPI and a score", def.name),
                "rename one of them",
            );
            continue;
        }
        waiting.push((file, at, def.name.clone(), window, of));
        kpis.push(Checked {
            def,
            unsampled: false,
            range: RANGE,
        });
    }
    kpis.sort_by(|a, b| a.def.name.cmp(&b.def.name));
    // What is a score is known of all before any looks for its inputs.
    let is_score = |name: &str| waiting.iter().any(|(_, _, n, ..)| n == name);
    let mut mixes = Vec::new();
    for (file, at, name, window, of) in &waiting {
        let Some(own) = kpis.iter().position(|k| k.def.name == *name) else {
            continue;
        };
        let inputs = match of {
            Of::Named(named) => look_up(*file, kpis, own, named, &is_score),
            Of::Category(category, at) => of_category(*file, kpis, own, category, *at, &is_score),
        };
        let category = match of {
            Of::Named(_) => None,
            Of::Category(category, _) => Some((*category).to_owned()),
        };
        let mix = Mix {
            window: *window,
            inputs,
            category,
        };
        mixes.push((own, mix, *file, *at));
    }
    for (own, mix, ..) in &mixes {
        let said = mix
            .inputs
            .iter()
            .map(|(i, w)| format!("{} {w}", kpis[*i].def.name));
        let said = format!("mean of {}", said.collect::<Vec<_>>().join(", "));
        kpis[*own].def.expr.source = said;
        kpis[*own].def.mix = Some(mix.clone());
    }
    for (own, _, file, at) in &mixes {
        refuse_circle(*file, kpis, *own, *at);
    }
}

/// The inputs that a score names.
fn look_up(
    file: File<'_>,
    kpis: &[Checked<KpiDef>],
    own: usize,
    named: &[(&str, At, f64)],
    is_score: &dyn Fn(&str) -> bool,
) -> Vec<(usize, f64)> {
    let mut inputs = Vec::new();
    let by = &kpis[own].def.dimensions;
    for (name, at, weight) in named {
        let Some(i) = kpis.iter().position(|k| k.def.name == *name) else {
            file.say(
                *at,
                codes::CATALOG_REFERENCE,
                format!("there is no KPI or score \"{name}\""),
                suggest(name, kpis.iter().map(|k| k.def.name.as_str())),
            );
            continue;
        };
        let def = &kpis[i].def;
        if def.dimensions != *by {
            file.say(
                *at,
                codes::CATALOG_REFERENCE,
                format!(
                    "\"{name}\" stands on [{}], the score on [{}]",
                    def.dimensions.join(", "),
                    by.join(", ")
                ),
                "let both have the same `by`",
            );
        }
        if def.target.is_none() && !is_score(name) {
            file.say(
                *at,
                codes::CATALOG_IMPOSSIBLE,
                format!("\"{name}\" has no target, so it is never scored"),
                format!("give {name} `target:` and `better:`"),
            );
        }
        inputs.push((i, *weight));
    }
    inputs
}

/// The scored KPIs of a category with a score's subject and window.
fn of_category(
    file: File<'_>,
    kpis: &[Checked<KpiDef>],
    own: usize,
    category: &str,
    at: At,
    is_score: &dyn Fn(&str) -> bool,
) -> Vec<(usize, f64)> {
    let score = &kpis[own].def;
    let fits = |d: &KpiDef| {
        d.category == category
            && d.target.is_some()
            && d.weight > 0.0
            && !is_score(&d.name)
            && (&d.dimensions, d.window) == (&score.dimensions, score.window)
    };
    let inputs: Vec<(usize, f64)> = kpis
        .iter()
        .enumerate()
        .filter(|(_, k)| fits(&k.def))
        .map(|(i, k)| (i, k.def.weight))
        .collect();
    if inputs.is_empty() {
        file.say(
            at,
            codes::CATALOG_REFERENCE,
            format!(
                "no KPI of category \"{category}\" with a target stands on [{}] and {}",
                score.dimensions.join(", "),
                score.window.label()
            ),
            suggest(category, kpis.iter().map(|k| k.def.category.as_str())),
        );
    }
    inputs
}

/// A score must not stand on itself, whatever is between.
fn refuse_circle(file: File<'_>, kpis: &[Checked<KpiDef>], own: usize, at: At) {
    let below = |k: usize| kpis[k].def.mix.iter().flat_map(|m| &m.inputs);
    let mut found: Vec<usize> = below(own).map(|(i, _)| *i).collect();
    let mut next = 0;
    while let Some(&k) = found.get(next) {
        next += 1;
        for (i, _) in below(k) {
            if !found.contains(i) {
                found.push(*i);
            }
        }
    }
    if found.contains(&own) {
        file.say(
            at,
            codes::CATALOG_IMPOSSIBLE,
            format!("score \"{}\" stands on itself", kpis[own].def.name),
            "take the circle out of its inputs",
        );
    }
}
