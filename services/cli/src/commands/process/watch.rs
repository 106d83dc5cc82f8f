//! `weir process watch`: one process for a while; and samples of this machine, sent as declared.

use super::act::item;
use super::list::find;
use super::{Act, acted, command, me};
use crate::args::{SystemArgs, WatchArgs};
use crate::commands::mail::{self, Sent};
use crate::commands::runtime;
use crate::output::short;
use anyhow::Result;
use serde_json::Value;
use std::collections::{BTreeSet, VecDeque};
use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::time::{Duration, Instant};
use tokio::signal::unix::{SignalKind, signal};
use weir_process::{
    Declaration, Identity, Sample, Table, Whose, descendants, read, resource, samples,
};

/// Seconds between two samples, and for how long, where nothing is said.
const INTERVAL: f64 = 2.0;
const DURATION: f64 = 20.0;
/// So many samples stay on a terminal.
const KEPT: usize = 12;

pub fn run(system: &SystemArgs, a: &WatchArgs) -> Result<ExitCode> {
    let mut parameters = vec![("emit", a.emit.to_string())];
    parameters.extend(a.interval.map(|s| ("interval", s.to_string())));
    parameters.extend(a.duration.map(|s| ("duration", s.to_string())));
    acted(system, &a.actor, Act::new("watch", &parameters), |act| {
        act.process = a.pid.map(|pid| (pid, String::new()));
        let emitter = match a.emit {
            true => Some(Emitter::new(system, a)?),
            false => None,
        };
        let mut watch = Watch::new(a, emitter)?;
        if let Some(sample) = &watch.process {
            act.about(sample);
        }
        let ended = watch.run(a)?;
        act.found = Some(watch.seen as usize);
        watch.tell(a, ended);
        Ok(ExitCode::SUCCESS)
    })
}

/// Why it is over.
#[derive(PartialEq)]
enum Ended {
    /// Time is over.
    Time,
    /// Somebody said so.
    Asked,
    /// The process is over.
    Gone,
}

/// A watch that goes on.
struct Watch {
    before: Table,
    /// The process, as it was seen last.
    process: Option<Sample>,
    /// Looks that were taken.
    seen: u64,
    cpu: Spread,
    memory: Spread,
    screen: Screen,
    emitter: Option<Emitter>,
}

impl Watch {
    fn new(a: &WatchArgs, emitter: Option<Emitter>) -> Result<Watch> {
        let before = read::table()?;
        let all = samples(&before, &before);
        let process = a.pid.map(|pid| find(&all, pid)).transpose()?;
        Ok(Watch {
            before,
            process,
            seen: 0,
            cpu: Spread::default(),
            memory: Spread::default(),
            screen: Screen::new(a),
            emitter,
        })
    }

    fn run(&mut self, a: &WatchArgs) -> Result<Ended> {
        let runtime = runtime()?;
        let _inside = runtime.enter();
        let (mut end, mut stop) = (
            signal(SignalKind::terminate())?,
            signal(SignalKind::interrupt())?,
        );
        let every = self
            .emitter
            .as_ref()
            .map(|e| e.declared.every.as_secs_f64());
        let lasts = a.duration.or((!a.emit).then_some(DURATION));
        let step = a.interval.or(every).unwrap_or(INTERVAL);
        let step = lasts.map_or(step, |lasts| step.min(lasts));
        let begun = Instant::now();
        loop {
            let asked = runtime.block_on(async {
                tokio::select! {
                    _ = tokio::time::sleep(Duration::from_secs_f64(step)) => false,
                    _ = end.recv() => true,
                    _ = stop.recv() => true,
                }
            });
            let is_last = lasts.is_some_and(|lasts| begun.elapsed().as_secs_f64() + 0.05 >= lasts);
            let gone = self.look(a, asked || is_last)?;
            match (asked, gone, is_last) {
                (true, _, _) => return Ok(Ended::Asked),
                (_, true, _) => return Ok(Ended::Gone),
                (_, _, true) => return Ok(Ended::Time),
                _ => {}
            }
        }
    }

    /// Takes a sample; whether the process is over.
    fn look(&mut self, a: &WatchArgs, is_last: bool) -> Result<bool> {
        let now = read::table()?;
        let all = samples(&self.before, &now);
        if let Some(emitter) = &mut self.emitter {
            let of = self.process.as_ref().map(Sample::identity);
            emitter.look(&now, of, is_last)?;
        }
        self.before = now;
        let Some(last) = &self.process else {
            self.seen += 1;
            return Ok(false);
        };
        let same = all.into_iter().find(|s| s.identity() == last.identity());
        // Who is over and waits for its parent to look uses nothing any more.
        let Some(sample) = same.filter(|s| s.state != 'Z') else {
            return Ok(true);
        };
        self.seen += 1;
        self.cpu.add(sample.cpu_percent);
        self.memory.add(sample.memory_mb);
        self.screen.show(&sample, a)?;
        self.process = Some(sample);
        Ok(false)
    }

    fn tell(&self, a: &WatchArgs, ended: Ended) {
        if a.actor.json {
            return;
        }
        if let Some(process) = &self.process {
            let pid = process.pid;
            if ended == Ended::Gone {
                println!("{pid} is over");
            }
            println!(
                "{} samples: cpu {} %, memory {} MB",
                self.seen,
                self.cpu.told(),
                self.memory.told()
            );
        }
        if let Some(emitter) = &self.emitter {
            println!(
                "{} events sent, {} wait, {} lost",
                emitter.sent, emitter.waiting, emitter.lost
            );
        }
    }
}

/// Least, most and mean of what was seen.
#[derive(Default)]
struct Spread {
    n: u32,
    sum: f64,
    least: f64,
    most: f64,
}

impl Spread {
    fn add(&mut self, x: f64) {
        (self.least, self.most) = match self.n {
            0 => (x, x),
            _ => (self.least.min(x), self.most.max(x)),
        };
        self.n += 1;
        self.sum += x;
    }

    fn told(&self) -> String {
        let mean = self.sum / f64::from(self.n.max(1));
        format!(
            "{} to {}, mean {}",
            short(self.least),
            short(self.most),
            short(mean)
        )
    }
}

/// Where samples are shown: on a terminal the last ones, else a line each.
struct Screen {
    lines: VecDeque<String>,
    drawn: usize,
    is_terminal: bool,
}

impl Screen {
    fn new(a: &WatchArgs) -> Screen {
        Screen {
            lines: VecDeque::new(),
            drawn: 0,
            is_terminal: std::io::stdout().is_terminal() && !a.actor.json,
        }
    }

    fn show(&mut self, s: &Sample, a: &WatchArgs) -> Result<()> {
        let mut out = std::io::stdout().lock();
        if a.actor.json {
            let shown = match a.verbose {
                true => s.clone(),
                false => s.clone().without_words(),
            };
            let mut line = serde_json::to_value(&shown)?;
            line["time"] = jiff::Timestamp::now().to_string().into();
            writeln!(out, "{line}")?;
            return Ok(out.flush()?);
        }
        let header = format!(
            "{:8}  {:>7}  {:>10}  {:>7}",
            "time", "cpu %", "memory MB", "threads"
        );
        let line = line(s, a.verbose);
        if !self.is_terminal {
            if self.drawn == 0 {
                writeln!(out, "{header}")?;
            }
            self.drawn += 1;
            return Ok(writeln!(out, "{line}")?);
        }
        if self.drawn > 0 {
            // Back to the first line, and what is below is cleared.
            write!(out, "\x1b[{}A\x1b[J", self.drawn)?;
        }
        self.lines.push_back(line);
        if self.lines.len() > KEPT {
            self.lines.pop_front();
        }
        writeln!(out, "{header}")?;
        // Longer ones would take two lines of which only one is counted.
        let width = comfy_table::Table::new().width().map_or(80, usize::from);
        for line in &self.lines {
            writeln!(out, "{}", line.chars().take(width).collect::<String>())?;
        }
        self.drawn = self.lines.len() + 1;
        Ok(out.flush()?)
    }
}

fn line(s: &Sample, verbose: bool) -> String {
    let time = jiff::Zoned::now().strftime("%H:%M:%S").to_string();
    let mut line = format!(
        "{time:8}  {:>7}  {:>10}  {:>7}",
        short(s.cpu_percent),
        short(s.memory_mb),
        s.threads
    );
    if verbose {
        line += "  ";
        line += &command(s);
    }
    line
}

/// Sends samples, as declared.
struct Emitter {
    declared: Declaration,
    system: SystemArgs,
    gateway: crate::args::GatewayArgs,
    tenant: String,
    last: Table,
    sent: usize,
    waiting: usize,
    lost: usize,
}

impl Emitter {
    fn new(system: &SystemArgs, a: &WatchArgs) -> Result<Emitter> {
        Ok(Emitter {
            declared: Declaration::load(system.schemas.as_deref())?,
            system: system.clone(),
            gateway: a.actor.gateway.clone(),
            tenant: a.actor.tenant.clone(),
            last: read::table()?,
            sent: 0,
            waiting: 0,
            lost: 0,
        })
    }

    /// Sends what was used since the last time, where it is due.
    fn look(&mut self, now: &Table, of: Option<Identity>, is_last: bool) -> Result<()> {
        let span = now.uptime - self.last.uptime;
        // Clocks of sleep and kernel differ by some ms. What is left at the end is sent, too.
        let due = span + 0.1 >= self.declared.every.as_secs_f64();
        if !(due || is_last && span >= 0.5) {
            return Ok(());
        }
        let events = self.events(now, of)?;
        let n = events.len();
        match mail::send(&self.system, &self.gateway, events) {
            Sent::All => self.sent += n,
            Sent::Waiting => self.waiting += n,
            Sent::Lost(why) => {
                self.lost += n;
                eprintln!("weir: {n} samples are lost: {why}");
            }
        }
        self.last = now.clone();
        Ok(())
    }

    fn events(&self, now: &Table, of: Option<Identity>) -> Result<Vec<Value>> {
        let all = samples(&self.last, now);
        let own = find(&all, me()).map_or(0.0, |s| s.cpu_percent);
        let whose = Whose {
            tenant: &self.tenant,
            host: &now.machine.host,
            at: now.at,
        };
        let is_there = |of: &Identity| all.iter().any(|s| s.identity() == *of);
        let mut also = BTreeSet::new();
        if let Some(of) = of.filter(is_there) {
            also = descendants(now, of.pid);
            also.insert(of.pid);
        }
        let told = self.declared.processes.of(&all, &also);
        let mut events = told
            .iter()
            .map(|s| item(&whose.process(s)))
            .collect::<Result<Vec<_>>>()?;
        if let Some(declared) = &self.declared.resource {
            events.push(item(&resource(whose, declared, (&self.last, now), own)?)?);
        }
        Ok(events)
    }
}
