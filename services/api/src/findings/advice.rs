//! Recommendations for operators: what they miss for the roles of the catalog.

use super::series::{named, short};
use weir_analysis::learning::Advice;
pub(super) use weir_ops::analytics::{COLUMNS, roles};
use weir_ops::analytics::{OPERATOR, advised};
use weir_store::findings::{Cell, Finding};

/// What each operator is advised for a role.
pub(super) fn of(role: &str, title: &str, cells: &[Cell]) -> Vec<Finding> {
    let all = advised(cells).into_iter();
    let of = all.flat_map(|of| {
        let told = of.advice.into_iter();
        let operator = of.operator;
        told.map(move |a| finding(&operator, role, title, a))
    });
    of.collect()
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
        let of = [(OPERATOR, operator), ("skill", skill)];
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
}
