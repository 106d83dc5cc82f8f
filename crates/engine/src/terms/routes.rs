//! Which facts meet: a rule of several conditions, or one that another rule inhibits, needs what it
//! looks at in one place; a score what it stands on.

use super::Route;
use std::collections::{BTreeMap, BTreeSet};
use weir_catalog::types::{Catalog, RuleOn};

/// For routes that share a rule or a score, the one that stands for all of them. All others go their own way,
/// where they went before there were such rules.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Routes(BTreeMap<Route, Route>);

impl Routes {
    /// Of a catalog.
    pub fn new(catalog: &Catalog) -> Routes {
        let mut groups: Vec<BTreeSet<Route>> = Vec::new();
        let scores = (0..catalog.kpis.len()).map(|k| of_score(catalog, k));
        let rules = (0..catalog.rules.len()).map(|r| of_rule(catalog, r));
        for mut group in scores.chain(rules) {
            let (meeting, apart): (Vec<_>, Vec<_>) =
                groups.into_iter().partition(|g| !g.is_disjoint(&group));
            group.extend(meeting.into_iter().flatten());
            groups = apart;
            groups.push(group);
        }
        let mut leads = BTreeMap::new();
        for group in groups.iter().filter(|g| g.len() > 1) {
            if let Some(first) = group.first() {
                leads.extend(group.iter().map(|route| (*route, *first)));
            }
        }
        Routes(leads)
    }

    /// The route whose hash decides where facts of a route go.
    pub fn lead(&self, route: Route) -> Route {
        self.0.get(&route).copied().unwrap_or(route)
    }
}

/// A score and what it stands on.
fn of_score(catalog: &Catalog, kpi: usize) -> BTreeSet<Route> {
    let mix = catalog.kpis.get(kpi).and_then(|k| k.mix.as_ref());
    let inputs = mix.into_iter().flat_map(|m| &m.inputs);
    let all = inputs.map(|(input, _)| *input).chain([kpi]);
    all.map(Route::Kpi).collect()
}

/// What a rule looks at, and the one that inhibits it.
fn of_rule(catalog: &Catalog, rule: usize) -> BTreeSet<Route> {
    let def = catalog.rules.get(rule);
    let other = def.and_then(|d| d.unless);
    let each = [Some(rule), other].into_iter().flatten();
    let on = each.filter_map(|r| Some((r, &catalog.rules.get(r)?.on)));
    on.flat_map(|(r, on)| of_conditions(r, on)).collect()
}

fn of_conditions(rule: usize, on: &RuleOn) -> BTreeSet<Route> {
    let each = on.conditions().iter().filter_map(|on| match on {
        RuleOn::Kpi { kpi, .. } | RuleOn::Off(kpi) => Some(Route::Kpi(*kpi)),
        RuleOn::Detector(d) => Some(Route::Detector(*d)),
        RuleOn::NoData { .. } => Some(Route::Rule(rule)),
        RuleOn::Several { .. } => None,
    });
    each.collect()
}
