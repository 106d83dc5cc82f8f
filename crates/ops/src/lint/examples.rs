//! Worked examples of KPIs that do not come out.

use super::Findings;
use weir_catalog::KpiDef;
use weir_engine::expr;
use weir_model::{codes, fixed};

pub(super) fn check(kpi: &KpiDef, found: &mut Findings<'_>) {
    for example in &kpi.examples {
        let mut terms = vec![None; kpi.terms.len()];
        for (term, value) in &example.given {
            terms[*term] = Some(*value);
        }
        let days = example.days.or(kpi.window.days());
        let value = expr::eval_over(&kpi.expr, &terms, days, &mut Vec::new());
        let value = value.map(|v| fixed::round(v, kpi.decimals));
        let wanted = fixed::round(example.value, kpi.decimals);
        if value != Some(wanted) {
            let is = value.map_or("no value".to_owned(), |v| v.to_string());
            found.of_kpi(
                kpi,
                codes::LINT_EXAMPLE,
                format!(
                    "an example of KPI \"{}\" gives {is}, not {}",
                    kpi.name, example.value
                ),
                "correct the example, or the formula",
            );
        }
    }
}
