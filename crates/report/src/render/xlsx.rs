//! A workbook: figures on the first sheet, each table on its own. Numbers are numbers; what has no
//! data is an empty cell.

use super::written;
use crate::ReportError;
use crate::model::{Report, Table};
use crate::say;
use rust_xlsxwriter::{
    DocProperties, ExcelDateTime, Format, FormatAlign, FormatBorder, Workbook, Worksheet, XlsxError,
};
use serde_json::Value as Json;
use std::collections::BTreeSet;

/// Longest name of a sheet.
const LONGEST: usize = 31;

/// The workbook.
pub fn xlsx(report: &Report) -> Result<Vec<u8>, ReportError> {
    let mut book = Workbook::new();
    fill(report, &mut book).map_err(|e| written("xlsx", &e))?;
    book.save_to_buffer().map_err(|e| written("xlsx", &e))
}

/// A workbook made at a time (RFC 3339, UTC): the same content is the same file.
pub(super) fn made_at(book: &mut Workbook, at: &str) -> Result<(), XlsxError> {
    let seconds = at.get(.."2026-01-01T00:00:00".len()).unwrap_or(at);
    let at = ExcelDateTime::parse_from_str(seconds)?;
    book.set_properties(&DocProperties::new().set_creation_datetime(&at));
    Ok(())
}

fn fill(report: &Report, book: &mut Workbook) -> Result<(), XlsxError> {
    made_at(book, &report.generated_at)?;
    let head = Format::new()
        .set_bold()
        .set_text_wrap()
        .set_align(FormatAlign::Top)
        .set_border_bottom(FormatBorder::Thin);
    figures(report, book.add_worksheet(), &head)?;
    let mut names = BTreeSet::from(["Figures".to_owned()]);
    for table in report.tables() {
        let sheet = book.add_worksheet();
        sheet.set_name(name(&table.title, &mut names))?;
        rows(table, sheet, &head)?;
    }
    Ok(())
}

fn figures(report: &Report, sheet: &mut Worksheet, head: &Format) -> Result<(), XlsxError> {
    let title = Format::new().set_bold().set_font_size(14);
    sheet.set_name("Figures")?;
    sheet.write_with_format(0, 0, &report.title, &title)?;
    let period = format!(
        "{} · {} to {} · compared with {} to {}",
        report.tenant, report.period.from, report.period.to, report.before.from, report.before.to
    );
    sheet.write(1, 0, period)?;
    let complete = report.complete_through.as_deref().unwrap_or("not known");
    sheet.write(2, 0, format!("complete through: {complete}"))?;
    let heads = [
        "Section", "Figure", "Value", "Unit", "Target", "Before", "Change %", "Status", "Formula",
    ];
    for (i, text) in (0u16..).zip(heads) {
        sheet.write_with_format(4, i, text, head)?;
    }
    let mut row = 5;
    for section in &report.sections {
        for f in &section.figures {
            let shown = number_format(&f.unit, f.decimals);
            sheet.write(row, 0, &section.title)?;
            sheet.write(row, 1, &f.title)?;
            for (column, value) in [(2, f.value), (4, f.target), (5, f.before)] {
                if let Some(value) = value {
                    sheet.write_number_with_format(row, column, value, &shown)?;
                }
            }
            sheet.write(row, 3, say::unit(&f.unit))?;
            if let Some(change) = f.change_percent {
                sheet.write_number(row, 6, change)?;
            }
            sheet.write(row, 7, f.status.replace('_', " "))?;
            sheet.write(row, 8, &f.formula)?;
            row += 1;
        }
    }
    for (i, text) in (1u32..).zip(&report.missing) {
        sheet.write(row + i, 0, text)?;
    }
    for (column, width) in [
        (0, 28.0),
        (1, 44.0),
        (2, 14.0),
        (3, 14.0),
        (4, 12.0),
        (5, 14.0),
        (6, 10.0),
        (7, 12.0),
        (8, 60.0),
    ] {
        sheet.set_column_width(column, width)?;
    }
    sheet.set_freeze_panes(5, 2)?;
    Ok(())
}

fn rows(table: &Table, sheet: &mut Worksheet, head: &Format) -> Result<(), XlsxError> {
    for (at, column) in (0u16..).zip(&table.columns) {
        let title = say::head(&column.title, &column.unit);
        sheet.write_with_format(0, at, title, head)?;
        sheet.set_column_width(at, if column.unit.is_empty() { 24.0 } else { 16.0 })?;
    }
    for (line, row) in (1u32..).zip(&table.rows) {
        for (at, (cell, column)) in (0u16..).zip(row.iter().zip(&table.columns)) {
            let shown = number_format(&column.unit, column.decimals);
            match cell {
                Json::Null => {}
                Json::Number(n) => {
                    let number = n.as_f64().unwrap_or_default();
                    sheet.write_number_with_format(line, at, number, &shown)?;
                }
                other => _ = sheet.write_string(line, at, say::cell(other, "", 0))?,
            }
        }
    }
    sheet.set_freeze_panes(1, 1)?;
    Ok(())
}

fn number_format(unit: &str, decimals: u32) -> Format {
    let digits = if unit == "usd" { 2 } else { decimals.min(4) };
    let pattern = match digits {
        0 => "#,##0".to_owned(),
        n => format!("#,##0.{}", "0".repeat(n as usize)),
    };
    Format::new().set_num_format(pattern)
}

/// A name that a sheet may have, and none other has.
fn name(title: &str, taken: &mut BTreeSet<String>) -> String {
    let clean: String = title
        .chars()
        .map(|c| if "[]:*?/\\'".contains(c) { ' ' } else { c })
        .take(LONGEST)
        .collect();
    let base = clean.trim().to_owned();
    let numbered = (2..).map(|n| {
        let end = format!(" {n}");
        let head: String = base.chars().take(LONGEST - end.len()).collect();
        head + &end
    });
    let mut names = std::iter::once(base.clone()).chain(numbered);
    let free = names.find(|n| taken.iter().all(|t| !t.eq_ignore_ascii_case(n)));
    let free = free.unwrap_or(base);
    taken.insert(free.clone());
    free
}
