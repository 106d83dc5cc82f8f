//! One frame: values in, characters out. It fits 80 columns and 24 lines, and says nothing by
//! colour alone.

use crate::commands::findings::{field, subject};
use crate::output::{short, thousands};
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Modifier, Style};
use ratatui::text::Line;
use ratatui::widgets::{Block, Borders, Paragraph, Row, Table};
use serde::Serialize;
use weir_model::Micros;
use weir_ops::analytics::{Breakdown, Overview};

/// Lines of each part; alerts have the rest.
const PIPELINE: u16 = 7;
const SPEND: u16 = 2;
const PARTS: u16 = 6;

/// What is shown.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Shown {
    pub tenant: String,
    pub run: Option<u32>,
    pub at: Micros,
    pub services: Vec<Service>,
    /// All is complete through then.
    pub complete: Option<Micros>,
    pub dead_letters: Option<i64>,
    pub overview: Option<Overview>,
    /// What does not answer.
    pub trouble: Option<String>,
    /// What came live; none: nothing is listened to.
    pub live: Option<Live>,
    pub paused: bool,
}

/// How a service does.
#[derive(Clone, Debug, Serialize)]
pub struct Service {
    pub name: String,
    pub topics: usize,
    /// Offsets still to be read.
    pub lag: i64,
    /// Offsets a second.
    pub rate: Option<f64>,
}

/// What came as it happened.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Live {
    /// USD of this hour so far.
    pub hour: Option<f64>,
    /// The last step of an alert.
    pub alert: Option<String>,
}

/// Draws all of it.
pub fn draw(frame: &mut Frame<'_>, shown: &Shown) {
    let [head, pipeline, spend, parts, alerts] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(PIPELINE),
        Constraint::Length(SPEND),
        Constraint::Length(PARTS),
        Constraint::Min(3),
    ])
    .areas(frame.area());
    frame.render_widget(Paragraph::new(headline(shown)).style(strong()), head);
    self::pipeline(frame, pipeline, shown);
    self::spend(frame, spend, shown);
    let [left, right] = Layout::horizontal([Constraint::Fill(1), Constraint::Fill(1)])
        .spacing(2)
        .areas(parts);
    let of = |which: fn(&Overview) -> &Breakdown| shown.overview.as_ref().map(which);
    part(frame, left, "teams, 7 days", of(|o| &o.teams));
    part(frame, right, "models, 7 days", of(|o| &o.models));
    self::alerts(frame, alerts, shown);
}

fn strong() -> Style {
    Style::new().add_modifier(Modifier::BOLD)
}

fn titled(title: &str) -> Block<'_> {
    Block::new()
        .borders(Borders::TOP)
        .title(Line::styled(format!("{title} "), strong()))
}

fn headline(shown: &Shown) -> String {
    let run = shown.run.map_or_else(|| "-".to_owned(), |r| r.to_string());
    let paused = if shown.paused { "  paused" } else { "" };
    let p = if shown.paused {
        "p goes on"
    } else {
        "p pauses"
    };
    format!(
        "weir top  {}  run {run}  {}{paused}  q quits, {p}",
        shown.tenant,
        clock(shown.at)
    )
}

/// `14:05:09 UTC`
fn clock(at: Micros) -> String {
    match jiff::Timestamp::from_microsecond(at.0) {
        Ok(at) => at.strftime("%H:%M:%S UTC").to_string(),
        Err(_) => String::new(),
    }
}

fn pipeline(frame: &mut Frame<'_>, area: Rect, shown: &Shown) {
    let block = titled("pipeline");
    let inner = block.inner(area);
    frame.render_widget(block, area);
    let [table, last] = Layout::vertical([Constraint::Fill(1), Constraint::Length(1)]).areas(inner);
    let rows = shown.services.iter().map(|s| {
        let rate = s.rate.map_or_else(|| "-".to_owned(), short);
        let lag = thousands(s.lag.max(0) as u64);
        Row::new([
            s.name.clone(),
            right(&s.topics.to_string(), 8),
            right(&lag, 14),
            right(&rate, 14),
        ])
    });
    let widths = [12, 8, 14, 14].map(Constraint::Length);
    let head = Row::new([
        "service".to_owned(),
        right("topics", 8),
        right("lag", 14),
        right("a second", 14),
    ]);
    let table_of = Table::new(rows, widths).header(head.style(strong()));
    frame.render_widget(table_of, table);
    frame.render_widget(Paragraph::new(standing(shown)), last);
}

fn standing(shown: &Shown) -> String {
    if let Some(trouble) = &shown.trouble {
        return trouble.clone();
    }
    let complete = match shown.complete {
        None if shown.run.is_none() => return "reading".to_owned(),
        None => "complete through: not known yet".to_owned(),
        Some(at) => {
            let behind = shown.at.minus(at).0.max(0) / 1_000_000;
            format!(
                "complete through {}, {} ago",
                weir_ops::time::show(at),
                ago(behind)
            )
        }
    };
    let dead = shown.dead_letters.unwrap_or(0);
    let dead = match dead {
        0 => "no dead letters".to_owned(),
        n => format!("{} dead letters", thousands(n.max(0) as u64)),
    };
    format!("{complete}; {dead}")
}

/// `5 s`, `3 min`, `2 h`, `4 d`.
fn ago(seconds: i64) -> String {
    match seconds {
        0..=119 => format!("{seconds} s"),
        120..=7_199 => format!("{} min", seconds / 60),
        7_200..=172_799 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    }
}

fn right(text: &str, width: usize) -> String {
    format!("{text:>width$}")
}

fn spend(frame: &mut Frame<'_>, area: Rect, shown: &Shown) {
    let of = |days: u32| {
        let all = shown.overview.iter().flat_map(|o| &o.spend);
        let found = all.into_iter().find(|s| s.days == days);
        found.map_or_else(|| "-".to_owned(), |s| short(s.usd))
    };
    let (today, week, month) = (of(1), of(7), of(30));
    if shown.overview.is_none() && shown.trouble.is_none() {
        frame.render_widget(Paragraph::new("reading").block(titled("spend")), area);
        return;
    }
    let mut told = format!("{today} USD today, {week} in 7 days, {month} in 30 days");
    if let Some(hour) = shown.live.as_ref().and_then(|l| l.hour) {
        told.push_str(&format!("; {} this hour so far", short(hour)));
    }
    frame.render_widget(Paragraph::new(told).block(titled("spend")), area);
}

fn part(frame: &mut Frame<'_>, area: Rect, title: &str, of: Option<&Breakdown>) {
    let items = of.into_iter().flat_map(|b| &b.items);
    let rows = items.map(|i| {
        let percent = i.percent.map_or_else(String::new, |p| format!("{p:.0} %"));
        Row::new([
            i.name.clone(),
            right(&short(i.cost), 10),
            right(&percent, 6),
        ])
    });
    let widths = [
        Constraint::Fill(1),
        Constraint::Length(10),
        Constraint::Length(6),
    ];
    frame.render_widget(Table::new(rows, widths).block(titled(title)), area);
}

fn alerts(frame: &mut Frame<'_>, area: Rect, shown: &Shown) {
    let open = shown.overview.as_ref().map_or(&[][..], |o| &o.alerts);
    let heard = shown.live.as_ref().and_then(|l| l.alert.as_deref());
    let title = match heard {
        Some(heard) => format!("open alerts; heard last: {heard}"),
        None => "open alerts".to_owned(),
    };
    if open.is_empty() {
        let none = shown.overview.as_ref().map_or("reading", |_| "none");
        frame.render_widget(Paragraph::new(none).block(titled(&title)), area);
        return;
    }
    let rows = open.iter().map(|a| {
        let severity = field(a, "severity");
        let since: String = field(a, "opened").chars().take(16).collect();
        let style = match severity.as_str() {
            "critical" | "high" => strong(),
            _ => Style::new(),
        };
        Row::new([
            severity,
            field(a, "rule"),
            subject(a),
            since.replace('T', " "),
        ])
        .style(style)
    });
    let widths = [
        Constraint::Length(8),
        Constraint::Fill(3),
        Constraint::Fill(2),
        Constraint::Length(16),
    ];
    frame.render_widget(Table::new(rows, widths).block(titled(&title)), area);
}
