//! `docs/coverage.md`: which declaration and which test answers a row of the product's catalogue.

use super::MAPPING;
use super::metrics;
use super::page::{Page, code};
use super::tested::Tests;
use serde::Deserialize;
use serde_saphyr::{Location, Spanned};
use weir_catalog::{Catalog, Problem};
use weir_model::{Code, codes};

const INTRO: &str = "What weir has to do for those who measure assistants, optimising systems, \
    delivery, AI systems and training, row by row: the declarations that answer it, the tests that \
    hold it, and what is not there yet. This page is written by `weir catalog docs` from \
    `docs/coverage.yaml`, which names no declaration and no test that does not exist; do not edit \
    it. What the declarations say stands in [metrics](metrics.md).";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Mapping {
    sections: Vec<Section>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Section {
    section: String,
    rows: Vec<Row>,
}

/// What is asked for, and what answers it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    row: Spanned<String>,
    /// Event types, measures (`llm.call.cost`), KPIs, scores, detectors, rules, and SLAs and
    /// budgets with their kind before them (`sla_feedback`).
    #[serde(default)]
    declarations: Vec<Spanned<String>>,
    /// Names of test functions.
    #[serde(default)]
    tests: Vec<Spanned<String>>,
    /// What is not there yet, and where it will be.
    missing: Option<String>,
}

/// The page, from the text of the mapping. Test functions are looked up where `tests` are given.
///
/// # Errors
/// A mapping that cannot be read, names that nothing has, rows without an answer.
pub fn coverage(c: &Catalog, mapping: &str, tests: Option<&Tests>) -> Result<String, Vec<Problem>> {
    let mapping: Mapping = serde_saphyr::from_str(mapping).map_err(|e| {
        let at = e.location().unwrap_or(Location::UNKNOWN);
        let text = e.to_string();
        let first = text.lines().next().unwrap_or_default();
        let remedy = "write sections of rows, each with row, declarations, tests, missing";
        vec![problem(
            at,
            codes::CATALOG_SYNTAX,
            format!("not readable: {first}"),
            remedy,
        )]
    })?;
    let mut page = Page::new("Coverage", INTRO);
    page.chapter("Summary");
    page.table(
        &["part", "rows", "there", "in part", "not yet"],
        &summary(&mapping),
    );
    let mut problems = Vec::new();
    for section in &mapping.sections {
        page.chapter(&section.section);
        let rows: Vec<Vec<String>> = section
            .rows
            .iter()
            .map(|r| answered(c, r, tests, &mut problems))
            .collect();
        page.table(
            &["asked for", "declarations", "tests", "not there yet"],
            &rows,
        );
    }
    problems.sort();
    match problems.is_empty() {
        true => Ok(page.finish()),
        false => Err(problems),
    }
}

fn problem(at: Location, code: Code, message: String, remedy: &str) -> Problem {
    Problem {
        file: MAPPING.to_owned(),
        line: at.line(),
        column: at.column(),
        code,
        message,
        remedy: remedy.to_owned(),
    }
}

fn summary(mapping: &Mapping) -> Vec<Vec<String>> {
    let line = |s: &Section| {
        let count = |f: &dyn Fn(&&Row) -> bool| s.rows.iter().filter(f).count().to_string();
        let begun = |r: &Row| !r.tests.is_empty();
        vec![
            s.section.clone(),
            s.rows.len().to_string(),
            count(&|r| r.missing.is_none()),
            count(&|r| r.missing.is_some() && begun(r)),
            count(&|r| r.missing.is_some() && !begun(r)),
        ]
    };
    mapping.sections.iter().map(line).collect()
}

/// Cells of a row; what it names and is not there goes to the problems.
fn answered(
    c: &Catalog,
    row: &Row,
    tests: Option<&Tests>,
    problems: &mut Vec<Problem>,
) -> Vec<String> {
    if row.tests.is_empty() && row.missing.is_none() {
        let message = format!("no test holds \"{}\"", row.row.value);
        let remedy =
            "name tests, or say under `missing` what is not there yet and where it will be";
        problems.push(problem(
            row.row.referenced,
            codes::CATALOG_REFERENCE,
            message,
            remedy,
        ));
    }
    let mut declarations = Vec::new();
    for name in &row.declarations {
        match metrics::find(c, &name.value) {
            Some(link) => declarations.push(link),
            None => problems.push(problem(
                name.referenced,
                codes::CATALOG_REFERENCE,
                format!("nothing in the catalog is named \"{}\"", name.value),
                "write a name that `weir catalog list` shows, or sla_NAME, budget_NAME",
            )),
        }
    }
    let mut held = Vec::new();
    for name in &row.tests {
        let Some(tests) = tests else {
            held.push(code(&name.value));
            continue;
        };
        let files = tests.files(&name.value);
        if files.is_empty() {
            problems.push(problem(
                name.referenced,
                codes::CATALOG_REFERENCE,
                format!("no test function is named \"{}\"", name.value),
                "write the name of a function marked as a test in crates, services or tests",
            ));
        }
        held.extend(
            files
                .iter()
                .map(|f| format!("[{}](../{f})", code(&name.value))),
        );
    }
    vec![
        row.row.value.clone(),
        declarations.join(", "),
        held.join(", "),
        row.missing.clone().unwrap_or_default(),
    ]
}
