//! `weir simulate`

use super::judged;
use super::{show, time};
use crate::args::{SimulateArgs, SystemArgs};
use crate::output::{self, Bar, thousands};
use anyhow::{Result, bail};
use rand::SeedableRng;
use std::process::ExitCode;
use std::time::{Duration, Instant};
use weir_kafka::Brokers;
use weir_model::Micros;
use weir_model::codes::INPUT;
use weir_ops::{Watch, truth};
use weir_sources::ingest;
use weir_sources::ledger::Progress;
use weir_sources::publish::Publisher;
use weir_sources::simulate::{Options, Simulation};

pub fn run(system: &SystemArgs, a: &SimulateArgs) -> Result<ExitCode> {
    let brokers = system.find_brokers()?;
    let now = Micros(jiff::Timestamp::now().as_microsecond());
    let start = match &a.start {
        Some(s) => time(s)?,
        // The last simulated day ends at the last midnight.
        None => now
            .floor(Micros::DAY)
            .minus(Micros(i64::from(a.days) * Micros::DAY.0)),
    };
    let end = start.plus(Micros(i64::from(a.days) * Micros::DAY.0));
    if !a.live && end > now.plus(Micros::DAY) {
        // The watermark would stand there, and everything real would be late for good.
        bail!(
            "{INPUT}: the simulation would end on {}, in the future; choose an earlier --start or fewer --days",
            show(end)
        );
    }
    let catalog = system.catalog()?;
    if let Some(unknown) = a.only.iter().find(|t| catalog.event(t).is_none()) {
        bail!(
            "{INPUT}: there is no event type \"{unknown}\"; `weir catalog list events` names them"
        );
    }
    let options = Options {
        engineers: a.engineers,
        days: a.days,
        seed: a.seed,
        start,
        tenant: a.tenant.clone(),
        intensity: a.intensity,
        anomalies: !a.quiet,
        only: a.only.clone(),
    };
    if a.live {
        return live(&brokers, a, options);
    }
    let simulation = Simulation::new(options.clone());
    let file = a
        .truth
        .clone()
        .unwrap_or_else(|| system.data_dir.join(format!("truth-{}.jsonl", a.seed)));
    let coefficients = simulation.coefficients();
    truth::add(&file, &a.tenant, simulation.truth(), &coefficients)?;
    let (end, injected) = (simulation.end(), simulation.truth().len());
    let begun = Instant::now();
    let watch = Watch::begin(&brokers, catalog, &a.tenant)?;
    let bar = Bar::new("events", a.json);
    let report = ingest::simulation(&brokers, options, &mut |n, t| bar.at(n, t))?;
    drop(bar);
    let seconds = begun.elapsed().as_secs_f64();
    let not_judged = watch.late()?;
    if a.json {
        output::json(&serde_json::json!({
            "written": report.written, "not_judged": not_judged, "already": report.already, "start": start, "end": end,
            "anomalies": injected, "truth": file, "seconds": seconds,
        }))?;
    } else {
        println!(
            "{} events of {} engineers from {} to {} published in {:.1} s ({} records were there before)",
            thousands(report.written),
            a.engineers,
            show(start),
            show(end),
            seconds,
            thousands(report.already)
        );
        if let Some(said) = judged::tell(&a.tenant, not_judged, report.written) {
            println!("{said}");
        }
        println!(
            "{injected} injected anomalies and other findings are listed in {}",
            file.display()
        );
    }
    Ok(ExitCode::SUCCESS)
}

fn live(brokers: &Brokers, a: &SimulateArgs, options: Options) -> Result<ExitCode> {
    let begun = Instant::now();
    let mut stream = Stream {
        simulation: Simulation::new(options),
        rng: rand_chacha::ChaCha8Rng::seed_from_u64(a.seed),
        until: a
            .seconds
            .and_then(|s| Duration::try_from_secs_f64(s).ok())
            .and_then(|d| begun.checked_add(d)),
        committed: 0,
    };
    let bar = Bar::new("live events", a.json);
    loop {
        let before = stream.committed;
        let Err(e) = stream.publish(brokers, a, &bar) else {
            break;
        };
        // A broker that went away comes back, mostly. One that has taken nothing since it was asked
        // again is an error.
        if stream.committed == before {
            return Err(e);
        }
        bar.say(&format!("{e:#}: opening the stream anew"));
    }
    let sent = stream.committed;
    drop(bar);
    let seconds = begun.elapsed().as_secs_f64();
    if a.json {
        output::json(&serde_json::json!({ "written": sent, "seconds": seconds }))?;
    } else {
        println!("{} events published in {seconds:.1} s", thousands(sent));
    }
    Ok(ExitCode::SUCCESS)
}

/// Events as they happen, at a rate.
struct Stream {
    simulation: Simulation,
    rng: rand_chacha::ChaCha8Rng,
    until: Option<Instant>,
    /// Events in the log.
    committed: u64,
}

impl Stream {
    /// Publishes until the time is over. What was not made while nobody could take it is not made
    /// up for.
    fn publish(&mut self, brokers: &Brokers, a: &SimulateArgs, bar: &Bar) -> Result<()> {
        let mut publisher = Publisher::new(brokers, &format!("simulate-live-{}", a.seed))?;
        let (begun, first) = (Instant::now(), self.committed);
        let mut sent = first;
        loop {
            let over = self.until.is_some_and(|t| Instant::now() >= t);
            let due = first + (begun.elapsed().as_secs_f64() * a.rate) as u64;
            let idle = over || sent >= due;
            if !idle {
                let now = Micros(jiff::Timestamp::now().as_microsecond());
                publisher.event(&self.simulation.at(&mut self.rng, now))?;
                sent += 1;
            }
            // What was made must be seen: a slow stream does not wait for more.
            if publisher.due() || (idle && sent > self.committed) {
                publisher.commit(&Progress::Records {
                    records: sent,
                    finished: false,
                })?;
                self.committed = sent;
            }
            bar.at(sent, None);
            if over {
                return Ok(());
            }
            if idle {
                std::thread::sleep(Duration::from_millis(20));
            }
        }
    }
}
