//! Tables for people, JSON for programs, bars for waiting.

use anyhow::Result;
use comfy_table::{ContentArrangement, Table, TableComponent, presets};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use std::cell::Cell;
use std::io::{IsTerminal, Write};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

/// Prints one JSON value.
pub fn json(value: &impl Serialize) -> Result<()> {
    let mut out = std::io::stdout().lock();
    serde_json::to_writer_pretty(&mut out, value)?;
    writeln!(out)?;
    Ok(())
}

/// Prints a table; numbers are right-aligned.
pub fn table(header: &[&str], rows: &[Vec<String>]) -> Result<()> {
    let mut t = Table::new();
    t.load_preset(presets::UTF8_HORIZONTAL_ONLY)
        .set_header(header.iter().copied());
    // Lines between rows are noise: the header's line is enough.
    for line in [
        TableComponent::HorizontalLines,
        TableComponent::MiddleIntersections,
        TableComponent::LeftBorderIntersections,
        TableComponent::RightBorderIntersections,
    ] {
        t.remove_style(line);
    }
    // Cut long cells at a terminal only: a pipe gets them whole.
    t.set_content_arrangement(if std::io::stdout().is_terminal() {
        ContentArrangement::Dynamic
    } else {
        ContentArrangement::Disabled
    });
    for row in rows {
        t.add_row(row);
    }
    for (i, column) in t.column_iter_mut().enumerate() {
        let numeric = !rows.is_empty()
            && rows.iter().all(|r| {
                r.get(i).is_some_and(|c| {
                    c.is_empty() || c == "-" || c.replace([',', '%'], "").parse::<f64>().is_ok()
                })
            });
        if numeric {
            column.set_cell_alignment(comfy_table::CellAlignment::Right);
        }
    }
    let mut out = std::io::stdout().lock();
    writeln!(out, "{t}")?;
    Ok(())
}

/// Between two lines of a bar that nobody can see.
const LINES: Duration = Duration::from_secs(10);

/// A progress bar with rate and time left on a terminal, nothing elsewhere; or lines, if it is to last.
pub struct Bar {
    bar: ProgressBar,
    /// What is counted, and when the next line is due.
    lines: Option<(String, Cell<Instant>)>,
}

impl Bar {
    pub fn new(what: &'static str, quiet: bool) -> Bar {
        let seen = !quiet && std::io::stderr().is_terminal();
        Bar {
            bar: shown(what, seen),
            lines: None,
        }
    }

    /// As above, for what takes so long that one wants to know without a terminal too: a line every ten seconds.
    pub fn lasting(what: &str) -> Bar {
        let seen = std::io::stderr().is_terminal();
        let due = || (what.to_owned(), Cell::new(Instant::now() + LINES));
        Bar {
            bar: shown(what, seen),
            lines: (!seen).then(due),
        }
    }

    pub fn at(&self, done: u64, total: Option<u64>) {
        if let Some((what, due)) = &self.lines
            // The clock is not asked for each of millions.
            && done.is_multiple_of(256)
            && due.get() <= Instant::now()
        {
            due.set(Instant::now() + LINES);
            let of = total.map_or(String::new(), |t| format!(" of {}", thousands(t)));
            eprintln!("{what}: {}{of}", thousands(done));
        }
        if let Some(total) = total
            && self.bar.length() != Some(total)
        {
            self.bar.set_length(total);
            if let Ok(style) = ProgressStyle::with_template(
                "{msg:12} {bar:32} {human_pos}/{human_len} {per_sec} {eta} left",
            ) {
                self.bar.set_style(style);
            }
        }
        self.bar.set_position(done);
    }

    /// A line above the bar.
    pub fn say(&self, text: &str) {
        self.bar.suspend(|| eprintln!("{text}"));
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

fn shown(what: &str, seen: bool) -> ProgressBar {
    let bar = if seen {
        ProgressBar::no_length()
    } else {
        ProgressBar::hidden()
    };
    let style = ProgressStyle::with_template("{msg:12} {human_pos} {per_sec} {elapsed}")
        .unwrap_or_else(|_| ProgressStyle::default_spinner());
    bar.set_style(style);
    bar.set_message(what.to_owned());
    bar
}

/// Says every ten seconds that something goes on of which nobody knows how long it takes, until it is dropped.
pub struct Waiting(Option<Sender<()>>);

impl Waiting {
    pub fn new(what: &str) -> Waiting {
        let (end, ended) = channel();
        let (what, begun) = (what.to_owned(), Instant::now());
        std::thread::spawn(move || {
            while let Err(RecvTimeoutError::Timeout) = ended.recv_timeout(LINES) {
                eprintln!("{what}: {} s", begun.elapsed().as_secs());
            }
        });
        Waiting(Some(end))
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        // The thread sees that nobody can send any more.
        self.0.take();
    }
}

/// 1234567 as 1,234,567.
pub fn thousands(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}
