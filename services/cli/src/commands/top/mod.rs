//! `weir top`: what goes on, live, in the terminal.

mod frame;
mod live;
mod look;

use crate::args::{SystemArgs, TopArgs};
use crate::output;
use anyhow::{Context, Result};
use frame::Shown;
use look::Looks;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use std::io::IsTerminal;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A frame that goes to no terminal.
const SIZE: (u16, u16) = (80, 24);
/// How often keys are looked at, and it is drawn.
const DRAWN: Duration = Duration::from_millis(200);
/// Between the two looks that a rate needs.
const APART: Duration = Duration::from_secs(1);

pub fn run(system: &SystemArgs, a: &TopArgs) -> Result<ExitCode> {
    let mut looks = Looks::open(system, a.tenant.as_deref())?;
    if a.once || !std::io::stdout().is_terminal() {
        looks.look();
        std::thread::sleep(APART);
        looks.look();
        let shown = looks.shown();
        match a.json {
            true => output::json(&shown)?,
            false => print!("{}", text(&shown, SIZE)?),
        }
        return Ok(ExitCode::SUCCESS);
    }
    let shown = Arc::new(Mutex::new(looks.shown()));
    live::listen(looks.api(), &shown);
    looks.follow(&shown, a.every);
    let mut terminal = ratatui::try_init().context("cannot draw on this terminal")?;
    let ended = drawn(&mut terminal, &shown);
    ratatui::restore();
    ended?;
    Ok(ExitCode::SUCCESS)
}

/// Draws until somebody quits.
fn drawn(terminal: &mut ratatui::DefaultTerminal, shown: &Arc<Mutex<Shown>>) -> Result<()> {
    loop {
        let now = lock(shown).clone();
        terminal.draw(|frame| frame::draw(frame, &now))?;
        if !event::poll(DRAWN)? {
            continue;
        }
        let Event::Key(key) = event::read()? else {
            continue;
        };
        if key.kind != KeyEventKind::Press {
            continue;
        }
        let interrupted = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Char('q') | KeyCode::Esc => return Ok(()),
            KeyCode::Char('c') if interrupted => return Ok(()),
            KeyCode::Char('p') => {
                let mut shown = lock(shown);
                shown.paused = !shown.paused;
            }
            _ => {}
        }
    }
}

fn lock(shown: &Mutex<Shown>) -> MutexGuard<'_, Shown> {
    shown.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A frame as text, without spaces at the ends of lines.
fn text(shown: &Shown, (width, height): (u16, u16)) -> Result<String> {
    let mut terminal = Terminal::new(TestBackend::new(width, height))?;
    terminal.draw(|frame| frame::draw(frame, shown))?;
    let buffer = terminal.backend().buffer();
    let mut out = String::new();
    for y in 0..height {
        let line: String = (0..width).map(|x| buffer[(x, y)].symbol()).collect();
        out.push_str(line.trim_end());
        out.push('\n');
    }
    Ok(out.trim_end().to_owned() + "\n")
}

#[cfg(test)]
mod tests;
