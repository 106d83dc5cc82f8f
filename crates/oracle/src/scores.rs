//! Scores, computed again from the published values that they stand on.

use crate::detect::row_id;
use crate::fold::Judged;
use crate::kpis::{KpiRow, label, rate};
use std::collections::BTreeMap;
use weir_catalog::{Catalog, KpiDef, Mix};
use weir_model::records::Subject;
use weir_model::{Micros, fixed};

/// By subject and end of the score's window: for each input that is there, by its place, the end of
/// its last window and what it is worth.
type Inputs = BTreeMap<(Subject, Micros), BTreeMap<usize, (Micros, f64)>>;

/// Adds all scores to the published values, those that stand on others after them.
pub(crate) fn run(catalog: &Catalog, judged: &Judged, kpis: &mut BTreeMap<String, KpiRow>) {
    let levels = catalog.kpi_levels();
    let mut scores: Vec<usize> = (0..catalog.kpis.len())
        .filter(|k| catalog.kpis[*k].mix.is_some())
        .collect();
    scores.sort_by_key(|k| levels[*k]);
    for k in scores {
        let def = &catalog.kpis[k];
        let Some(mix) = &def.mix else { continue };
        let events = catalog.kpi_events(k).into_iter();
        let through = events.map(|e| judged.final_through[e]).min();
        let inputs = inputs(catalog, mix, through.unwrap_or(Micros::MIN), kpis);
        for row in published(def, k, mix, inputs) {
            let window = label(def.window);
            let id = row_id(&def.name, def.version, &row.subject, &window, row.end);
            kpis.insert(id, row);
        }
    }
}

fn inputs(
    catalog: &Catalog,
    mix: &Mix,
    through: Micros,
    kpis: &BTreeMap<String, KpiRow>,
) -> Inputs {
    let mut out = Inputs::new();
    for (place, (input, _)) in mix.inputs.iter().enumerate() {
        for row in kpis.values().filter(|r| r.index == *input) {
            let is_score = catalog.kpis[*input].mix.is_some();
            let worth = if is_score { row.value } else { row.score };
            let Some(worth) = worth else { continue };
            let zone = catalog.tenants.zone(&row.subject.tenant);
            let (_, end) = mix.window.span(Micros(row.end.0 - 1), zone);
            if end > through {
                continue;
            }
            let found = out.entry((row.subject.clone(), end)).or_default();
            let last = found.entry(place).or_insert((row.end, worth));
            if row.end >= last.0 {
                *last = (row.end, worth);
            }
        }
    }
    out
}

fn published(def: &KpiDef, index: usize, mix: &Mix, inputs: Inputs) -> Vec<KpiRow> {
    let total: f64 = mix.inputs.iter().map(|(_, weight)| weight).sum();
    let mut out: Vec<KpiRow> = Vec::new();
    let mut past: Vec<f64> = Vec::new();
    for ((subject, end), found) in inputs {
        let before = out.last().filter(|r| r.subject == subject);
        if before.is_none_or(|r| end.0 - r.end.0 > 40 * Micros::DAY.0) {
            past.clear();
        }
        let weight = |place: &usize| mix.inputs[*place].1;
        let present: f64 = found.keys().map(weight).sum();
        let sum: f64 = found.iter().map(|(i, (_, worth))| weight(i) * worth).sum();
        let value = fixed::round(sum / present, def.decimals);
        let mut row = rate(def, index, &subject, end, Some(value), &past);
        row.coverage = Some(fixed::round(present / total, 4));
        past.push(value);
        out.push(row);
    }
    out
}
