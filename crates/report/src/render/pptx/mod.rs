//! Slides: a .pptx with native tables and charts, whose numbers stand in workbooks within it. Two
//! things stand beside one another on a slide; what does not fit goes on with the next.

mod chart;
mod package;
mod shapes;

use crate::ReportError;
use crate::model::{Chart, Figure, Report, Section, Table};
use crate::say;
use package::Package;
use shapes::{Frame, Grid};

/// Most rows of a table on a slide.
const ROWS: usize = 15;
/// Most columns of one that shares its slide.
const NARROW: usize = 5;

/// Something that takes half of a slide, or all of it.
enum Block<'a> {
    Grid(Grid),
    Chart(&'a Chart),
}

/// The deck.
pub fn pptx(report: &Report) -> Result<Vec<u8>, ReportError> {
    let mut deck = Package::new();
    let mut lines = vec![format!(
        "{} · {} to {} ({} days)",
        report.tenant, report.period.from, report.period.to, report.period.days
    )];
    lines.extend(report.talking_points.iter().map(|p| p.text.clone()));
    deck.text(&report.title, &lines);
    for section in &report.sections {
        slides(section, &mut deck)?;
    }
    let recommended: Vec<String> = report
        .recommendations
        .iter()
        .map(|p| p.text.clone())
        .collect();
    if !recommended.is_empty() {
        deck.text("Recommendations", &recommended);
    }
    let complete = report.complete_through.as_deref().unwrap_or("not known");
    let mut notes = vec![
        format!("Complete through: {complete}"),
        format!(
            "Compared with {} to {}",
            report.before.from, report.before.to
        ),
    ];
    notes.extend(report.missing.iter().take(ROWS - notes.len()).cloned());
    deck.text("What these numbers are, and what is missing", &notes);
    deck.finish(&report.title, &report.generated_at)
}

fn slides(section: &Section, deck: &mut Package) -> Result<(), ReportError> {
    let mut blocks = Vec::new();
    if !section.figures.is_empty() {
        blocks.extend(
            section
                .figures
                .chunks(ROWS)
                .map(|f| Block::Grid(figures(f))),
        );
    }
    let drawn = section
        .charts
        .iter()
        .filter(|c| !c.labels.is_empty() && !c.series.is_empty());
    blocks.extend(drawn.map(Block::Chart));
    blocks.extend(
        section
            .tables
            .iter()
            .filter(|t| !t.rows.is_empty())
            .map(|t| Block::Grid(table(t))),
    );
    if blocks.is_empty() {
        deck.text(&section.title, &["No data in these days.".to_owned()]);
        return Ok(());
    }
    let mut rest = blocks.into_iter().peekable();
    while let Some(first) = rest.next() {
        let fits = |b: &Block<'_>| !matches!(b, Block::Grid(g) if g.head.len() > NARROW);
        let second = match fits(&first) {
            true => rest.next_if(fits),
            false => None,
        };
        let frames = match second {
            Some(_) => Frame::halves(),
            None => [Frame::whole(), Frame::whole()],
        };
        let slide = deck.slide(&section.title);
        for (block, frame) in std::iter::once(first).chain(second).zip(frames) {
            match block {
                Block::Grid(grid) => deck.grid(slide, &grid, frame),
                Block::Chart(chart) => deck.chart(slide, chart, frame)?,
            }
        }
    }
    Ok(())
}

fn figures(of: &[Figure]) -> Grid {
    let told = |f: &Figure, v: Option<f64>| say::number(v, &f.unit, f.decimals);
    let of_target = |f: &Figure| f.target.map(|t| told(f, Some(t))).unwrap_or_default();
    let mut grid = Grid {
        title: String::new(),
        head: ["Figure", "Value"].map(str::to_owned).into(),
        numbers: vec![false],
        rows: of
            .iter()
            .map(|f| vec![f.title.clone(), told(f, f.value)])
            .collect(),
    };
    // A column in which nothing stands is no news.
    if of.iter().any(|f| f.target.is_some()) {
        grid.head.push("Target".into());
        let cells = of.iter().map(of_target);
        grid.rows
            .iter_mut()
            .zip(cells)
            .for_each(|(row, cell)| row.push(cell));
    }
    if of.iter().any(|f| f.before.is_some()) {
        grid.head.push("Before".into());
        let cells = of.iter().map(|f| told(f, f.before));
        grid.rows
            .iter_mut()
            .zip(cells)
            .for_each(|(row, cell)| row.push(cell));
    }
    grid.numbers.resize(grid.head.len(), true);
    grid
}

fn table(of: &Table) -> Grid {
    let head = of.columns.iter().map(|c| say::head(&c.title, &c.unit));
    let row = |row: &Vec<serde_json::Value>| {
        let cells = row.iter().zip(&of.columns);
        cells
            .map(|(v, c)| say::cell(v, &c.unit, c.decimals))
            .collect()
    };
    Grid {
        title: of.title.clone(),
        head: head.collect(),
        numbers: of.columns.iter().map(|c| !c.unit.is_empty()).collect(),
        rows: of.rows.iter().take(ROWS - 1).map(row).collect(),
    }
}
