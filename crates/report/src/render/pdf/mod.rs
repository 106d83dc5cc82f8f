//! PDF: the page of HTML on paper, tagged as PDF/UA-1 wants it, with its fonts in it.

mod chart;
mod fonts;
mod paper;
mod table;

use super::written;
use crate::ReportError;
use crate::model::{Figure, Point, Report, Section, Table};
use crate::say;
use fonts::{Fonts, Weight};
use krilla::tagging::{ListNumbering, Tag, TagKind};
use paper::{INK, MARGIN, Mark, Node, Paper, ROOM, SOFT, Style};
use std::num::NonZeroU16;
use table::Grid;

const BODY: Style = Style {
    weight: Weight::Regular,
    size: 9.5,
    color: INK,
};
const NOTE: Style = Style {
    color: SOFT,
    size: 8.5,
    ..BODY
};
/// Sizes of headings.
const HEADS: [f32; 3] = [19.0, 13.0, 10.0];

/// A document.
///
/// # Errors
/// WEIR-1205: the library refuses it.
pub fn pdf(report: &Report) -> Result<Vec<u8>, ReportError> {
    let fonts = Fonts::new().ok_or_else(|| written("pdf", &"its fonts cannot be read"))?;
    let mut paper = Paper::new(fonts);
    let mut nodes = top(&mut paper, report);
    for s in &report.sections {
        nodes.push(section(&mut paper, s));
    }
    if !report.missing.is_empty() {
        let missing = report.missing.iter().map(String::as_str);
        let mut inner = vec![head(&mut paper, "What is missing", 2)];
        inner.push(list(&mut paper, missing));
        nodes.push(Node::Group(Tag::Section.into(), inner));
    }
    nodes.push(made(&mut paper, report));
    let period = &report.period;
    let foot = format!(
        "{} · {} · {} to {}",
        report.title, report.tenant, period.from, period.to
    );
    let done = paper.finish(&report.title, &foot, nodes);
    done.map_err(|e| written("pdf", &e))
}

/// Title, about whom and when, and what is to be said.
fn top(paper: &mut Paper, report: &Report) -> Vec<Node> {
    let mut nodes = vec![head(paper, &report.title, 1)];
    let (period, before) = (&report.period, &report.before);
    let subject = report.subject.as_ref();
    let subject = subject.map_or(String::new(), |s| format!(" · {}", s.value));
    let about = format!(
        "For {} · {}{subject} · {} to {} ({} days), compared with {} to {}",
        report.reader, report.tenant, period.from, period.to, period.days, before.from, before.to
    );
    let complete = report.complete_through.as_deref();
    let complete = complete.unwrap_or("a time that is not known");
    let stands = format!("Complete through {complete} · made {}", report.generated_at);
    for text in [about, stands] {
        let lines = paper.text(&text, NOTE, MARGIN, ROOM);
        nodes.push(Node::Group(Tag::P.into(), lines));
    }
    paper.y += 8.0;
    let texts =
        |points: &[Point]| -> Vec<String> { points.iter().map(|p| p.text.clone()).collect() };
    let said = texts(&report.talking_points);
    if !said.is_empty() {
        nodes.push(list(paper, said.iter().map(String::as_str)));
    }
    let to_do = texts(&report.recommendations);
    if !to_do.is_empty() {
        nodes.push(head(paper, "What to do", 2));
        nodes.push(list(paper, to_do.iter().map(String::as_str)));
    }
    nodes
}

fn section(paper: &mut Paper, s: &Section) -> Node {
    let mut nodes = vec![head(paper, &s.title, 2)];
    if let Some(note) = &s.note {
        let lines = paper.text(note, NOTE, MARGIN, ROOM);
        nodes.push(Node::Group(Tag::P.into(), lines));
        paper.y += 4.0;
    }
    if !s.figures.is_empty() {
        nodes.push(figures(&s.figures).draw(paper));
    }
    for c in &s.charts {
        nodes.push(chart::chart(paper, c));
    }
    for t in &s.tables {
        nodes.extend(table(paper, t));
    }
    Node::Group(Tag::Section.into(), nodes)
}

fn figures(all: &[Figure]) -> Grid {
    // A column in which nothing stands is no news.
    let with_target = all.iter().any(|f| f.target.is_some());
    let with_before = all.iter().any(|f| f.before.is_some());
    let number = |v: Option<f64>, f: &Figure| say::number(v, &f.unit, f.decimals);
    let row = |f: &Figure| {
        let change = f.change_percent;
        let change = change.map(|c| say::number(Some(c), "percent_change", 1));
        let mut row = vec![f.title.clone(), number(f.value, f)];
        if with_before {
            row.extend([number(f.before, f), change.unwrap_or_default()]);
        }
        if with_target {
            let target = f.target.map(|t| number(Some(t), f));
            let status = f.target.map(|_| f.status.replace('_', " "));
            row.extend([target.unwrap_or_default(), status.unwrap_or_default()]);
        }
        row
    };
    let mut heads = vec!["Figure", "Value"];
    let mut numbers = vec![false, true];
    if with_before {
        heads.extend(["Before", "Change"]);
        numbers.extend([true, true]);
    }
    if with_target {
        heads.extend(["Target", "Status"]);
        numbers.extend([true, false]);
    }
    Grid {
        heads: heads.into_iter().map(str::to_owned).collect(),
        numbers,
        rows: all.iter().map(row).collect(),
    }
}

fn table(paper: &mut Paper, t: &Table) -> Vec<Node> {
    let mut nodes = vec![head(paper, &t.title, 3)];
    let note = |paper: &mut Paper, text: &str| {
        let lines = paper.text(text, NOTE, MARGIN, ROOM);
        paper.y += 6.0;
        Node::Group(Tag::P.into(), lines)
    };
    if t.rows.is_empty() {
        nodes.push(note(paper, t.empty.as_deref().unwrap_or("No data.")));
        return nodes;
    }
    let row = |row: &Vec<serde_json::Value>| {
        let cells = row.iter().zip(&t.columns);
        cells
            .map(|(v, c)| say::cell(v, &c.unit, c.decimals))
            .collect()
    };
    let grid = Grid {
        heads: t
            .columns
            .iter()
            .map(|c| say::head(&c.title, &c.unit))
            .collect(),
        numbers: t.columns.iter().map(|c| !c.unit.is_empty()).collect(),
        rows: t.rows.iter().map(row).collect(),
    };
    nodes.push(grid.draw(paper));
    if t.rows_in_all > t.rows.len() {
        let of = format!("{} of {} rows.", t.rows.len(), t.rows_in_all);
        nodes.push(note(paper, &of));
    }
    nodes
}

/// How figures are made: formula and terms.
fn made(paper: &mut Paper, report: &Report) -> Node {
    let mut nodes = vec![head(paper, "How the figures are made", 2)];
    let told = |f: &Figure| {
        let term =
            |t: &crate::model::Term| format!("{} = {}", t.name, say::number(t.value, &t.unit, 2));
        let terms: Vec<String> = f.terms.iter().map(term).collect();
        let with = match terms.is_empty() {
            true => String::new(),
            false => format!(", with {}", terms.join(", ")),
        };
        format!("{} = {}{with} ({})", f.title, f.formula, f.source)
    };
    let all: Vec<String> = report.figures().map(told).collect();
    nodes.push(match all.is_empty() {
        true => {
            let lines = paper.text("There are none.", NOTE, MARGIN, ROOM);
            Node::Group(Tag::P.into(), lines)
        }
        false => items(paper, all.iter().map(String::as_str), NOTE),
    });
    Node::Group(Tag::Section.into(), nodes)
}

fn head(paper: &mut Paper, text: &str, level: u16) -> Node {
    let size = HEADS[usize::from(level.clamp(1, 3)) - 1];
    paper.y += match level {
        1 => 0.0,
        2 => 12.0,
        _ => 4.0,
    };
    // Not alone at the foot of a page.
    paper.need(size * 2.0 + 48.0);
    if level < 3 {
        paper.heading(text);
    }
    let style = Style {
        weight: Weight::Bold,
        size,
        color: INK,
    };
    let lines = paper.text(text, style, MARGIN, ROOM);
    paper.y += 4.0;
    let level = NonZeroU16::new(level).unwrap_or(NonZeroU16::MIN);
    let kind: TagKind = Tag::Hn(level, Some(text.to_owned())).into();
    Node::Group(kind, lines)
}

fn list<'a>(paper: &mut Paper, texts: impl Iterator<Item = &'a str>) -> Node {
    items(paper, texts, BODY)
}

fn items<'a>(paper: &mut Paper, texts: impl Iterator<Item = &'a str>, style: Style) -> Node {
    const INDENT: f32 = 12.0;
    let mut nodes = Vec::new();
    for text in texts {
        paper.need(style.size * 1.4);
        let y = paper.y + style.size;
        let dot = paper.told(vec![Mark::Text(MARGIN, y, style, "•".to_owned())]);
        let lines = paper.text(text, style, MARGIN + INDENT, ROOM - INDENT);
        paper.y += 2.0;
        nodes.push(Node::Group(
            Tag::LI.into(),
            vec![
                Node::Group(Tag::Lbl.into(), vec![dot]),
                Node::Group(Tag::LBody.into(), lines),
            ],
        ));
    }
    paper.y += 6.0;
    Node::Group(Tag::L(ListNumbering::Disc).into(), nodes)
}
