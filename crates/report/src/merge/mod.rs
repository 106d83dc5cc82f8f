//! The report of a team without a shared system: reports that its engineers exported, merged. What
//! they give is added up, and the formulas of the catalog are evaluated over the sums.

mod exported;

use crate::ReportError;
use crate::declare::{Declaration, FigureDef, TableDef};
use crate::model::{Column, Figure, Point, Report, Section, Span, Table, Term};
use crate::words::Words;
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};
use weir_catalog::{Catalog, KpiDef, Stat};

use exported::{Metrics, refuse};

pub use exported::Exported;

/// The declaration whose keys the merged report has.
const TEAM: &str = "team";

/// Merges exported reports as the declaration of the team's report says, made at a time.
///
/// # Errors
/// An engineer stands in two of them, they are of different days, or there are none.
pub fn team(
    mut all: Vec<Exported>,
    declared: &Declaration,
    catalog: &Catalog,
    now: String,
) -> Result<Report, ReportError> {
    refuse(&all)?;
    all.sort_by(|a, b| a.engineer_profile.email.cmp(&b.engineer_profile.email));
    let members: Vec<&Exported> = all.iter().collect();
    let merge = Merge { declared, catalog };
    let mut missing = Vec::new();
    let mut sections = Vec::new();
    for s in &declared.sections {
        let figures = s
            .figures
            .iter()
            .map(|f| merge.figure(f, &members, &mut missing));
        let figures = figures.collect::<Result<_, ReportError>>()?;
        let tables = s.tables.iter().map(|t| merge.table(t, &members));
        sections.push(Section {
            title: s.title.clone(),
            note: s.note.clone(),
            figures,
            charts: Vec::new(),
            tables: tables.collect::<Result<_, ReportError>>()?,
        });
    }
    let first = &all[0].report_metadata;
    let tenants: BTreeSet<&str> = all
        .iter()
        .map(|e| e.report_metadata.tenant.as_str())
        .collect();
    let span = Span {
        from: first.period_from.clone(),
        to: first.period_to.clone(),
        days: first.days,
    };
    let complete = all
        .iter()
        .map(|e| e.report_metadata.complete_through.clone());
    let mut report = Report {
        kind: TEAM.to_owned(),
        title: String::new(),
        reader: declared.reader.clone(),
        tenant: tenants.into_iter().collect::<Vec<_>>().join(" + "),
        subject: None,
        before: span.clone(),
        period: span,
        generated_at: now,
        // As complete as the least of them; not known where one does not say.
        complete_through: complete.min().flatten(),
        sections,
        talking_points: Vec::new(),
        recommendations: Vec::new(),
        missing,
    };
    report.missing.push(
        "what exported reports do not hold cannot be merged: percentiles over all of them, days \
         before, charts by day"
            .to_owned(),
    );
    say(&mut report, declared)?;
    Ok(report)
}

fn say(report: &mut Report, declared: &Declaration) -> Result<(), ReportError> {
    let words = Words::of(report);
    report.title = words.sentence(&declared.title)?;
    for p in &declared.points {
        let said: Option<Point> = words.point(p)?;
        match p.recommend {
            true => report.recommendations.extend(said),
            false => report.talking_points.extend(said),
        }
    }
    Ok(())
}

struct Merge<'a> {
    declared: &'a Declaration,
    catalog: &'a Catalog,
}

/// What a figure or column is called and counted in.
struct Shown {
    title: String,
    unit: String,
    decimals: u32,
}

impl Merge<'_> {
    fn figure(
        &self,
        def: &FigureDef,
        of: &[&Exported],
        missing: &mut Vec<String>,
    ) -> Result<Figure, ReportError> {
        let shown = self.shown(def)?;
        let value = self.value(def, of)?;
        if value.is_none() {
            missing.push(format!("{}: {}", shown.title, crate::say::NO_DATA));
        }
        let kpi = def.kpi.as_ref().and_then(|name| self.catalog.kpi(name));
        let terms = kpi.map(|kpi| {
            let term = |t: &weir_catalog::Term| Term {
                name: t.name.clone(),
                measure: String::new(),
                value: self.term(kpi, t, of),
                unit: String::new(),
            };
            kpi.terms.iter().map(term).collect()
        });
        Ok(Figure {
            id: def.id.clone(),
            value,
            target: None,
            higher_is_better: kpi.and_then(|k| k.target).map(|t| t.higher_is_better),
            status: if value.is_some() {
                "no_target"
            } else {
                "no_data"
            }
            .to_owned(),
            before: None,
            change_percent: None,
            formula: kpi.map_or_else(|| "sum".to_owned(), |k| k.expr.source.clone()),
            terms: terms.unwrap_or_default(),
            source: format!("{} exported reports", of.len()),
            title: shown.title,
            unit: shown.unit,
            decimals: shown.decimals,
        })
    }

    fn shown(&self, def: &FigureDef) -> Result<Shown, ReportError> {
        let told = |title: &str, unit: &str, decimals| Shown {
            title: def.title.clone().unwrap_or_else(|| title.to_owned()),
            unit: unit.to_owned(),
            decimals,
        };
        if let Some(kpi) = def.kpi.as_ref().and_then(|name| self.catalog.kpi(name)) {
            return Ok(told(&kpi.title, &kpi.unit, kpi.decimals));
        }
        let path = def.measure.as_deref().unwrap_or_default();
        let (event, measure, _) =
            self.catalog
                .statistic(path)
                .map_err(|(what, remedy)| ReportError::Declaration {
                    name: self.declared.name.clone(),
                    reason: format!("{what}; {remedy}"),
                })?;
        let measure = &self.catalog.events[event].measures[measure];
        Ok(told(&measure.title, &measure.unit, 2))
    }

    /// A KPI over the sums of its terms, or the sum of a measure.
    fn value(&self, def: &FigureDef, of: &[&Exported]) -> Result<Option<f64>, ReportError> {
        if let Some(kpi) = def.kpi.as_ref().and_then(|name| self.catalog.kpi(name)) {
            let terms: Vec<Option<f64>> = kpi.terms.iter().map(|t| self.term(kpi, t, of)).collect();
            return Ok(evaluated(kpi, &terms, of));
        }
        let path = def.measure.as_deref().unwrap_or_default();
        Ok(sum(of, |e| e.measures.get(path).copied().flatten()))
    }

    fn term(&self, kpi: &KpiDef, term: &weir_catalog::Term, of: &[&Exported]) -> Option<f64> {
        let event = &self.catalog.events[term.event];
        let measure = format!("{}.{}", event.name, event.measures[term.measure].name);
        let over = |stat: &str| {
            let name = format!("{measure}{stat}");
            sum(of, |e| e.measures.get(&name).copied().flatten())
        };
        match term.stat {
            Stat::Mean => over(".sum").zip(over(".count")).map(|(s, n)| s / n),
            Stat::Value | Stat::Sum | Stat::Count => {
                let own = |e: &Exported| e.terms.get(&kpi.name)?.get(&term.name).copied()?;
                sum(of, own).or_else(|| over(""))
            }
            _ => None,
        }
    }

    fn table(&self, def: &TableDef, of: &[&Exported]) -> Result<Table, ReportError> {
        let (columns, rows) = match (def.id.as_str(), def.by.as_slice()) {
            ("people", _) => people(of),
            ("capabilities", _) => self.capabilities(def, of)?,
            ("adoption", _) => self.adoption(of)?,
            (_, [by]) => self.grouped(def, by, of)?,
            _ => (Vec::new(), Vec::new()),
        };
        let source = format!("{} exported reports", of.len());
        let mut table = def.table(columns, rows, source);
        table.sort(def.sort.as_deref());
        Ok(table)
    }

    /// Rows of those who have a team, platform or name in common.
    fn grouped(&self, def: &TableDef, by: &str, of: &[&Exported]) -> Result<Cells, ReportError> {
        let mut groups: BTreeMap<String, Vec<&Exported>> = BTreeMap::new();
        for e in of {
            let profile = &e.engineer_profile;
            let name = match by {
                "engineer" => Some(profile.email.clone()),
                "team" => profile.team.clone(),
                "platform" => profile.machine.platform.clone(),
                _ => None,
            };
            if let Some(name) = name.filter(|n| !n.is_empty()) {
                groups.entry(name).or_default().push(e);
            }
        }
        let mut columns = vec![column(by, "", 0)];
        for f in &def.figures {
            let shown = self.shown(f)?;
            columns.push(Column {
                title: shown.title,
                ..column(&f.id, &shown.unit, shown.decimals)
            });
        }
        let row = |(name, group): (String, Vec<&Exported>)| {
            let values = def.figures.iter().map(|f| Ok(cell(self.value(f, &group)?)));
            let head = std::iter::once(Ok(Json::from(name)));
            head.chain(values)
                .collect::<Result<Vec<Json>, ReportError>>()
        };
        let rows = groups.into_iter().map(row);
        Ok((columns, rows.collect::<Result<_, ReportError>>()?))
    }

    /// Rows of capabilities: percentiles are no sums, so they have none.
    fn capabilities(&self, def: &TableDef, of: &[&Exported]) -> Result<Cells, ReportError> {
        let mut columns = vec![column("capability", "", 0)];
        for f in &def.figures {
            let shown = self.shown(f)?;
            columns.push(Column {
                title: shown.title,
                ..column(&f.id, &shown.unit, shown.decimals)
            });
        }
        let success = self.catalog.kpi("capability_success_rate");
        let rows = by_capability(of).into_iter().map(|(name, all)| {
            let over = |f: &dyn Fn(&Metrics) -> Option<f64>| {
                let known: Vec<f64> = all.iter().filter_map(|m| f(m)).collect();
                (!known.is_empty()).then(|| known.iter().sum::<f64>())
            };
            let executions = over(&|m| m.total_executions);
            let failures = over(&|m| m.failures);
            let time = over(&|m| Some(m.avg_execution_time_ms? * m.total_executions?));
            let percent = success.and_then(|kpi| {
                let terms: Vec<Option<f64>> = kpi
                    .terms
                    .iter()
                    .map(|t| {
                        if t.name == "failures" {
                            failures
                        } else {
                            executions
                        }
                    })
                    .collect();
                evaluated(kpi, &terms, of)
            });
            let value = |id: &str| match id {
                "executions" => executions,
                "success_percent" => percent,
                "mean_ms" => time.zip(executions).map(|(t, n)| t / n),
                "engineers" => Some(all.len() as f64),
                "tokens" => over(&|m| m.tokens_saved),
                _ => None,
            };
            let values = def.figures.iter().map(|f| cell(value(&f.id)));
            std::iter::once(Json::from(name)).chain(values).collect()
        });
        Ok((columns, rows.collect()))
    }

    fn adoption(&self, of: &[&Exported]) -> Result<Cells, ReportError> {
        let columns = vec![
            column("capability", "", 0),
            column("engineers", "engineers", 0),
            column("adoption_percent", "percent", 1),
        ];
        let kpi = self.catalog.kpi("capability_adoption");
        let active = of.iter().filter(|e| !e.performance.capabilities.is_empty());
        let active = active.count() as f64;
        let rows = by_capability(of).into_iter().map(|(name, all)| {
            let users = all.len() as f64;
            let share = kpi.and_then(|kpi| {
                let terms: Vec<Option<f64>> = kpi
                    .terms
                    .iter()
                    .map(|t| Some(if t.name == "users" { users } else { active }))
                    .collect();
                evaluated(kpi, &terms, of)
            });
            vec![Json::from(name), cell(Some(users)), cell(share)]
        });
        Ok((columns, rows.collect()))
    }
}

/// Columns and rows.
type Cells = (Vec<Column>, Vec<Vec<Json>>);

/// A KPI over terms, where its sample is large enough, rounded as the store does.
fn evaluated(kpi: &KpiDef, terms: &[Option<f64>], of: &[&Exported]) -> Option<f64> {
    if let Some((sample, least)) = kpi.minimum_sample
        && terms[sample].is_none_or(|n| n < least)
    {
        return None;
    }
    let days = of.first().map(|e| e.report_metadata.days as f64);
    let value = weir_engine::expr::eval_over(&kpi.expr, terms, days, &mut Vec::new())?;
    Some(weir_model::fixed::round(value, kpi.decimals))
}

/// The sum of what is known; none where nothing is.
fn sum(of: &[&Exported], value: impl Fn(&Exported) -> Option<f64>) -> Option<f64> {
    let known: Vec<f64> = of.iter().filter_map(|e| value(e)).collect();
    (!known.is_empty()).then(|| known.iter().sum())
}

fn cell(value: Option<f64>) -> Json {
    value.map_or(Json::Null, Json::from)
}

fn column(id: &str, unit: &str, decimals: u32) -> Column {
    Column {
        id: id.to_owned(),
        title: crate::say::titled(id),
        unit: unit.to_owned(),
        decimals,
        hidden: false,
    }
}

fn people(of: &[&Exported]) -> Cells {
    let columns = ["engineer", "name", "platform", "team"].map(|id| column(id, "", 0));
    let rows = of.iter().map(|e| {
        let p = &e.engineer_profile;
        let platform = p.machine.platform.clone();
        vec![
            Json::from(p.email.as_str()),
            Json::from(p.name.as_str()),
            Json::from(platform),
            Json::from(p.team.clone()),
        ]
    });
    (columns.into(), rows.collect())
}

fn by_capability<'a>(of: &[&'a Exported]) -> BTreeMap<String, Vec<&'a Metrics>> {
    let mut all: BTreeMap<String, Vec<&Metrics>> = BTreeMap::new();
    for c in of.iter().flat_map(|e| &e.performance.capabilities) {
        if c.metrics.total_executions.is_some_and(|n| n > 0.0) {
            all.entry(c.name.clone()).or_default().push(&c.metrics);
        }
    }
    all
}
