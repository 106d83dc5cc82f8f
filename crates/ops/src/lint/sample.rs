//! Ratios and means that are judged on any sample: one failure of one call is 100 %.

use super::Findings;
use weir_catalog::{KpiDef, Op, Stat};
use weir_model::codes;

pub(super) fn check(kpi: &KpiDef, found: &mut Findings<'_>) {
    if kpi.minimum_sample.is_some() || kpi.target.is_none() {
        return;
    }
    let divides = kpi.expr.ops.windows(2).any(|pair| {
        // A division by a constant is a change of unit, one by the length of the window a rate.
        pair[1] == Op::Div && !matches!(pair[0], Op::Number(_) | Op::Days)
    });
    let averages = kpi
        .terms
        .iter()
        .any(|t| matches!(t.stat, Stat::Mean | Stat::Percentile(_)));
    if divides || averages {
        found.of_kpi(
            kpi,
            codes::LINT_SAMPLE,
            format!(
                "KPI \"{}\" is scored on any sample, however small",
                kpi.name
            ),
            "add `minimum_sample: {calls: 20}`, with the measure that it is a share or mean of",
        );
    }
}
