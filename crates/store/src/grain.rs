//! A KPI as it is on other subjects than its own: the same formula over the same measures, read at
//! the rollup of those subjects. No formula is written twice for that.

use weir_catalog::{Catalog, KpiDef, Term};

/// A KPI over subjects with these dimensions, in place of its own: the whole tenant where there are
/// none. It keeps its target, those of some subjects excepted. None for a score, where an input is
/// no figure of the KPI's own subject, and where one is not kept by that rollup.
pub fn kpi_at(kpi: &KpiDef, catalog: &Catalog, dimensions: &[String]) -> Option<KpiDef> {
    let mut dimensions = dimensions.to_vec();
    dimensions.sort_unstable();
    if dimensions == kpi.dimensions {
        return Some(kpi.clone());
    }
    if kpi.mix.is_some() {
        return None;
    }
    let moved = |term: &Term| {
        if !term.stands_on(&kpi.dimensions) || catalog.is_setting(term) {
            return None;
        }
        let names: Vec<&str> = dimensions.iter().map(String::as_str).collect();
        Some(Term {
            rollup: catalog.events[term.event].rollup_id(&names)?,
            at: dimensions.clone(),
            ..term.clone()
        })
    };
    let terms = kpi.terms.iter().map(moved).collect::<Option<Vec<Term>>>()?;
    Some(KpiDef {
        dimensions,
        terms,
        targets: None,
        ..kpi.clone()
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn at(name: &str, dimensions: &[&str]) -> Option<KpiDef> {
        let catalog = Catalog::embedded().unwrap();
        let dimensions: Vec<String> = dimensions.iter().map(|d| (*d).to_owned()).collect();
        kpi_at(catalog.kpi(name).unwrap(), &catalog, &dimensions)
    }

    #[test]
    fn the_formula_stays_and_the_subject_changes() {
        let own = at("roi", &["team"]).unwrap();
        let tenant = at("roi", &[]).unwrap();
        assert_eq!(own.dimensions, ["team"]);
        assert!(tenant.dimensions.is_empty());
        assert_eq!(own.expr, tenant.expr);
        let by_engineer = at("roi", &["engineer"]).unwrap();
        assert!(by_engineer.terms.iter().all(|t| t.at == ["engineer"]));
    }

    #[test]
    fn what_no_rollup_keeps_is_not_there() {
        // Productivity knows no platform.
        assert!(at("productivity_gain", &["platform"]).is_none());
        // Its second subject is not its own.
        assert!(at("capability_adoption", &["team"]).is_none());
        assert!(at("optimization_overall", &[]).is_none());
    }
}
