//! CSV: a line for each number, so that a sheet or a program can filter it. Texts that a sheet
//! would take for a formula begin with an apostrophe.

use super::written;
use crate::ReportError;
use crate::model::{Report, Table};
use csv::Writer;
use serde_json::Value as Json;

const HEAD: [&str; 9] = [
    "section", "item", "row", "column", "title", "value", "unit", "before", "status",
];

/// Figures first, then tables row by row, then charts.
pub fn csv(report: &Report) -> Result<Vec<u8>, ReportError> {
    let mut out = Writer::from_writer(Vec::new());
    write(report, &mut out).map_err(|e| written("csv", &e))?;
    out.into_inner().map_err(|e| written("csv", &e))
}

fn write(report: &Report, out: &mut Writer<Vec<u8>>) -> Result<(), csv::Error> {
    out.write_record(HEAD)?;
    for section in &report.sections {
        let name = safe(&section.title);
        for f in &section.figures {
            out.write_record([
                &name,
                &safe(&f.id),
                "",
                "value",
                &safe(&f.title),
                &number(f.value),
                &f.unit,
                &number(f.before),
                &f.status,
            ])?;
        }
        for table in &section.tables {
            rows(&name, table, out)?;
        }
        for chart in &section.charts {
            for series in &chart.series {
                for (label, value) in chart.labels.iter().zip(&series.values) {
                    out.write_record([
                        &name,
                        &safe(&chart.id),
                        &safe(label),
                        &safe(&series.name),
                        &safe(&chart.title),
                        &number(*value),
                        &chart.unit,
                        "",
                        "",
                    ])?;
                }
            }
        }
    }
    out.flush()?;
    Ok(())
}

fn rows(section: &str, table: &Table, out: &mut Writer<Vec<u8>>) -> Result<(), csv::Error> {
    for (n, row) in table.rows.iter().enumerate() {
        for (cell, column) in row.iter().zip(&table.columns) {
            let value = match cell {
                Json::Null => String::new(),
                Json::Number(n) => n.to_string(),
                Json::String(text) => safe(text),
                other => safe(&other.to_string()),
            };
            out.write_record([
                section,
                &safe(&table.id),
                &(n + 1).to_string(),
                &safe(&column.id),
                &safe(&column.title),
                &value,
                &column.unit,
                "",
                "",
            ])?;
        }
    }
    Ok(())
}

/// Empty where there is no data.
fn number(value: Option<f64>) -> String {
    value.map_or(String::new(), |v| v.to_string())
}

fn safe(text: &str) -> String {
    match text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        true => format!("'{text}"),
        false => text.to_owned(),
    }
}
