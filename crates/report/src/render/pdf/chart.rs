//! Charts: the same curves and bars as on the page of HTML.

use super::fonts::Weight;
use super::paper::{Color, HAIR, INK, MARGIN, Mark, Node, Paper, ROOM, SOFT, Style};
use crate::model::{Chart, ChartKind};
use crate::say;
use crate::svg::{nice, short};
use krilla::tagging::{Tag, TagKind};

/// One for each series, as on the page of HTML.
const COLORS: [Color; 8] = [
    (0x2f, 0x6d, 0xb5),
    (0xc2, 0x57, 0x1a),
    (0x2c, 0x8a, 0x6b),
    (0x82, 0x50, 0xb0),
    (0xa3, 0x3e, 0x6b),
    (0x6b, 0x7a, 0x1e),
    (0x35, 0x7f, 0x92),
    (0x7a, 0x62, 0x48),
];
const HEIGHT: f32 = 130.0;
/// Before curves: numbers of the axis.
const LEFT: f32 = 46.0;
/// Below them: days.
const BELOW: f32 = 18.0;
/// Height of a bar with its gap.
const BAR: f32 = 18.0;
/// Before bars: names; behind them: numbers.
const NAMES: f32 = 140.0;
const NUMBERS: f32 = 90.0;

const SMALL: Style = Style {
    weight: Weight::Regular,
    size: 7.5,
    color: SOFT,
};
const NAME: Style = Style {
    weight: Weight::Regular,
    size: 8.0,
    color: INK,
};
const TITLE: Style = Style {
    weight: Weight::Bold,
    size: 9.5,
    color: INK,
};

/// A chart with its title; what it shows is said to who does not see it.
pub(super) fn chart(paper: &mut Paper, chart: &Chart) -> Node {
    let bars = chart.labels.len() as f32 * BAR;
    let height = match chart.kind {
        ChartKind::Line => HEIGHT + BELOW + 16.0,
        ChartKind::Bar => bars,
    };
    paper.need(height + 30.0);
    let title = say::head(&chart.title, &chart.unit);
    let title = paper.text(&title, TITLE, MARGIN, ROOM);
    paper.y += 4.0;
    let mut nodes = vec![Node::Group(Tag::Caption.into(), title)];
    if chart.labels.is_empty() || chart.series.is_empty() {
        nodes.extend(paper.text("No data.", SMALL, MARGIN, ROOM));
        paper.y += 6.0;
        return Node::Group(Tag::Div.into(), nodes);
    }
    let marks = match chart.kind {
        ChartKind::Line => curves(paper, chart),
        ChartKind::Bar => all_bars(paper, chart),
    };
    let drawn = paper.told(marks);
    paper.y += height + 8.0;
    let figure: TagKind = Tag::Figure(Some(in_words(chart))).into();
    nodes.insert(0, Node::Group(figure, vec![drawn]));
    Node::Group(Tag::Div.into(), nodes)
}

fn curves(paper: &Paper, chart: &Chart) -> Vec<Mark> {
    let values = || chart.series.iter().flat_map(|s| s.values.iter().flatten());
    let top = nice(values().copied().fold(0.0, f64::max));
    let bottom = -nice(values().fold(0.0, |least: f64, v| least.max(-v)));
    let range = Some(top - bottom).filter(|r| *r > 0.0).unwrap_or(1.0);
    let steps = chart.labels.len().saturating_sub(1).max(1) as f32;
    let (left, first) = (MARGIN + LEFT, paper.y);
    let x = |i: usize| left + (ROOM - LEFT) * i as f32 / steps;
    let y = |v: f64| first + HEIGHT * ((top - v) / range) as f32;
    let wide = |text: &str| paper.fonts.width(text, SMALL.weight, SMALL.size);
    let mut marks = Vec::new();
    for tick in 0..=2 {
        let value = bottom + range * f64::from(tick) / 2.0;
        let (at, text) = (y(value), say::plain(value, chart.decimals));
        let line = vec![(left, at), (MARGIN + ROOM, at)];
        marks.push(Mark::Line(line, HAIR, 0.6));
        marks.push(Mark::Text(left - 6.0 - wide(&text), at + 2.6, SMALL, text));
    }
    let last = chart.labels.len().saturating_sub(1);
    let mut days = vec![(0, 0.0), (last / 2, 0.5), (last, 1.0)];
    days.dedup_by_key(|(i, _)| *i);
    for (i, before) in days {
        let text = paper.fonts.known(&chart.labels[i]);
        let at = x(i) - wide(&text) * before;
        marks.push(Mark::Text(at, first + HEIGHT + 12.0, SMALL, text));
    }
    for (series, color) in chart.series.iter().zip(COLORS.iter().cycle()) {
        for run in runs(&series.values) {
            let corners: Vec<(f32, f32)> = run.iter().map(|(i, v)| (x(*i), y(*v))).collect();
            match corners[..] {
                // A day between two without data would not be seen.
                [(x, y)] => marks.push(Mark::Block(x - 1.5, y - 1.5, 3.0, 3.0, *color)),
                _ => marks.push(Mark::Line(corners, *color, 1.3)),
            }
        }
    }
    if chart.series.len() > 1 {
        marks.extend(key(paper, chart, first + HEIGHT + BELOW + 6.0));
    }
    marks
}

/// Values that stand side by side: a gap is no zero.
fn runs(values: &[Option<f64>]) -> Vec<Vec<(usize, f64)>> {
    let mut runs: Vec<Vec<(usize, f64)>> = vec![Vec::new()];
    for (i, value) in values.iter().enumerate() {
        match (value, runs.last_mut()) {
            (Some(v), Some(run)) => run.push((i, *v)),
            _ => runs.push(Vec::new()),
        }
    }
    runs.retain(|run| !run.is_empty());
    runs
}

/// Which curve is which, in one line.
fn key(paper: &Paper, chart: &Chart, y: f32) -> Vec<Mark> {
    let (mut marks, mut x) = (Vec::new(), MARGIN + LEFT);
    for (series, color) in chart.series.iter().zip(COLORS.iter().cycle()) {
        let name = paper.fonts.known(&short(&series.name));
        let width = paper.fonts.width(&name, SMALL.weight, SMALL.size);
        if x + width + 10.0 > MARGIN + ROOM {
            break;
        }
        marks.push(Mark::Block(x, y - 2.0, 6.0, 6.0, *color));
        marks.push(Mark::Text(x + 9.0, y + 4.0, SMALL, name));
        x += width + 22.0;
    }
    marks
}

fn all_bars(paper: &Paper, chart: &Chart) -> Vec<Mark> {
    let values = chart.series.first().map_or(&[][..], |s| &s.values);
    let most = values
        .iter()
        .flatten()
        .fold(0.0, |m: f64, v| m.max(v.abs()));
    let mut marks = Vec::new();
    for (i, (label, value)) in chart.labels.iter().zip(values).enumerate() {
        let y = paper.y + BAR * i as f32;
        let share = value.filter(|_| most > 0.0).map_or(0.0, |v| v.abs() / most);
        let long = (ROOM - NAMES - NUMBERS) * share as f32;
        let name = paper.fonts.known(&short(label));
        let width = paper.fonts.width(&name, NAME.weight, NAME.size);
        let left = MARGIN + NAMES;
        marks.push(Mark::Text(left - 8.0 - width, y + 9.0, NAME, name));
        marks.push(Mark::Block(left, y + 1.0, long.max(0.5), 10.0, COLORS[0]));
        let told = say::number(*value, &chart.unit, chart.decimals);
        let told = paper.fonts.known(&told);
        marks.push(Mark::Text(left + long + 6.0, y + 9.0, SMALL, told));
    }
    marks
}

/// What a chart shows.
fn in_words(chart: &Chart) -> String {
    let number = |v: Option<f64>| say::number(v, &chart.unit, chart.decimals);
    let labels = || chart.labels.iter().map(String::as_str);
    let series = |name: &str, values: &[Option<f64>]| match chart.kind {
        ChartKind::Bar => {
            let each = labels()
                .zip(values)
                .map(|(l, v)| format!("{l} {}", number(*v)));
            each.collect::<Vec<_>>().join(", ")
        }
        ChartKind::Line => {
            let there = || values.iter().flatten().copied();
            let (least, most) = (there().reduce(f64::min), there().reduce(f64::max));
            let newest = number(there().next_back());
            format!(
                "{name}: from {} to {}, at the end {newest}",
                number(least),
                number(most)
            )
        }
    };
    let all = chart.series.iter().map(|s| series(&s.name, &s.values));
    let all = all.collect::<Vec<_>>().join("; ");
    let span = match (chart.kind, labels().next(), labels().next_back()) {
        (ChartKind::Line, Some(first), Some(last)) => format!(", {first} to {last}"),
        _ => String::new(),
    };
    format!("{}{span}. {all}", chart.title)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_is_no_zero() {
        let values = [Some(1.0), None, Some(2.0), Some(3.0), None];
        let got = runs(&values);
        assert_eq!(got, [vec![(0, 1.0)], vec![(2, 2.0), (3, 3.0)]]);
    }
}
