//! Tables: subjects with KPIs and measures, or answers to questions.

use super::kpis::{number, subject_of};
use super::{Asked, Reading};
use crate::ReportError;
use crate::declare::{FigureDef, TableDef};
use crate::model::{Column, Table};
use crate::say;
use serde_json::Value as Json;
use std::collections::BTreeMap;
use weir_store::Question;
use weir_store::reader::Row;

/// Stands for whom the report is about in the SQL of a table.
const SUBJECT: &str = "{subject}";

/// Cells of rows, by subject.
type Cells = BTreeMap<Vec<String>, Vec<Json>>;

impl Reading<'_> {
    pub(super) async fn table(&self, def: &TableDef) -> Result<Table, ReportError> {
        let (columns, rows, source) = match (&def.question, &def.sql) {
            (None, None) => self.of_subjects(def).await?,
            (Some(name), None) => self.of_question(def, name).await?,
            (None, Some(sql)) => self.of_sql(def, sql).await?,
            (Some(_), Some(_)) => {
                return Err(self.wrong(format!(
                    "table {} has a question and SQL; leave one of them out",
                    def.id
                )));
            }
        };
        let mut table = def.table(columns, rows, source);
        if !table.sort(def.sort.as_deref()) {
            return Err(self.wrong(format!(
                "table {} has no column to sort by that is called {}",
                def.id,
                def.sort.as_deref().unwrap_or_default()
            )));
        }
        table.rows.truncate(def.limit.unwrap_or(usize::MAX));
        if table.rows_in_all == 0 && !def.hidden && def.empty.is_none() {
            self.misses(super::no_value(&def.title, ""));
        }
        Ok(table)
    }

    /// Subjects that any of the columns has a value of.
    async fn of_subjects(
        &self,
        def: &TableDef,
    ) -> Result<(Vec<Column>, Vec<Vec<Json>>, String), ReportError> {
        if def.figures.is_empty() {
            return Err(self.wrong(format!(
                "table {} has neither figures, a question nor SQL; give it one of them",
                def.id
            )));
        }
        let mut by = def.by.clone();
        by.sort_unstable();
        let mut columns: Vec<Column> = by.iter().map(|d| text_column(d)).collect();
        let mut cells = Cells::new();
        let mut sources = Vec::new();
        for figure in &def.figures {
            let asks = self.asks(figure, Some(&by))?;
            if asks.kpi.dimensions != by {
                return Err(self.wrong(format!(
                    "{} of table {} does not stand on [{}]",
                    figure.id,
                    def.id,
                    by.join(", ")
                )));
            }
            sources.push(asks.source.clone());
            let mut column = Column {
                id: figure.id.clone(),
                title: asks.title.clone(),
                unit: asks.kpi.unit.clone(),
                decimals: asks.kpi.decimals,
                hidden: figure.hidden,
            };
            let spans = spans(figure, self.asked);
            for (i, asked) in spans.iter().enumerate() {
                if i > 0 {
                    column = Column {
                        id: format!("{}_before", figure.id),
                        title: format!("{}, before", asks.title),
                        ..column
                    };
                }
                let rows = self.values(&asks, asked, "all").await?;
                fill(&mut cells, &rows, &by, columns.len() - by.len());
                columns.push(column.clone());
            }
        }
        let wide = columns.len() - by.len();
        let rows = cells.into_iter().map(|(subject, mut values)| {
            values.resize(wide, Json::Null);
            let names = subject.into_iter().map(Json::from);
            names.chain(values).collect()
        });
        Ok((columns, rows.collect(), sources.join(", ")))
    }

    async fn of_question(
        &self,
        def: &TableDef,
        name: &str,
    ) -> Result<(Vec<Column>, Vec<Vec<Json>>, String), ReportError> {
        let all = self.source.questions.to_vec();
        let question = Question::find(all, name)?;
        let rows = self.answer(def, &question, &[]).await?;
        Ok((columns(def), cells(def, rows), format!("question {name}")))
    }

    async fn of_sql(
        &self,
        def: &TableDef,
        sql: &str,
    ) -> Result<(Vec<Column>, Vec<Vec<Json>>, String), ReportError> {
        let header = format!("-- title: {}\n-- period 30\n", def.title);
        let text = header + &sql.replace(SUBJECT, "{weir_subject:String}");
        let question = Question::parse(&def.id, &text)
            .ok_or_else(|| self.wrong(format!("the SQL of table {} cannot be read", def.id)))?;
        let subject = self.asked.subject.clone().unwrap_or_default();
        let more = [("weir_subject".to_owned(), subject)];
        let rows = self.answer(def, &question, &more).await?;
        Ok((columns(def), cells(def, rows), "its own SQL".into()))
    }

    async fn answer(
        &self,
        def: &TableDef,
        question: &Question,
        more: &[(String, String)],
    ) -> Result<Vec<Row>, ReportError> {
        if def.columns.is_empty() {
            return Err(self.wrong(format!(
                "table {} shows an answer; name its columns",
                def.id
            )));
        }
        let reader = self.source.reader;
        let mut given: Vec<(String, String)> = vec![
            ("from".into(), self.asked.from.to_string()),
            ("to".into(), self.asked.to.to_string()),
            ("tenant".into(), reader.tenant().to_owned()),
        ];
        given.retain(|(n, _)| question.parameters.iter().any(|p| p.name == *n));
        given.extend(def.given.clone());
        let (sql, mut params) = question.sql(&given, self.source.catalog, self.source.now)?;
        params.extend(more.iter().cloned());
        Ok(reader.rows(&sql, &params).await?)
    }
}

fn spans(figure: &FigureDef, asked: &Asked) -> Vec<Asked> {
    let mut spans = vec![asked.clone()];
    if figure.before {
        spans.push(asked.before());
    }
    spans
}

/// Puts values where their subject's row has the column.
fn fill(cells: &mut Cells, rows: &[Row], by: &[String], column: usize) {
    for row in rows {
        let values = cells.entry(subject_of(row, by)).or_default();
        values.resize(column, Json::Null);
        values.push(number(row, "value").map_or(Json::Null, Json::from));
    }
}

fn columns(def: &TableDef) -> Vec<Column> {
    let column = |c: &crate::declare::ColumnDef| Column {
        id: c.id.clone(),
        title: c.title.clone().unwrap_or_else(|| say::titled(&c.id)),
        unit: c.unit.clone(),
        decimals: c.decimals,
        hidden: false,
    };
    def.columns.iter().map(column).collect()
}

fn cells(def: &TableDef, rows: Vec<Row>) -> Vec<Vec<Json>> {
    let row = |mut row: Row| {
        let cells = def.columns.iter();
        let cells = cells.map(|c| row.remove(&c.id).unwrap_or_default());
        cells.collect()
    };
    rows.into_iter().map(row).collect()
}

fn text_column(dimension: &str) -> Column {
    Column {
        id: dimension.to_owned(),
        title: say::titled(dimension),
        unit: String::new(),
        decimals: 0,
        hidden: false,
    }
}
