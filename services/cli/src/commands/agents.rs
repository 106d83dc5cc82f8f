//! `weir import agents`

mod show;

use super::judged;
use crate::args::{AgentsArgs, SystemArgs};
use crate::output::{self, Bar};
use crate::system::System;
use anyhow::{Context, Result, anyhow, bail};
use jiff::tz::TimeZone;
use std::collections::HashSet;
use std::process::{Command, ExitCode};
use std::time::{Duration, SystemTime};
use weir_agents::{Agents, Cache, Call, Log, Machine, Read, Tool};
use weir_kafka::Brokers;
use weir_model::codes::{INPUT, MAPPING};
use weir_model::{Micros, person};
use weir_ops::archive::Archived;
use weir_ops::spend::{Prices, Spend, spend};
use weir_sources::ingest::{self, Batch, Report};

/// Between two looks at what was written.
const LOOK: Duration = Duration::from_secs(2);
/// After an import that failed, with --watch.
const AGAIN: Duration = Duration::from_secs(10);
/// An answer whose end is not written down may still be running for so long, microseconds.
const RUNNING: i64 = 60 * 60 * 1_000_000;

pub fn run(system: &SystemArgs, a: &AgentsArgs) -> Result<ExitCode> {
    let mut importer = Importer::new(system, a)?;
    importer.read();
    if importer.found.files == 0 {
        importer.say_where();
    }
    let published = importer.publish()?;
    let spend = importer.spend()?;
    match a.json {
        true => output::json(&show::Json::new(
            &spend,
            published.as_ref(),
            &importer.found,
        ))?,
        false => show::all(&spend, published.as_ref(), &importer.found)?,
    }
    if a.watch {
        importer.watch()?;
    }
    let refused = published.is_some_and(|p| p.report.refused > 0);
    Ok(ExitCode::from(u8::from(refused)))
}

/// What an import did.
struct Published {
    report: Report,
    /// Calls that may not be complete yet, or whose telemetry may still come: the next import, or
    /// `--watch`, takes them.
    waiting: u64,
    /// One line about events that came too late to be judged.
    judged: Option<String>,
}

struct Importer<'a> {
    system: &'a SystemArgs,
    args: &'a AgentsArgs,
    agents: Agents,
    machine: Machine,
    prices: Prices,
    engineer: String,
    cache: Cache,
    found: Read,
    /// The files as they were when they were read last.
    seen: Option<Vec<Log>>,
    /// Identities that this run has published, or found published.
    done: HashSet<String>,
}

impl<'a> Importer<'a> {
    fn new(system: &'a SystemArgs, args: &'a AgentsArgs) -> Result<Importer<'a>> {
        let agents = match &system.schemas {
            Some(dir) => Agents::load(dir),
            None => Agents::shipped(),
        };
        let agents = agents.map_err(|e| anyhow!("{MAPPING}: {e}"))?;
        let agents = agents
            .only(&args.agent)
            .map_err(|e| anyhow!("{INPUT}: {e}"))?;
        let agents = match args.dry_run {
            true => agents.without_tools(),
            false => agents,
        };
        let machine = match &args.home {
            Some(home) if !home.is_dir() => {
                bail!(
                    "{INPUT}: there is no folder {}; name a person's home",
                    home.display()
                )
            }
            Some(home) => Machine::at(home),
            None => Machine::this().with_context(|| {
                format!("{INPUT}: nobody says where your home folder is; name it with --home")
            })?,
        };
        let catalog = system.catalog()?;
        Ok(Importer {
            system,
            args,
            agents,
            machine,
            prices: Prices::new(&catalog)?,
            engineer: engineer(args),
            cache: Cache::default(),
            found: Read::default(),
            seen: None,
            done: HashSet::new(),
        })
    }

    /// Reads what changed.
    fn read(&mut self) {
        let logs = self.logs();
        if self.seen.as_ref() == Some(&logs) {
            return;
        }
        let bar = Bar::new("MB", self.args.json);
        self.found = self.cache.read(&self.agents, &logs, &mut |n, of| {
            bar.at(n >> 20, Some(of >> 20));
        });
        if let Some(since) = self.since() {
            self.found.calls.retain(|c| c.at >= since);
            self.found.tools.retain(|t| t.at >= since);
            // Sums have no days, and chats of before were not looked at.
            self.found.only_sums.clear();
        }
        self.seen = Some(logs);
    }

    /// A file that was changed last before a day holds nothing of that day.
    fn logs(&self) -> Vec<Log> {
        let mut logs = self.agents.find(&self.machine);
        if let Some(since) = self.since() {
            let before = u64::try_from(since).unwrap_or(0);
            let since = SystemTime::UNIX_EPOCH + Duration::from_micros(before);
            logs.retain(|l| l.changed.is_none_or(|at| at >= since));
        }
        logs
    }

    fn since(&self) -> Option<i64> {
        let day = self.args.since?.to_zoned(TimeZone::system()).ok()?;
        Some(day.timestamp().as_microsecond())
    }

    fn say_where(&self) {
        let titles: Vec<&str> = self.agents.all.iter().map(|a| a.title.as_str()).collect();
        eprintln!(
            "there are no session logs of {} in {}; name another folder with --home",
            titles.join(", "),
            self.machine.home().display()
        );
    }

    fn spend(&mut self) -> Result<Spend> {
        let calls = self.found.calls.iter();
        Ok(spend(calls, &mut self.prices, &TimeZone::system()))
    }

    /// Publishes what is ripe; nothing with `--dry-run`.
    fn publish(&mut self) -> Result<Option<Published>> {
        if self.args.dry_run {
            return Ok(None);
        }
        let now = jiff::Timestamp::now().as_microsecond();
        let (calls, tools, waiting) = self.ripe(now);
        let mut published = Published {
            report: Report::default(),
            waiting,
            judged: None,
        };
        if calls.is_empty() && tools.is_empty() {
            // Asked for, so that a system that is not there is no silence.
            self.running()?;
            return Ok(Some(published));
        }
        let found = self.running()?;
        let catalog = self.system.catalog()?;
        let watch = weir_ops::Watch::begin(&found.brokers, catalog.clone(), &self.args.tenant)?;
        let mut archive = Archived::new(
            &found.store()?,
            &found.brokers,
            &self.agents,
            &self.args.tenant,
        )?;
        let batch = Batch {
            agents: &self.agents,
            calls: &calls,
            tools: &tools,
            tenant: &self.args.tenant,
            engineer: &self.engineer,
            team: &self.args.team,
            events: &catalog.events,
            now: Micros(now),
            privacy: self.system.privacy()?,
        };
        published.report = self.import(&found.brokers, &batch, &mut archive)?;
        let late = match published.report.written {
            0 => Some(0),
            _ => watch.late()?,
        };
        published.judged = judged::tell(&self.args.tenant, late, published.report.written);
        self.done.extend(calls.into_iter().map(|c| c.identity));
        self.done.extend(tools.into_iter().map(|t| t.call_id));
        Ok(Some(published))
    }

    fn running(&self) -> Result<System> {
        let found = self.system.find();
        found.map_err(|e| anyhow!("{e:#}, or publish nothing with --dry-run"))
    }

    fn import(&self, brokers: &Brokers, batch: &Batch, archive: &mut Archived) -> Result<Report> {
        let bar = Bar::new("events", self.args.json);
        ingest::agents(brokers, batch, archive, &mut |n, of| bar.at(n, of))
    }

    /// What is complete, and old enough for its telemetry to have come; the number of what is not.
    fn ripe(&self, now: i64) -> (Vec<Call>, Vec<Tool>, u64) {
        let delay = |agent: &str| {
            let agent = self.agents.agent(agent);
            agent.map_or(0, |a| a.otlp.delay_micros())
        };
        let is_ripe = |c: &Call| is_ripe(c.at, c.complete, now, delay(&c.agent));
        let new = |id: &String| !self.done.contains(id);
        let calls = self.found.calls.iter().filter(|c| new(&c.identity));
        let (ripe, waiting): (Vec<&Call>, Vec<&Call>) = calls.partition(|c| is_ripe(c));
        let tools = self.found.tools.iter().filter(|t| new(&t.call_id));
        let tools = tools.filter(|t| t.at <= now - delay(&t.agent));
        (
            ripe.into_iter().cloned().collect(),
            tools.cloned().collect(),
            waiting.len() as u64,
        )
    }

    /// Goes on until it is ended. What fails is tried again: the ledger knows what was published.
    fn watch(&mut self) -> Result<()> {
        let (mut last, mut failing) = (self.found.calls.len(), false);
        loop {
            std::thread::sleep(if failing { AGAIN } else { LOOK });
            self.read();
            match self.publish() {
                Ok(_) => failing = false,
                Err(e) => {
                    if !failing {
                        eprintln!("weir: {e:#}; it is tried again");
                    }
                    failing = true;
                }
            }
            if self.found.calls.len() != last {
                last = self.found.calls.len();
                show::now(&self.spend()?, self.args.json)?;
            }
        }
    }
}

/// Whether a call is complete, and its telemetry had time to come.
fn is_ripe(at: i64, complete: Option<bool>, now: i64, delay: i64) -> bool {
    let running = complete == Some(false) && at > now - RUNNING;
    at <= now - delay && !running
}

/// The address of the person whose logs they are: who is committing here, if nobody is named.
fn engineer(a: &AgentsArgs) -> String {
    let told = a.engineer.clone().or_else(|| {
        let said = Command::new("git")
            .args(["config", "--get", "user.email"])
            .output();
        Some(String::from_utf8(said.ok()?.stdout).ok()?.trim().to_owned())
    });
    let address = person::canonical_email(&told.unwrap_or_default());
    match address.is_empty() {
        true => "unknown".to_owned(),
        false => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_waits_for_its_end_and_for_its_telemetry() {
        const S: i64 = 1_000_000;
        let now = 100_000 * S;
        assert!(is_ripe(now - 10 * S, Some(true), now, 10 * S));
        assert!(!is_ripe(now - 9 * S, Some(true), now, 10 * S), "too young");
        assert!(!is_ripe(now - 60 * S, Some(false), now, 10 * S), "running");
        assert!(
            is_ripe(now - 3601 * S, Some(false), now, 10 * S),
            "given up"
        );
        assert!(is_ripe(now - 60 * S, None, now, 10 * S), "not told");
    }
}
