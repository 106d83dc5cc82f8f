//! The windows that are judged: their labels, declared here and nowhere else, and how one is read.

use crate::reader::Fields;
use crate::types::JudgedWindow;
use crate::yaml::Node;
use weir_model::WindowSize::{self, Day, FiveMinutes, Hour, Minute};
use weir_model::{Since, codes};

const fn rolling(count: u16, of: WindowSize) -> JudgedWindow {
    JudgedWindow::Rolling { count, of }
}

const fn to_date(since: Since, step: WindowSize) -> JudgedWindow {
    JudgedWindow::ToDate { since, step }
}

/// Every window there is, by its label.
const WINDOWS: [(&str, JudgedWindow); 18] = [
    (Minute.label(), JudgedWindow::Tumbling(Minute)),
    (FiveMinutes.label(), JudgedWindow::Tumbling(FiveMinutes)),
    (Hour.label(), JudgedWindow::Tumbling(Hour)),
    (Day.label(), JudgedWindow::Tumbling(Day)),
    ("5m/1m", rolling(5, Minute)),
    ("30m/5m", rolling(6, FiveMinutes)),
    ("1h/5m", rolling(12, FiveMinutes)),
    ("6h/5m", rolling(72, FiveMinutes)),
    ("3d/1h", rolling(72, Hour)),
    ("7d/1d", rolling(7, Day)),
    ("28d/1d", rolling(28, Day)),
    ("30d/1d", rolling(30, Day)),
    ("1d/5m", to_date(Since::Day, FiveMinutes)),
    ("1d/1h", to_date(Since::Day, Hour)),
    ("1mo/1h", to_date(Since::Month, Hour)),
    ("1mo/1d", to_date(Since::Month, Day)),
    ("all/1h", to_date(Since::All, Hour)),
    ("all/1d", to_date(Since::All, Day)),
];

impl JudgedWindow {
    /// From its label, e.g. `1h`, `1h/5m` or `1mo/1h`.
    pub fn parse(label: &str) -> Option<JudgedWindow> {
        let found = WINDOWS.iter().find(|(l, _)| *l == label);
        found.map(|(_, window)| *window)
    }

    /// Its label, e.g. `1h`, `1h/5m` or `1mo/1h`.
    pub fn label(self) -> &'static str {
        let known = WINDOWS.iter().find(|(_, window)| *window == self);
        known.map_or("other", |(label, _)| label)
    }

    /// Its length in days, where it is always the same.
    pub fn days(self) -> Option<f64> {
        let (count, of) = match self {
            JudgedWindow::Tumbling(of) => (1, of),
            JudgedWindow::Rolling { count, of } => (count, of),
            JudgedWindow::ToDate { .. } => return None,
        };
        let minutes = match of {
            Minute => 1.0,
            FiveMinutes => 5.0,
            Hour => 60.0,
            Day => 1440.0,
        };
        Some(f64::from(count) * minutes / 1440.0)
    }

    /// The stored size that it is made of.
    pub const fn stored(self) -> WindowSize {
        match self {
            JudgedWindow::Tumbling(size) => size,
            JudgedWindow::Rolling { of, .. } => of,
            JudgedWindow::ToDate { step, .. } => step,
        }
    }
}

/// Labels of the windows of a kind, as a list for people.
fn labels(kind: impl Fn(&JudgedWindow) -> bool) -> String {
    let all = WINDOWS.iter().filter(|(_, window)| kind(window));
    let all: Vec<&str> = all.map(|(label, _)| *label).collect();
    all.join(", ")
}

/// Reads `window:`.
pub(crate) fn read_window<'a>(f: &Fields<'a>, what: &str) -> Option<(JudgedWindow, &'a Node)> {
    let node = f.need("window", what)?;
    let label = f.file.text(node, "window")?;
    let window = JudgedWindow::parse(label);
    if window.is_none() {
        f.file.say(
            node.at,
            codes::CATALOG_REFERENCE,
            format!("there is no window \"{label}\""),
            format!(
                "use {}, rolling {}, or to date {}",
                labels(|w| matches!(w, JudgedWindow::Tumbling(_))),
                labels(|w| matches!(w, JudgedWindow::Rolling { .. })),
                labels(|w| matches!(w, JudgedWindow::ToDate { .. })),
            ),
        );
    }
    window.map(|w| (w, node))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_and_windows_are_one_to_one() {
        for (label, window) in WINDOWS {
            assert_eq!(JudgedWindow::parse(label), Some(window));
            assert_eq!(window.label(), label);
        }
        for none in ["", "2m", "1mo", "all", "1mo/5m", "all/1m", "1d/1d", "1h/1h"] {
            assert_eq!(JudgedWindow::parse(none), None, "{none}");
        }
    }
}
