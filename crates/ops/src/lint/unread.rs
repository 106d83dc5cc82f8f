//! KPIs that nobody would miss.

use super::Findings;
use weir_catalog::{KpiDef, RuleOn};
use weir_model::codes;

pub(super) fn check(kpi: &KpiDef, read_elsewhere: &dyn Fn(&str) -> bool, found: &mut Findings<'_>) {
    let scored = kpi.target.is_some() && kpi.weight > 0.0;
    let on = |on: &RuleOn| matches!(on, RuleOn::Kpi { kpi: k, .. } if found.catalog.kpis[*k].name == kpi.name);
    let ruled = found.catalog.rules.iter().any(|r| on(&r.on));
    let made = found.catalog.expanded.iter().any(|e| e.made(&kpi.name));
    if !scored && !ruled && !made && !read_elsewhere(&kpi.name) {
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
