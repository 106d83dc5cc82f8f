//! Tables for people, JSON for programs, bars for waiting.

use crate::table::lay_out;
pub use crate::tree::Tree;
use anyhow::Result;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use std::cell::Cell;
use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

/// Prints one JSON value.
pub fn json(value: &impl Serialize) -> Result<()> {
    let mut out = std::io::stdout().lock();
    serde_json::to_writer_pretty(&mut out, value)?;
    writeln!(out)?;
    Ok(())
}

/// Whether tables are printed in full width, wherever they go.
static WIDE: AtomicBool = AtomicBool::new(false);
/// Width of a table that goes to no terminal, in characters.
const PIPED: usize = 120;

/// Prints tables in full width from now on.
pub fn be_wide() {
    WIDE.store(true, Ordering::Relaxed);
}

/// Prints a table that fits the terminal; numbers are right-aligned.
pub fn table(header: &[&str], rows: &[Vec<String>]) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", lay_out(header, rows, width()))?;
    Ok(())
}

/// Prints a tree that fits the terminal.
pub fn tree(tree: &Tree) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", tree.lay_out(width()))?;
    Ok(())
}

/// A table as above, in ASCII where it goes to no terminal.
pub fn plain_table(header: &[&str], rows: &[Vec<String>]) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", drawn(lay_out(header, rows, width())))?;
    Ok(())
}

/// A tree as above, in ASCII where it goes to no terminal.
pub fn plain_tree(tree: &Tree) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", drawn(tree.lay_out(width())))?;
    Ok(())
}

/// What others wrote, without what a terminal would take for a command; in ASCII where it goes to
/// no terminal.
pub fn harmless(text: &str) -> String {
    let ascii = !std::io::stdout().is_terminal();
    let escaped = |c: char| c.is_control() || (ascii && !c.is_ascii());
    let each = text.chars().map(|c| match escaped(c) {
        true => c.escape_default().to_string(),
        false => c.to_string(),
    });
    each.collect()
}

fn drawn(lines: String) -> String {
    if std::io::stdout().is_terminal() {
        return lines;
    }
    let each = lines.chars().map(|c| match c {
        '\u{2500}' => '-',
        '\u{2550}' => '=',
        '\u{2502}' => '|',
        '\u{251c}' => '+',
        '\u{2514}' => '`',
        c => c,
    });
    each.collect()
}

/// The characters that there are for a line; `None` for as many as it takes.
fn width() -> Option<usize> {
    // `None` where standard output is no terminal.
    let terminal = comfy_table::Table::new().width().map(usize::from);
    (!WIDE.load(Ordering::Relaxed)).then(|| terminal.unwrap_or(PIPED))
}

/// A number as people read it: three digits that count, more before the point; programs get all of
/// them as JSON.
pub fn short(x: f64) -> String {
    // The sum of nothing is -0.
    let x = x + 0.0;
    // What is not zero does not look like it.
    let exponent = if x == 0.0 {
        0
    } else {
        x.abs().log10().floor() as i32
    };
    if exponent < -6 {
        return plain(&format!("{x:.2e}"));
    }
    let digits = match exponent {
        3.. => 0,
        1 | 2 => 1,
        0 => 3,
        below => 2 - below,
    };
    plain(&format!("{x:.*}", digits as usize))
}

/// Without zeros that say nothing.
fn plain(number: &str) -> String {
    let (digits, exponent) = number.split_at(number.find('e').unwrap_or(number.len()));
    let digits = match digits.contains('.') {
        true => digits.trim_end_matches('0').trim_end_matches('.'),
        false => digits,
    };
    format!("{digits}{exponent}")
}

/// Between two lines of a bar that nobody can see.
const LINES: Duration = Duration::from_secs(10);

/// A progress bar with rate and time left on a terminal, nothing elsewhere; or lines, if it is to
/// last.
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

    /// As above, for what takes so long that one wants to know without a terminal too: a line every
    /// ten seconds.
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

/// Says every ten seconds that something goes on of which nobody knows how long it takes, until it
/// is dropped.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_zero_never_looks_like_it() {
        let shown = [
            (0.0, "0"),
            (-0.0, "0"),
            (0.000123456, "0.000123"),
            (-0.0456, "-0.0456"),
            (1.234e-7, "1.23e-7"),
            (1.2e-7, "1.2e-7"),
            (1e-6, "0.000001"),
            (0.1, "0.1"),
            (0.9999, "1"),
            (1.0, "1"),
            (1.23456, "1.235"),
            (12.345, "12.3"),
            (999.96, "1000"),
            (1234.5, "1234"),
            (f64::MIN_POSITIVE, "2.23e-308"),
        ];
        for (x, text) in shown {
            assert_eq!(short(x), text);
        }
    }
}
