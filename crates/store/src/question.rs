//! Named questions: SQL files with a header that names their parameters.
//!
//! ```sql
//! -- title: Models by spend
//! -- period 30
//! -- param limit UInt32 = 20: how many
//! SELECT ... WHERE {tenant} AND {period of window_start} ... LIMIT {limit:UInt32}
//! ```
//!
//! `{period of COLUMN}` is explained in [`crate::period`]. `{tenant}` is the condition that a row
//! is of the tenant that is asked for, if any is. `{current kpis}` is a table of the values that
//! KPIs have by now: of the one that parameter `kpi` names, or of those that parameter `of` says, a
//! category, the dimensions that they stand on (`team`, `executable,host`, `tenant` for none), or
//! `all`. `{newest kpis}` keeps the newest row of each KPI and subject within the period, one with a
//! value where there is one. `{kpi NAME}` is a table of what a KPI is over the question's period,
//! with the columns of the view `kpi_<name>`.

use crate::StoreError;
use crate::client::{Param, text};
use crate::kpi::kpi_current_sql;
use crate::kpi_period::kpi_of_period;
use crate::migrate::sql_files;
use crate::period::Period;
use std::path::Path;
use weir_catalog::{Catalog, KpiDef};
use weir_model::Micros;

/// A parameter of a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// `--days`
    pub name: String,
    /// ClickHouse type.
    pub kind: String,
    /// Value where it is not given.
    pub default: String,
    /// For people.
    pub help: String,
}

/// A question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// `top-models`
    pub name: String,
    /// One line for people.
    pub title: String,
    /// Parameters with defaults; without one they need not be given.
    pub parameters: Vec<Parameter>,
    /// Days that it looks back where nothing else is said, if it has a period.
    pub days: Option<u32>,
    /// ClickHouse SQL with `{name:Type}`, and with what the module explains.
    pub text: String,
}

impl Question {
    /// Those compiled into this program, by name.
    pub fn built_in() -> Vec<Question> {
        crate::QUESTIONS
            .iter()
            .filter_map(|(name, text)| Question::parse(name, text))
            .collect()
    }

    /// Those of a directory, instead.
    ///
    /// # Errors
    /// It cannot be read; a file has no readable header.
    pub fn from_dir(dir: &Path) -> Result<Vec<Question>, StoreError> {
        let read = |(name, text): (String, String)| {
            Question::parse(&name, &text).ok_or_else(|| {
                let path = dir.join(format!("{name}.sql"));
                StoreError::Question(format!(
                    "{} needs a header: `-- title: …`, then `-- param name Type = default: help` for each parameter",
                    path.display()
                ))
            })
        };
        sql_files(dir)?.into_iter().map(read).collect()
    }

    /// One of them.
    ///
    /// # Errors
    /// There is none of that name: the error names those that are nearest to it.
    pub fn find(all: Vec<Question>, name: &str) -> Result<Question, StoreError> {
        let nearest = nearest(&all, name);
        all.into_iter().find(|q| q.name == name).ok_or_else(|| {
            let meant = match nearest.join(" or ") {
                none if none.is_empty() => String::new(),
                some => format!("did you mean {some}? "),
            };
            StoreError::Question(format!(
                "there is no question named {name}; {meant}`weir query` lists them all"
            ))
        })
    }

    /// From the text of a file; `None` where its header has no title or a line of it cannot be
    /// read.
    pub fn parse(name: &str, text: &str) -> Option<Question> {
        let mut title = None;
        let mut days = None;
        let mut parameters = Vec::new();
        let parameter = |name: &str, kind: &str, default: &str, help: &str| Parameter {
            name: name.into(),
            kind: kind.into(),
            default: default.into(),
            help: help.into(),
        };
        for line in text.lines().map_while(|l| l.strip_prefix("-- ")) {
            if let Some(t) = line.strip_prefix("title: ") {
                title = Some(t.to_string());
            } else if let Some(p) = line.strip_prefix("period ") {
                let (n, help) = p.split_once(": ").unwrap_or((p, "days up to today"));
                days = Some(n.trim().parse().ok()?);
                parameters.push(parameter("days", "UInt32", n.trim(), help));
                parameters.push(parameter("from", "Date", "", "first day of the tenant"));
                parameters.push(parameter("to", "Date", "", "last day of the tenant"));
            } else if let Some(p) = line.strip_prefix("param ") {
                let (head, help) = p.split_once(": ")?;
                let (declared, default) = head.split_once(" =")?;
                let (name, kind) = declared.split_once(' ')?;
                parameters.push(parameter(name, kind, default.trim(), help));
            }
        }
        let body: Vec<&str> = text.lines().skip_while(|l| l.starts_with("--")).collect();
        let text = body.join("\n").trim().replace(NEWEST, NEWEST_SQL);
        if text.contains(TENANT) {
            parameters.push(parameter("tenant", "String", "", "only this tenant"));
        }
        Some(Question {
            name: name.into(),
            title: title?,
            parameters,
            days,
            text,
        })
    }

    /// The period that is asked for, if it has one.
    ///
    /// # Errors
    /// As of [`Period::of`].
    pub fn period(&self, given: &[Param]) -> Result<Option<Period>, StoreError> {
        self.days.map(|days| Period::of(days, given)).transpose()
    }

    /// The SQL and its bound parameters; `given` holds what the asker said, by name.
    ///
    /// # Errors
    /// A name that the question does not have, a number or date that is none, a KPI that there is
    /// not.
    pub fn sql(
        &self,
        given: &[Param],
        catalog: &Catalog,
        now: Micros,
    ) -> Result<(String, Vec<Param>), StoreError> {
        let known: Vec<String> = self
            .parameters
            .iter()
            .map(|p| format!("--{}", p.name))
            .collect();
        if let Some((name, _)) = given
            .iter()
            .find(|(n, _)| !self.parameters.iter().any(|p| p.name == *n))
        {
            let rest = if known.is_empty() {
                "it takes none".into()
            } else {
                format!("it takes {}", known.join(", "))
            };
            return Err(StoreError::Question(format!(
                "question {} has no parameter --{name}; {rest}",
                self.name
            )));
        }
        let mut bound = Vec::new();
        for p in &self.parameters {
            let value = given
                .iter()
                .rfind(|(n, _)| *n == p.name)
                .map_or(&p.default, |(_, v)| v);
            if p.kind.starts_with("UInt") && value.parse::<u64>().is_err() {
                return Err(StoreError::Question(format!(
                    "--{} takes a whole number, not {value:?}",
                    p.name
                )));
            }
            bound.push((p.name.clone(), value.clone()));
        }
        let period = self.period(given)?;
        let of = |name: &str| {
            bound
                .iter()
                .find(|(n, _)| n == name)
                .map(|(_, v)| v.as_str())
        };
        let whose = match of("tenant") {
            Some("") | None => None,
            Some(_) => Some("tenant = {tenant:String}"),
        };
        let mut text = self.text.replace(TENANT, whose.unwrap_or("1"));
        if let Some(period) = &period {
            while let Some((before, rest)) = text.split_once(KPI) {
                let (name, after) = rest.split_once('}').unwrap_or((rest, ""));
                let values = kpi_of_period(named(catalog, name)?, catalog, period, whose)?;
                text = format!("{before}({values}){after}");
            }
            text = text.replace(LENGTH, &period.length());
            while let Some((before, rest)) = text.split_once(PERIOD) {
                let (column, after) = rest.split_once('}').unwrap_or((rest, ""));
                text = format!("{before}{}{after}", period.condition(column));
            }
        }
        if text.contains(KPIS) {
            let bounds = period.map(|p| p.bounds(now));
            let chosen = chosen(catalog, &of)?;
            text = text.replace(KPIS, &current_kpis(&chosen, catalog, bounds, now)?);
        }
        Ok((text, bound))
    }
}

const TENANT: &str = "{tenant}";
const PERIOD: &str = "{period of ";
const LENGTH: &str = "{length of period}";
const KPIS: &str = "{current kpis}";
const NEWEST: &str = "{newest kpis}";
const NEWEST_SQL: &str = "(
    SELECT * FROM {current kpis} WHERE {tenant} AND {period of window_end}
    ORDER BY kpi, tenant, dimensions, value IS NULL, window_end DESC
    LIMIT 1 BY kpi, tenant, dimensions
)";
const KPI: &str = "{kpi ";

fn named<'a>(catalog: &'a Catalog, name: &str) -> Result<&'a KpiDef, StoreError> {
    let found = catalog.kpis.iter().find(|k| k.name == name);
    found.ok_or_else(|| no_kpi(catalog, name))
}

fn no_kpi(catalog: &Catalog, name: &str) -> StoreError {
    let names: Vec<&str> = catalog.kpis.iter().map(|k| k.name.as_str()).collect();
    StoreError::Question(format!(
        "there is no KPI named {name}; there are {}",
        names.join(", ")
    ))
}

/// The KPIs that a question's parameters say.
fn chosen<'a>(
    catalog: &'a Catalog,
    of: &dyn Fn(&str) -> Option<&'a str>,
) -> Result<Vec<&'a KpiDef>, StoreError> {
    if let Some(name) = of("kpi") {
        return Ok(vec![named(catalog, name)?]);
    }
    let said = of("of").unwrap_or(ALL);
    let mut chosen: Vec<&KpiDef> = catalog.kpis.iter().collect();
    chosen.retain(|k| [ALL, &k.category, &subject(k)].contains(&said));
    if chosen.is_empty() {
        return Err(no_kpis(catalog, said));
    }
    Ok(chosen)
}

/// Stands for every KPI.
const ALL: &str = "all";

/// Dimensions that a KPI stands on, as `of` takes them.
fn subject(kpi: &KpiDef) -> String {
    match kpi.dimensions.as_slice() {
        [] => "tenant".into(),
        names => names.join(","),
    }
}

fn no_kpis(catalog: &Catalog, said: &str) -> StoreError {
    let names = |of: &dyn Fn(&KpiDef) -> String| {
        let mut names: Vec<String> = catalog.kpis.iter().map(of).collect();
        names.sort_unstable();
        names.dedup();
        names.join(", ")
    };
    StoreError::Question(format!(
        "no KPI is of {said}; --of takes a category ({}), what KPIs stand on ({}), or {ALL}",
        names(&|k| k.category.clone()),
        names(&subject),
    ))
}

/// The values that KPIs have by now, as a table: windows that end within bounds, and not later than
/// now.
fn current_kpis(
    chosen: &[&KpiDef],
    catalog: &Catalog,
    bounds: Option<(Micros, Micros)>,
    now: Micros,
) -> Result<String, StoreError> {
    let (from, to) = bounds.map_or((None, now), |(from, to)| (Some(from), to));
    let table = |k: &&KpiDef| {
        let values = kpi_current_sql(k, catalog, from, Some(to))?;
        let dimensions: Vec<String> = k
            .dimensions
            .iter()
            .map(|d| format!("{}, {}", text(d), crate::client::ident(d)))
            .collect();
        Ok(format!(
            "SELECT tenant, {} AS kpi, {} AS category, CAST(map({}), 'Map(String, String)') AS dimensions, {} AS window, window_start, window_end, day, days_ago, value, score, status, sample\nFROM ({values})",
            text(&k.name),
            text(&k.category),
            dimensions.join(", "),
            text(k.window.label()),
        ))
    };
    let tables: Vec<String> = chosen
        .iter()
        .map(table)
        .collect::<Result<_, StoreError>>()?;
    Ok(format!("({})", tables.join("\nUNION ALL\n")))
}

/// From here on two names are alike, as [`strsim::jaro_winkler`] has it.
const ALIKE: f64 = 0.75;
/// Most names that are proposed.
const PROPOSED: usize = 3;

/// Questions that may be meant by a name, the likeliest first.
fn nearest(all: &[Question], name: &str) -> Vec<String> {
    let wanted = name.to_lowercase();
    let likeness = |q: &Question| match !wanted.is_empty() && q.name.contains(&wanted) {
        true => 1.0,
        false => strsim::jaro_winkler(&q.name, &wanted),
    };
    let mut near: Vec<(f64, &str)> = all
        .iter()
        .map(|q| (likeness(q), q.name.as_str()))
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .collect();
    near.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    let names = near.iter().take(PROPOSED);
    names.map(|(_, name)| (*name).to_owned()).collect()
}
