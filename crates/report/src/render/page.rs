//! HTML and Markdown, by templates that a user may replace.

use super::template;
use crate::ReportError;
use crate::model::{Chart, Report};
use crate::{say, svg, words};
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment, Value, context};
use std::path::Path;

const HTML: (&str, &str) = ("report.html", include_str!("../../templates/report.html"));
const MAIL_HTML: (&str, &str) = ("mail.html", include_str!("../../templates/mail.html"));
const MAIL_TXT: (&str, &str) = ("mail.txt", include_str!("../../templates/mail.txt"));
const MD: (&str, &str) = ("report.md", include_str!("../../templates/report.md"));

/// One page that needs nothing beside it.
pub fn html(report: &Report, dir: Option<&Path>) -> Result<String, ReportError> {
    filled(HTML, report, dir)
}

/// Markdown.
pub fn md(report: &Report, dir: Option<&Path>) -> Result<String, ReportError> {
    filled(MD, report, dir)
}

/// What a mail says: text, and HTML without what readers of mail leave out.
pub fn mail(report: &Report, dir: Option<&Path>) -> Result<(String, String), ReportError> {
    let text = filled(MAIL_TXT, report, dir)?;
    Ok((text, filled(MAIL_HTML, report, dir)?))
}

fn filled(
    (name, shipped): (&'static str, &str),
    report: &Report,
    dir: Option<&Path>,
) -> Result<String, ReportError> {
    let wrong = |e: minijinja::Error| ReportError::Template {
        name: name.to_owned(),
        reason: format!("{e:#}"),
    };
    let mut env = Environment::new();
    words::filters(&mut env);
    let syntax = SyntaxConfig::builder()
        .trim_blocks(true)
        .lstrip_blocks(true)
        .keep_trailing_newline(true)
        .build();
    env.set_syntax(syntax.map_err(wrong)?);
    // A cell whose column says the unit.
    env.add_filter("cell", |value: Value, unit: String, decimals: u32| {
        let value = serde_json::to_value(value).unwrap_or_default();
        say::cell(&value, &unit, decimals)
    });
    env.add_filter("unit_name", |unit: String| say::unit(&unit).to_owned());
    env.add_filter("head", |title: String, unit: String| {
        say::head(&title, &unit)
    });
    // A text in a cell of a Markdown table.
    env.add_filter("flat", |text: String| {
        text.replace('\\', "\\\\")
            .replace('|', "\\|")
            .replace(['\n', '\r'], " ")
    });
    let charts: Vec<Chart> = report
        .sections
        .iter()
        .flat_map(|s| s.charts.clone())
        .collect();
    env.add_function("svg", move |id: String| {
        let found = charts.iter().find(|c| c.id == id);
        Value::from_safe_string(found.map(svg::svg).unwrap_or_default())
    });
    let text = template(name, shipped, dir)?;
    env.add_template_owned(name, text).map_err(wrong)?;
    let page = env.get_template(name).map_err(wrong)?;
    page.render(context! { report => Value::from(Serde(report)) })
        .map_err(wrong)
}
