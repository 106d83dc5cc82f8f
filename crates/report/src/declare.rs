//! Declarations of reports, `schemas/reports/<name>.yaml`: which figures, tables and charts one
//! has, what is said of them, and which keys its YAML has. `docs/reports.md` describes them.

use crate::ReportError;
use crate::model::{ChartKind, Column, Table};
use crate::tree::Tree;
use serde::Deserialize;
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::path::Path;

mod sources {
    include!(concat!(env!("OUT_DIR"), "/sources.rs"));
}

/// A report as it is declared.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Declaration {
    /// Name of its file.
    #[serde(skip)]
    pub name: String,
    /// For people: a template.
    pub title: String,
    /// Whom it is for.
    pub reader: String,
    /// Days where nothing else is asked for.
    #[serde(default = "thirty")]
    pub days: u32,
    /// The dimension whose value is asked for by `--subject`: everything that stands on it is read
    /// of that one alone.
    #[serde(default)]
    pub subject: Option<String>,
    /// Formats beside those that every report has.
    #[serde(default)]
    pub formats: Vec<String>,
    /// What it tells, in order.
    pub sections: Vec<SectionDef>,
    /// What can be said of it.
    #[serde(default)]
    pub points: Vec<PointDef>,
    /// Keys of its YAML; without them its YAML is the report itself.
    #[serde(default)]
    pub fields: Option<Tree>,
}

fn thirty() -> u32 {
    30
}

/// A part of it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SectionDef {
    /// For people.
    pub title: String,
    /// One line below it.
    #[serde(default)]
    pub note: Option<String>,
    /// Numbers.
    #[serde(default)]
    pub figures: Vec<FigureDef>,
    /// Curves and bars.
    #[serde(default)]
    pub charts: Vec<ChartDef>,
    /// Tables.
    #[serde(default)]
    pub tables: Vec<TableDef>,
}

/// A number.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FigureDef {
    /// Unique in the report.
    pub id: String,
    /// A KPI or score.
    #[serde(default)]
    pub kpi: Option<String>,
    /// Or a measure: `productivity.recorded.commits`, `ai.query.response.p95`.
    #[serde(default)]
    pub measure: Option<String>,
    /// What it stands on; the KPI's own dimensions where it is left out, the tenant for a measure.
    #[serde(default)]
    pub by: Option<Vec<String>>,
    /// The newest value of a window in the period, not one over its days.
    #[serde(default)]
    pub newest: bool,
    /// The KPI's target holds for these days and this subject.
    #[serde(default)]
    pub target: bool,
    /// In place of the declared title.
    #[serde(default)]
    pub title: Option<String>,
    /// Beside it, over the days before, as `<id>_before`. Of columns.
    #[serde(default)]
    pub before: bool,
    /// Read by exports alone. Of columns.
    #[serde(default)]
    pub hidden: bool,
}

/// A table: rows of subjects with KPIs and measures, or an answer to a question.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TableDef {
    /// Unique in the report.
    pub id: String,
    /// For people.
    pub title: String,
    /// Dimensions of its rows.
    #[serde(default)]
    pub by: Vec<String>,
    /// KPIs and measures of each row.
    #[serde(default)]
    pub figures: Vec<FigureDef>,
    /// Or a named question.
    #[serde(default)]
    pub question: Option<String>,
    /// Or one of its own, in the language of named questions, with a column `tenant`. `{subject}`
    /// is whom the report is about, bound.
    #[serde(default)]
    pub sql: Option<String>,
    /// What the question is given.
    #[serde(default)]
    pub given: BTreeMap<String, String>,
    /// Columns of the answer.
    #[serde(default)]
    pub columns: Vec<ColumnDef>,
    /// Column that rows are sorted by, with `-` before it the largest first. An answer keeps its
    /// order without it.
    #[serde(default)]
    pub sort: Option<String>,
    /// Most rows.
    #[serde(default)]
    pub limit: Option<usize>,
    /// What it means that there are no rows, where that is no lack of data: `Nothing in these
    /// days.`
    #[serde(default)]
    pub empty: Option<String>,
    /// Read by exports, templates and charts alone.
    #[serde(default)]
    pub hidden: bool,
}

impl TableDef {
    /// The table with its cells; `source` says where it can be asked for again.
    pub(crate) fn table(
        &self,
        columns: Vec<Column>,
        rows: Vec<Vec<Json>>,
        source: String,
    ) -> Table {
        Table {
            id: self.id.clone(),
            title: self.title.clone(),
            columns,
            rows_in_all: rows.len(),
            rows,
            empty: self.empty.clone(),
            hidden: self.hidden,
            source,
        }
    }
}

/// A column of an answer.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ColumnDef {
    /// As the answer names it.
    pub id: String,
    /// For people.
    #[serde(default)]
    pub title: Option<String>,
    /// Of numbers.
    #[serde(default)]
    pub unit: String,
    /// Digits after the point.
    #[serde(default)]
    pub decimals: u32,
}

/// A chart.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChartDef {
    /// Unique in the report.
    pub id: String,
    /// For people.
    #[serde(default)]
    pub title: Option<String>,
    /// How it is drawn.
    pub kind: ChartKind,
    /// Of a line: a KPI, by days.
    #[serde(default)]
    pub kpi: Option<String>,
    /// Or a measure.
    #[serde(default)]
    pub measure: Option<String>,
    /// Subjects of a line: one curve for each.
    #[serde(default)]
    pub by: Vec<String>,
    /// `day`, `week` or `month`.
    #[serde(default = "day")]
    pub step: String,
    /// Of bars: a table of the report, its column of names, and that of values.
    #[serde(default)]
    pub table: Option<String>,
    /// Column of names.
    #[serde(default)]
    pub label: Option<String>,
    /// Column of values.
    #[serde(default)]
    pub value: Option<String>,
    /// Most curves or bars.
    #[serde(default = "eight")]
    pub limit: usize,
}

fn day() -> String {
    "day".into()
}

fn eight() -> usize {
    8
}

/// A sentence that is said where a condition holds and every number that it names is there.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PointDef {
    /// An expression over the report; always where it is left out.
    #[serde(default)]
    pub when: Option<String>,
    /// A template.
    pub say: String,
    /// What to do, not what is.
    #[serde(default)]
    pub recommend: bool,
}

impl Declaration {
    /// Those compiled into this program, by name.
    ///
    /// # Errors
    /// One of them is not valid.
    pub fn shipped() -> Result<Vec<Declaration>, ReportError> {
        let all = sources::SOURCES.iter();
        let all = all.map(|(path, text)| Declaration::parse(stem(Path::new(path)), text));
        all.collect()
    }

    /// Those of a directory.
    ///
    /// # Errors
    /// It cannot be read, or one is not valid.
    pub fn from_dir(dir: &Path) -> Result<Vec<Declaration>, ReportError> {
        let unread = |e: std::io::Error| ReportError::Declaration {
            name: dir.display().to_string(),
            reason: format!("cannot be read: {e}"),
        };
        let mut paths = Vec::new();
        for entry in std::fs::read_dir(dir).map_err(unread)? {
            let path = entry.map_err(unread)?.path();
            if path.extension().is_some_and(|e| e == "yaml") {
                paths.push(path);
            }
        }
        paths.sort();
        let read = |path: &std::path::PathBuf| {
            let text = std::fs::read_to_string(path).map_err(unread)?;
            Declaration::parse(stem(path), &text)
        };
        paths.iter().map(read).collect()
    }

    /// One of them.
    ///
    /// # Errors
    /// There is none of that name.
    pub fn find(all: Vec<Declaration>, name: &str) -> Result<Declaration, ReportError> {
        let names: Vec<String> = all.iter().map(|d| d.name.clone()).collect();
        all.into_iter().find(|d| d.name == name).ok_or_else(|| {
            ReportError::Asked(format!(
                "there is no report named {name}; there are {}",
                names.join(", ")
            ))
        })
    }

    /// From the text of a file.
    ///
    /// # Errors
    /// It is no declaration: where and why.
    pub fn parse(name: String, text: &str) -> Result<Declaration, ReportError> {
        let told = |reason: String| ReportError::Declaration {
            name: name.clone(),
            reason,
        };
        let read: Result<Declaration, _> = serde_saphyr::from_str(text);
        let mut declared = read.map_err(|e| told(e.to_string()))?;
        declared.name.clone_from(&name);
        if let Some(twice) = declared.named_twice() {
            return Err(told(format!(
                "two figures, tables or charts are called {twice}; give one of them another id"
            )));
        }
        Ok(declared)
    }

    fn named_twice(&self) -> Option<&str> {
        let mut ids: Vec<&str> = Vec::new();
        for s in &self.sections {
            ids.extend(s.figures.iter().map(|f| f.id.as_str()));
            ids.extend(s.tables.iter().map(|t| t.id.as_str()));
            ids.extend(s.charts.iter().map(|c| c.id.as_str()));
        }
        ids.sort_unstable();
        ids.windows(2).find(|w| w[0] == w[1]).map(|w| w[0])
    }
}

fn stem(path: &Path) -> String {
    let stem = path.file_stem().unwrap_or_default();
    stem.to_string_lossy().into_owned()
}
