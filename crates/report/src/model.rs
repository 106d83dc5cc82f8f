//! A report as it is: figures, tables and charts, with what is missing of them. Renderers show it;
//! nothing is computed after it is made.

use serde::Serialize;
use serde_json::Value as Json;
use std::cmp::Ordering;
use std::collections::BTreeMap;

/// A report.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// Name of its declaration.
    pub kind: String,
    /// For people.
    pub title: String,
    /// Whom it is for.
    pub reader: String,
    /// Whose numbers these are.
    pub tenant: String,
    /// Whom it is about, where it is about one: (dimension, value).
    pub subject: Option<Subject>,
    /// Days that it is about.
    pub period: Span,
    /// Days that it is compared with: as many, just before.
    pub before: Span,
    /// When it was made, RFC 3339.
    pub generated_at: String,
    /// Everything through then is in it, RFC 3339; none where that is not known.
    pub complete_through: Option<String>,
    /// What it tells.
    pub sections: Vec<Section>,
    /// What can be said of it, each with the numbers that it stands on.
    pub talking_points: Vec<Point>,
    /// What to do, likewise.
    pub recommendations: Vec<Point>,
    /// What there is no data of, in words.
    pub missing: Vec<String>,
}

/// Whom a report is about.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Subject {
    /// `engineer`
    pub dimension: String,
    /// `ada@example.com`
    pub value: String,
}

/// Days of the tenant, both ends included.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Span {
    /// First day.
    pub from: String,
    /// Last day.
    pub to: String,
    /// Number of them.
    pub days: i64,
}

/// Part of a report.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Section {
    /// For people.
    pub title: String,
    /// One line below it.
    pub note: Option<String>,
    /// Numbers.
    pub figures: Vec<Figure>,
    /// Curves and bars.
    pub charts: Vec<Chart>,
    /// Tables.
    pub tables: Vec<Table>,
}

/// A number, with all that one needs to judge it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Figure {
    /// Unique in the report.
    pub id: String,
    /// For people.
    pub title: String,
    /// None: there is no data, which is not 0.
    pub value: Option<f64>,
    /// `usd`, `percent`, `ms`, ...
    pub unit: String,
    /// Digits after the point.
    pub decimals: u32,
    /// What is aimed at, where the report says that it holds for these days.
    pub target: Option<f64>,
    /// True where more is better; none where no direction is declared.
    pub higher_is_better: Option<bool>,
    /// `on_target`, `near`, `off`, `no_data` or, without a target, `no_target`.
    pub status: String,
    /// The same over the days before.
    pub before: Option<f64>,
    /// Change against them, in percent of their value.
    pub change_percent: Option<f64>,
    /// Formula, as declared.
    pub formula: String,
    /// What the formula is given.
    pub terms: Vec<Term>,
    /// Where it can be asked for again.
    pub source: String,
}

/// An input of a formula.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Term {
    /// As the formula names it.
    pub name: String,
    /// The measure that it is.
    pub measure: String,
    /// None: there is none.
    pub value: Option<f64>,
    /// Of the measure.
    pub unit: String,
}

/// A table.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Table {
    /// Unique in the report.
    pub id: String,
    /// For people.
    pub title: String,
    /// What its cells are.
    pub columns: Vec<Column>,
    /// Cells by row, as many as columns; null is no data.
    pub rows: Vec<Vec<Json>>,
    /// Rows that there are, where not all are shown.
    pub rows_in_all: usize,
    /// What it means that there are no rows, where that is no lack of data.
    pub empty: Option<String>,
    /// Read by templates and exports alone.
    pub hidden: bool,
    /// Where it can be asked for again.
    pub source: String,
}

/// A column of a table.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Column {
    /// Unique in the table.
    pub id: String,
    /// For people.
    pub title: String,
    /// Empty for texts.
    pub unit: String,
    /// Digits after the point.
    pub decimals: u32,
    /// Read by exports alone.
    pub hidden: bool,
}

/// A chart.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Chart {
    /// Unique in the report.
    pub id: String,
    /// For people.
    pub title: String,
    /// Curve over days, or bars of subjects.
    pub kind: ChartKind,
    /// Of its values.
    pub unit: String,
    /// Digits after the point.
    pub decimals: u32,
    /// Days or names.
    pub labels: Vec<String>,
    /// One for each label; none is a gap, not 0.
    pub series: Vec<Series>,
}

/// How a chart is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChartKind {
    /// Over days.
    Line,
    /// Of subjects.
    Bar,
}

/// Values of a chart.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Series {
    /// For people.
    pub name: String,
    /// By label.
    pub values: Vec<Option<f64>>,
}

/// A sentence, and the numbers that it stands on.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Point {
    /// In words.
    pub text: String,
    /// Figures by id, with their values.
    pub cites: BTreeMap<String, f64>,
}

impl Report {
    /// All figures.
    pub fn figures(&self) -> impl Iterator<Item = &Figure> {
        self.sections.iter().flat_map(|s| &s.figures)
    }

    /// What people are shown of it: nothing that is read by exports alone.
    pub fn shown(&self) -> Report {
        let mut report = self.clone();
        for section in &mut report.sections {
            section.tables.retain(|t| !t.hidden);
            section.tables.iter_mut().for_each(Table::leave_hidden_out);
        }
        let tells =
            |s: &Section| !(s.figures.is_empty() && s.charts.is_empty() && s.tables.is_empty());
        report.sections.retain(tells);
        report
    }

    /// All tables.
    pub fn tables(&self) -> impl Iterator<Item = &Table> {
        self.sections.iter().flat_map(|s| &s.tables)
    }
}

impl Table {
    /// Cells of its rows by column, hidden ones too.
    pub fn by_column(&self) -> Vec<BTreeMap<&str, &Json>> {
        let ids = || self.columns.iter().map(|c| c.id.as_str());
        self.rows.iter().map(|r| ids().zip(r).collect()).collect()
    }

    /// Sorts its rows by a column, with `-` before its name the largest first; what has no value
    /// comes last, whichever way. False where there is no such column.
    pub(crate) fn sort(&mut self, by: Option<&str>) -> bool {
        let Some(by) = by else { return true };
        let largest_first = by.starts_with('-');
        let name = by.trim_start_matches('-');
        let Some(place) = self.columns.iter().position(|c| c.id == name) else {
            return false;
        };
        self.rows.sort_by(|a, b| match (&a[place], &b[place]) {
            (Json::Null, Json::Null) => Ordering::Equal,
            (Json::Null, _) => Ordering::Greater,
            (_, Json::Null) => Ordering::Less,
            (a, b) if largest_first => compare(b, a),
            (a, b) => compare(a, b),
        });
        true
    }

    fn leave_hidden_out(&mut self) {
        let shown: Vec<bool> = self.columns.iter().map(|c| !c.hidden).collect();
        for row in &mut self.rows {
            let mut shown = shown.iter();
            row.retain(|_| shown.next().copied().unwrap_or(true));
        }
        self.columns.retain(|c| !c.hidden);
    }
}

fn compare(a: &Json, b: &Json) -> Ordering {
    match (a.as_f64(), b.as_f64()) {
        (Some(a), Some(b)) => a.total_cmp(&b),
        _ => a.to_string().cmp(&b.to_string()),
    }
}
