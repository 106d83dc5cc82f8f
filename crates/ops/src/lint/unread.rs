//! KPIs that nobody would miss.

use super::Findings;
use weir_catalog::{KpiDef, RuleOn};
use weir_model::codes;

pub(super) fn check(kpi: &KpiDef, read_elsewhere: &dyn Fn(&str) -> bool, found: &mut Findings<'_>) {
    let all = &found.catalog.kpis;
    let is_it = |k: usize| all[k].name == kpi.name;
    let ruled = found.catalog.rules.iter().any(|r| {
        r.on.conditions().iter().any(|on| match on {
            RuleOn::Kpi { kpi: k, .. } | RuleOn::Off(k) => is_it(*k),
            _ => false,
        })
    });
    let inputs = all.iter().flat_map(|k| &k.mix).flat_map(|m| &m.inputs);
    let rated = inputs.map(|(k, _)| *k).any(is_it);
    let made = found.catalog.expanded.iter().any(|e| e.made(&kpi.name));
    let shown = kpi.target.is_some() || kpi.mix.is_some();
    if !shown && !ruled && !rated && !made && !read_elsewhere(&kpi.name) {
        found.of_kpi(
            kpi,
            codes::LINT_UNREAD,
            format!(
                "KPI \"{}\" has no target, no rule and no question that reads it",
                kpi.name
            ),
            "give it a target, let a rule or a question read it, or remove it",
        );
    }
}
