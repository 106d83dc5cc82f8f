//! Charts as SVG: a curve over days or bars of subjects. Colours are those of the page around them;
//! a table beside each chart has its numbers.

use crate::model::{Chart, ChartKind};
use crate::say;
use std::fmt::Write;

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 220.0;
const LEFT: f64 = 62.0;
const RIGHT: f64 = 14.0;
const TOP: f64 = 14.0;
const BOTTOM: f64 = 28.0;
/// Height of a bar with its gap.
const BAR: f64 = 26.0;
/// Where bars begin: names stand before them.
const NAMES: f64 = 190.0;
/// Room for the number behind a bar.
const NUMBERS: f64 = 110.0;
/// Characters of a name.
const LONGEST: usize = 26;

/// A chart as an SVG element.
pub fn svg(chart: &Chart) -> String {
    match chart.kind {
        ChartKind::Line => line(chart),
        ChartKind::Bar => bars(chart),
    }
}

fn opened(chart: &Chart, height: f64) -> String {
    let title = escaped(&chart.title);
    format!(
        "<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"{title}\" \
         xmlns=\"http://www.w3.org/2000/svg\"><title>{title}</title>"
    )
}

/// Curves with gaps where there is no data.
fn line(chart: &Chart) -> String {
    let mut out = opened(chart, HEIGHT);
    let values = || {
        chart
            .series
            .iter()
            .flat_map(|s| s.values.iter().flatten().copied())
    };
    let top = nice(values().fold(0.0, f64::max));
    let bottom = -nice(values().fold(0.0, |least: f64, v| least.max(-v)));
    let range = match top - bottom {
        r if r > 0.0 => r,
        _ => 1.0,
    };
    let steps = chart.labels.len().saturating_sub(1).max(1) as f64;
    let x = |i: usize| LEFT + (WIDTH - LEFT - RIGHT) * i as f64 / steps;
    let y = |v: f64| TOP + (HEIGHT - TOP - BOTTOM) * (top - v) / range;
    for tick in 0..=2 {
        let value = bottom + range * f64::from(tick) / 2.0;
        let at = y(value);
        let _ = write!(
            out,
            "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{:.1}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>\
             <text class=\"tick\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            WIDTH - RIGHT,
            LEFT - 8.0,
            at + 4.0,
            say::plain(value, chart.decimals)
        );
    }
    let last = chart.labels.len().saturating_sub(1);
    for (i, anchor) in [(0, "start"), (last / 2, "middle"), (last, "end")] {
        let label = chart.labels.get(i).map_or("", String::as_str);
        let _ = write!(
            out,
            "<text class=\"tick\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\">{}</text>",
            x(i),
            HEIGHT - 8.0,
            escaped(label)
        );
    }
    for (n, series) in chart.series.iter().enumerate() {
        let _ = write!(out, "<g class=\"s{}\">", n % 8);
        out += &curve(&series.values, &x, &y);
        out += "</g>";
    }
    out + "</svg>"
}

fn curve(values: &[Option<f64>], x: &dyn Fn(usize) -> f64, y: &dyn Fn(f64) -> f64) -> String {
    let mut path = String::new();
    let mut dots = String::new();
    let there = |i: usize| values.get(i).copied().flatten();
    for (i, value) in values.iter().enumerate() {
        let Some(value) = *value else { continue };
        let before = i.checked_sub(1).and_then(there);
        let to = if before.is_some() { 'L' } else { 'M' };
        let _ = write!(path, "{to}{:.1} {:.1}", x(i), y(value));
        // A day between two without data would not be seen.
        if before.is_none() && there(i + 1).is_none() {
            let _ = write!(
                dots,
                "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"2.5\"/>",
                x(i),
                y(value)
            );
        }
    }
    format!("<path d=\"{path}\"/>{dots}")
}

fn bars(chart: &Chart) -> String {
    let values = chart.series.first().map_or(&[][..], |s| &s.values);
    let height = BAR * chart.labels.len().max(1) as f64 + 4.0;
    let mut out = opened(chart, height);
    let most = values
        .iter()
        .flatten()
        .fold(0.0, |m: f64, v| m.max(v.abs()));
    let room = WIDTH - NAMES - NUMBERS;
    for (i, (label, value)) in chart.labels.iter().zip(values).enumerate() {
        let at = BAR * i as f64;
        let long = match value {
            Some(v) if most > 0.0 => room * v.abs() / most,
            _ => 0.0,
        };
        let _ = write!(
            out,
            "<text class=\"name\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>\
             <rect class=\"bar\" x=\"{NAMES}\" y=\"{:.1}\" width=\"{long:.1}\" height=\"16\" rx=\"2\"/>\
             <text class=\"value\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
            NAMES - 10.0,
            at + 17.0,
            escaped(&short(label)),
            at + 5.0,
            NAMES + long + 8.0,
            at + 17.0,
            escaped(&say::number(*value, &chart.unit, chart.decimals))
        );
    }
    out + "</svg>"
}

/// A round number not below, for the end of an axis.
pub(crate) fn nice(most: f64) -> f64 {
    if most <= 0.0 || !most.is_finite() {
        return 0.0;
    }
    let size = 10f64.powf(most.log10().floor());
    let steps = [1.0, 2.0, 4.0, 5.0, 10.0];
    let step = steps.iter().find(|s| **s * size >= most);
    step.unwrap_or(&10.0) * size
}

/// A name that is not too long for its place.
pub(crate) fn short(name: &str) -> String {
    match name.chars().count() > LONGEST {
        true => name.chars().take(LONGEST - 1).chain(['…']).collect(),
        false => name.to_owned(),
    }
}

/// Text within XML.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '"' => out += "&quot;",
            c if c.is_control() && c != '\n' && c != '\t' => {}
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Series;

    fn chart(kind: ChartKind, values: &[Option<f64>]) -> Chart {
        Chart {
            id: "c".into(),
            title: "A < B".into(),
            kind,
            unit: "usd".into(),
            decimals: 2,
            labels: values
                .iter()
                .enumerate()
                .map(|(i, _)| format!("d{i}"))
                .collect(),
            series: vec![Series {
                name: "s".into(),
                values: values.to_vec(),
            }],
        }
    }

    #[test]
    fn a_gap_is_no_zero() {
        let drawn = svg(&chart(
            ChartKind::Line,
            &[Some(1.0), Some(2.0), None, Some(3.0)],
        ));
        assert_eq!(drawn.matches('M').count(), 2, "{drawn}");
        assert_eq!(drawn.matches("<circle").count(), 1, "{drawn}");
        assert!(drawn.contains("A &lt; B"));
    }

    #[test]
    fn a_bar_without_a_value_says_so() {
        let drawn = svg(&chart(ChartKind::Bar, &[Some(1.0), None]));
        assert!(
            drawn.contains("$1.00") && drawn.contains("no data"),
            "{drawn}"
        );
    }
}
