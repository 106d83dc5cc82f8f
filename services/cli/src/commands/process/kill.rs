//! `weir process kill`: ends the process that was looked at, and no other.

use super::list::find;
use super::{Act, acted, header, look_over, me, row};
use crate::args::{KillArgs, SystemArgs};
use crate::output;
use anyhow::{Result, bail};
use std::io::{BufRead, IsTerminal, Write};
use std::process::ExitCode;
use std::time::{Duration, Instant};
use weir_model::codes::NOT_CONFIRMED;
use weir_process::end::{Held, target};
use weir_process::{Error, Identity, Sample, children, read};

/// Over which its use of a processor is measured, to be shown.
const SPAN: Duration = Duration::from_millis(200);

pub fn run(system: &SystemArgs, a: &KillArgs) -> Result<ExitCode> {
    let signal = if a.force { "9" } else { "15" };
    let mut act = Act::new("kill", &[("signal", signal.to_owned())]);
    act.force = a.force;
    act.reason = a.reason.clone();
    act.process = Some((a.pid, String::new()));
    acted(system, &a.actor, act, |act| {
        let (table, all) = look_over(SPAN)?;
        // Known for the record also where it is refused.
        if let Ok(sample) = find(&all, a.pid) {
            act.about(&sample);
        }
        let seen: Identity = target(&table, me(), a.pid, a.started)?.identity();
        let sample = find(&all, a.pid)?;
        // From here on it is this one, whoever has its id.
        let held = Held::of(seen)?;
        if !a.yes {
            let yes = ask(&sample, children(&table, a.pid).len(), a.force);
            act.confirmed = yes.as_ref().ok().copied();
            if !matches!(yes, Ok(true)) {
                act.outcome = "declined";
            }
            if !yes? {
                println!("nothing was ended");
                return Ok(ExitCode::from(1));
            }
        }
        let begun = Instant::now();
        held.signal(&read::table()?, me(), a.force)?;
        let is_over = held.is_over_within(a.wait)?;
        let seconds = begun.elapsed().as_secs_f64();
        if !is_over {
            let seconds = a.wait.as_secs_f64();
            return Err(Error::Stays {
                pid: a.pid,
                seconds,
            }
            .into());
        }
        act.found = Some(1);
        tell(a, &sample, seconds)?;
        Ok(ExitCode::SUCCESS)
    })
}

/// Shows the process and asks whether it shall end.
fn ask(sample: &Sample, children: usize, force: bool) -> Result<bool> {
    if !std::io::stdin().is_terminal() {
        bail!("{NOT_CONFIRMED}: nothing was ended: nobody is there to say yes; say --yes");
    }
    output::plain_table(&header(true), &[row(sample, true)])?;
    if children > 0 {
        println!(
            "what it began goes on: {children} (weir process tree --pid {})",
            sample.pid
        );
    }
    let how = match force {
        true => "without a chance to clean up",
        false => "after it has cleaned up",
    };
    print!("End {} {how}? [y/N] ", sample.pid);
    std::io::stdout().flush()?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}

fn tell(a: &KillArgs, sample: &Sample, seconds: f64) -> Result<()> {
    if a.actor.json {
        return output::json(&serde_json::json!({
            "pid": sample.pid, "started": sample.started, "name": sample.name,
            "outcome": "done", "force": a.force, "reason": a.reason,
            "seconds": (seconds * 1e3).round() / 1e3,
        }));
    }
    let name = output::harmless(&sample.name);
    println!("{} ({name}) ended after {seconds:.1} s", sample.pid);
    Ok(())
}
