//! Operators against the roles of the catalog: what they miss, and what to train.

use super::{Refused, Source, short};
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;
use weir_analysis::learning::{Advice, Facts, Level, Requirement, SkillGap, recommend, skill_gap};
use weir_catalog::{Catalog, KpiDef, suggest};
use weir_store::findings::{Cell, Column, Looked, Span, series};

/// What is read of each operator and skill: what the role asks, and the newest score.
pub const COLUMNS: [Column<'static>; 2] = [Column::Term("asks"), Column::Term("mastery")];
/// The dimensions of such a KPI.
pub const OPERATOR: &str = "operator";
const SKILL: &str = "skill";
/// Days in which a skill was scored.
const DAYS: u32 = 365;
/// Most skills of a role that are read.
const SKILLS: usize = 1_000;

/// What is said of one operator for a role.
#[derive(Debug, Clone, PartialEq)]
pub struct Advised {
    /// Who.
    pub operator: String,
    /// Skills of the role, the largest gap first, unknown ones last.
    pub gaps: Vec<SkillGap>,
    /// What to do, the most urgent first.
    pub advice: Vec<Advice>,
}

/// A step of a training plan.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Step {
    /// The role.
    pub role: String,
    /// 1 (most urgent) to 5.
    pub priority: u8,
    /// `close_gap`, or `measure` where nothing is known of the skill.
    pub kind: String,
    /// What it is about.
    pub skill: String,
    /// Newest score, 0 to 1; null where there is none, which is not 0.
    pub level: Option<f64>,
    /// Score that the role asks for.
    pub required: f64,
    /// What is missing.
    pub gap: Option<f64>,
}

/// Roles: name and title, with the KPI of their gaps.
pub fn roles(catalog: &Catalog) -> impl Iterator<Item = (&str, &str, &KpiDef)> {
    let roles = catalog.expanded.iter().filter(|e| e.kind == "role");
    roles.filter_map(move |e| {
        let kpi = catalog.kpi(&format!("role_{}_gap", e.name))?;
        Some((e.name.as_str(), e.title.as_str(), kpi))
    })
}

/// Gaps and advice of each operator that there are cells of, by name. A role asks for all skills
/// that any of the cells has.
#[must_use]
pub fn advised(cells: &[Cell]) -> Vec<Advised> {
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
    let of = |(operator, known): (&str, BTreeMap<String, Level>)| {
        let facts = Facts {
            gaps: skill_gap(&asked, &known),
            ..Facts::default()
        };
        Advised {
            operator: operator.to_owned(),
            advice: recommend(&facts),
            gaps: facts.gaps,
        }
    };
    operators.into_iter().map(of).collect()
}

/// What an operator misses for a role, or for each of them: name of the role, gaps and advice.
///
/// # Errors
/// There is no such role, nothing is known of such an operator, or ClickHouse does not answer.
pub async fn of_operator(
    of: &Source<'_>,
    operator: &str,
    role: Option<&str>,
) -> Result<Vec<(String, Advised)>, Refused> {
    let meant = |name: &str| role.is_none_or(|r| r == name);
    let wanted: Vec<_> = roles(of.catalog).filter(|(n, _, _)| meant(n)).collect();
    if let (Some(role), []) = (role, &wanted[..]) {
        let near = suggest(role, roles(of.catalog).map(|(n, _, _)| n));
        let role = short(role);
        return Err(Refused::Nothing(format!(
            "there is no role \"{role}\"; {near}"
        )));
    }
    let mut all = Vec::new();
    for (name, _, kpi) in wanted {
        let cells = cells(of, kpi).await?;
        let theirs = advised(&cells).into_iter().find(|a| a.operator == operator);
        all.extend(theirs.map(|a| (name.to_owned(), a)));
    }
    if all.is_empty() {
        let operator = short(operator);
        return Err(Refused::Nothing(format!(
            "no skill of an operator {operator} was scored in the last {DAYS} days"
        )));
    }
    Ok(all)
}

/// Everybody's, because a role asks for what it asks of all.
async fn cells(of: &Source<'_>, kpi: &KpiDef) -> Result<Vec<Cell>, Refused> {
    let (first, last) = of.back(DAYS);
    let looked = Looked {
        days: Span { first, last },
        most: of.reader.limits().rows.max(SKILLS),
        subject: &BTreeMap::new(),
        step: "all",
    };
    Ok(series(of.reader, of.catalog, kpi, &COLUMNS, &looked).await?)
}

/// The steps of a plan, the most urgent first: advice with what it rests on.
#[must_use]
pub fn plan(all: &[(String, Advised)]) -> Vec<Step> {
    let mut steps: Vec<Step> = all
        .iter()
        .flat_map(|(role, of)| of.advice.iter().filter_map(move |a| step(role, of, a)))
        .collect();
    steps.sort_by(|a, b| (a.priority, &a.role).cmp(&(b.priority, &b.role)));
    steps
}

fn step(role: &str, of: &Advised, advice: &Advice) -> Option<Step> {
    let gap = of.gaps.iter().find(|g| g.skill == advice.about)?;
    Some(Step {
        role: role.to_owned(),
        priority: advice.priority,
        kind: advice.kind.to_owned(),
        skill: advice.about.clone(),
        level: gap.level,
        required: gap.required,
        gap: gap.gap,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use jiff::civil::date;

    fn cell(operator: &str, skill: &str, asks: f64, mastery: Option<f64>) -> Cell {
        let of = [(OPERATOR, operator), (SKILL, skill)];
        Cell {
            subject: of.map(|(n, v)| (n.to_owned(), v.to_owned())).into(),
            days: vec![(date(2026, 3, 1), vec![Some(asks), mastery])],
        }
    }

    #[test]
    fn a_plan_begins_with_the_largest_gap_and_ends_with_what_is_unknown() {
        let cells = [
            cell("ada", "forensics", 0.9, Some(0.3)),
            cell("ada", "hardening", 0.8, Some(0.8)),
            cell("bob", "hardening", 0.8, Some(0.7)),
        ];
        let all = advised(&cells).into_iter().map(|a| ("r".to_owned(), a));
        let all: Vec<_> = all.collect();
        let told: Vec<(&str, u8, Option<f64>)> = plan(&all[1..])
            .iter()
            .map(|s| {
                (
                    if s.skill == "hardening" { "h" } else { "f" },
                    s.priority,
                    s.level,
                )
            })
            .collect();
        assert_eq!(told, [("h", 4, Some(0.7)), ("f", 5, None)]);
        assert_eq!(plan(&all[..1]).len(), 1);
        assert_eq!(all[0].1.gaps.len(), 2);
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
