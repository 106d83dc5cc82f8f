//! Recommendations for operators: what they miss for the roles of the catalog.

use super::series::{named, short};
use std::collections::BTreeMap;
use weir_analysis::learning::{Advice, Facts, Level, Requirement, recommend, skill_gap};
use weir_catalog::{Catalog, KpiDef};
use weir_store::findings::{Cell, Column, Finding};

/// What is read of each operator and skill: what the role asks, and the newest score.
pub(super) const COLUMNS: [Column<'static>; 2] = [Column::Term("asks"), Column::Term("mastery")];
/// The dimensions of such a KPI.
const OPERATOR: &str = "operator";
const SKILL: &str = "skill";

/// Roles: name and title, with the KPI of their gaps.
pub(super) fn roles(catalog: &Catalog) -> impl Iterator<Item = (&str, &str, &KpiDef)> {
    let roles = catalog.expanded.iter().filter(|e| e.kind == "role");
    roles.filter_map(move |e| {
        let kpi = catalog.kpi(&format!("role_{}_gap", e.name))?;
        Some((e.name.as_str(), e.title.as_str(), kpi))
    })
}

/// What each operator is advised for a role.
pub(super) fn of(role: &str, title: &str, cells: &[Cell]) -> Vec<Finding> {
    let mut asked: BTreeMap<String, Requirement> = BTreeMap::new();
    let mut operators: BTreeMap<&str, BTreeMap<String, Level>> = BTreeMap::new();
    for cell in cells {
        let (Some(operator), Some(skill)) = (cell.subject.get(OPERATOR), cell.subject.get(SKILL))
        else {
            continue;
        };
        let newest = cell.days.last().map(|(_, values)| &values[..]);
        let Some([Some(asks), mastery]) = newest else {
            continue;
        };
        let requirement = Requirement {
            level: *asks,
            weight: 1.0,
            min_sample: 1,
        };
        asked.insert(skill.clone(), requirement);
        let known = operators.entry(operator).or_default();
        known.extend(mastery.map(|level| (skill.clone(), Level { level, sample: 1 })));
    }
    let advised = operators.into_iter().flat_map(|(operator, known)| {
        let facts = Facts {
            gaps: skill_gap(&asked, &known),
            ..Facts::default()
        };
        let all = recommend(&facts).into_iter();
        all.map(move |a| finding(operator, role, title, a))
    });
    advised.collect()
}

fn finding(operator: &str, role: &str, title: &str, advice: Advice) -> Finding {
    let first = advice.evidence.first();
    let skill = &advice.about;
    let text = match (advice.kind, first) {
        ("close_gap", Some(e)) => format!(
            "train {skill}: {} of the {} that {title} asks for",
            short(e.value),
            short(e.against)
        ),
        _ => format!("have {skill} scored: {title} asks for it, and nothing is known"),
    };
    let evidence = advice.evidence.iter();
    let evidence: Vec<(String, f64)> = evidence
        .flat_map(|e| {
            [
                (e.what.clone(), e.value),
                (format!("{} wanted", e.what), e.against),
            ]
        })
        .collect();
    let evidence: Vec<(&str, f64)> = evidence.iter().map(|(n, v)| (n.as_str(), *v)).collect();
    Finding {
        subject: [(OPERATOR.to_owned(), operator.to_owned())].into(),
        kind: "recommendation".to_owned(),
        about: skill.clone(),
        of: role.to_owned(),
        verdict: advice.kind.to_owned(),
        priority: advice.priority,
        text,
        value: first.map(|e| e.value),
        evidence: named(&evidence),
        method: "skill_gap".to_owned(),
        ..Finding::default()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use jiff::civil::date;

    fn cell(operator: &str, skill: &str, asks: f64, mastery: f64) -> Cell {
        let of = [(OPERATOR, operator), (SKILL, skill)];
        Cell {
            subject: of.map(|(n, v)| (n.to_owned(), v.to_owned())).into(),
            days: vec![(date(2026, 3, 1), vec![Some(asks), Some(mastery)])],
        }
    }

    #[test]
    fn gaps_are_to_be_closed_and_what_is_unknown_is_to_be_scored() {
        let cells = [
            cell("ada", "forensics", 0.9, 0.3),
            cell("ada", "hardening", 0.8, 0.8),
            cell("bob", "hardening", 0.8, 0.7),
        ];
        let found = of("responder", "Responder", &cells);
        let told: Vec<(&str, &str, &str, u8)> = found
            .iter()
            .map(|f| {
                let who = f.subject[OPERATOR].as_str();
                (who, f.about.as_str(), f.verdict.as_str(), f.priority)
            })
            .collect();
        let want = [
            ("ada", "forensics", "close_gap", 1),
            ("bob", "hardening", "close_gap", 4),
            ("bob", "forensics", "measure", 5),
        ];
        assert_eq!(told, want);
        assert!(
            found
                .iter()
                .all(|f| !f.evidence.is_empty() && f.of == "responder")
        );
        assert_eq!(found[0].evidence["level wanted"], 0.9);
    }

    #[test]
    fn roles_are_those_of_the_catalog() {
        let catalog = Catalog::embedded().unwrap();
        let names: Vec<&str> = roles(&catalog).map(|(name, _, _)| name).collect();
        assert_eq!(names.len(), 2, "{names:?}");
        for (_, _, kpi) in roles(&catalog) {
            assert_eq!(kpi.dimensions, [OPERATOR, SKILL]);
        }
    }
}
