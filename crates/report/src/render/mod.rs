//! Formats. Each shows the model; none computes anything.

mod csv;
mod page;
mod pdf;
mod pptx;
mod xlsx;

use crate::ReportError;
use crate::declare::Declaration;
use crate::model::Report;
use crate::words::Words;
use std::path::{Path, PathBuf};

/// How a report is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One page with everything in it.
    Html,
    /// Markdown.
    Md,
    /// The model.
    Json,
    /// The keys that the declaration names, else the model.
    Yaml,
    /// A line for each number.
    Csv,
    /// A workbook with a sheet for each table.
    Xlsx,
    /// Slides.
    Pptx,
    /// A tagged document.
    Pdf,
}

/// Formats with their names; those before the last three are of all reports.
const FORMATS: [(&str, Format); 8] = [
    ("html", Format::Html),
    ("md", Format::Md),
    ("json", Format::Json),
    ("yaml", Format::Yaml),
    ("csv", Format::Csv),
    ("xlsx", Format::Xlsx),
    ("pptx", Format::Pptx),
    ("pdf", Format::Pdf),
];
/// How many of them every report has.
const OF_ALL: usize = 5;

impl Format {
    /// By its name, where the report has it.
    ///
    /// # Errors
    /// There is none of that name, or the report does not have it.
    pub fn of(name: &str, declared: &Declaration) -> Result<Format, ReportError> {
        let found = of_report(declared).find(|(known, _)| *known == name);
        found.map(|(_, format)| *format).ok_or_else(|| {
            ReportError::Asked(format!(
                "the report {} has no format {name}; it has {}",
                declared.name,
                Format::names(declared).join(", ")
            ))
        })
    }

    /// Names of those that a report has.
    pub fn names(declared: &Declaration) -> Vec<&'static str> {
        of_report(declared).map(|(name, _)| *name).collect()
    }

    /// The ending of its files.
    pub fn ending(self) -> &'static str {
        let found = FORMATS.iter().find(|(_, f)| *f == self);
        found.map_or("txt", |(name, _)| name)
    }

    /// What files of all formats are.
    pub fn content_types() -> impl Iterator<Item = &'static str> {
        FORMATS.into_iter().map(|(_, format)| format.content_type())
    }

    /// What it is, as a header says it.
    pub fn content_type(self) -> &'static str {
        match self {
            Format::Html => "text/html; charset=utf-8",
            Format::Md => "text/markdown; charset=utf-8",
            Format::Json => "application/json",
            Format::Yaml => "application/yaml",
            Format::Csv => "text/csv; charset=utf-8",
            Format::Xlsx => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            Format::Pdf => "application/pdf",
            Format::Pptx => {
                "application/vnd.openxmlformats-officedocument.presentationml.presentation"
            }
        }
    }

    /// Whether it is text.
    pub fn is_text(self) -> bool {
        !matches!(self, Format::Xlsx | Format::Pptx | Format::Pdf)
    }
}

fn of_report(declared: &Declaration) -> impl Iterator<Item = &'static (&'static str, Format)> {
    let has = |i: usize, name: &str| i < OF_ALL || declared.formats.iter().any(|f| f == name);
    let all = FORMATS.iter().enumerate();
    all.filter(move |(i, (name, _))| has(*i, name))
        .map(|(_, f)| f)
}

/// Writes reports.
#[derive(Clone, Debug, Default)]
pub struct Renderer {
    /// Templates in place of the shipped ones, where the folder has them.
    pub templates: Option<PathBuf>,
}

impl Renderer {
    /// A report in a format.
    ///
    /// # Errors
    /// A template cannot be read or filled, an expression of the declaration not be computed.
    pub fn render(
        &self,
        report: &Report,
        declared: &Declaration,
        format: Format,
    ) -> Result<Vec<u8>, ReportError> {
        let templates = self.templates.as_deref();
        let shown = report.shown();
        Ok(match format {
            Format::Html => page::html(&shown, templates)?.into_bytes(),
            Format::Md => page::md(&shown, templates)?.into_bytes(),
            Format::Json => json(report)?,
            Format::Yaml => yaml(report, declared)?,
            Format::Csv => csv::csv(&shown)?,
            Format::Xlsx => xlsx::xlsx(&shown)?,
            Format::Pptx => pptx::pptx(&shown)?,
            Format::Pdf => pdf::pdf(&shown)?,
        })
    }
}

impl Renderer {
    /// What a mail says that sends a report on: its text and its HTML.
    ///
    /// # Errors
    /// A template cannot be read or filled.
    pub fn mail(&self, report: &Report) -> Result<(String, String), ReportError> {
        page::mail(&report.shown(), self.templates.as_deref())
    }
}

fn json(report: &Report) -> Result<Vec<u8>, ReportError> {
    let mut text = serde_json::to_vec_pretty(report).map_err(|e| written("json", &e))?;
    text.push(b'\n');
    Ok(text)
}

fn yaml(report: &Report, declared: &Declaration) -> Result<Vec<u8>, ReportError> {
    let text = match &declared.fields {
        Some(fields) => serde_saphyr::to_string(&fields.fill(&Words::of(report))?),
        None => serde_saphyr::to_string(report),
    };
    Ok(text.map_err(|e| written("yaml", &e))?.into_bytes())
}

fn written(format: &'static str, e: &dyn std::fmt::Display) -> ReportError {
    ReportError::Written {
        format,
        reason: e.to_string(),
    }
}

/// The text of a template: of the folder where it has one, else as it is shipped.
fn template(name: &str, shipped: &str, dir: Option<&Path>) -> Result<String, ReportError> {
    let Some(path) = dir.map(|d| d.join(name)).filter(|p| p.exists()) else {
        return Ok(shipped.to_owned());
    };
    std::fs::read_to_string(&path).map_err(|e| ReportError::Template {
        name: path.display().to_string(),
        reason: format!("cannot be read: {e}"),
    })
}
