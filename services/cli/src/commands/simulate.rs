//! `weir simulate`

use super::{show, time, truth};
use crate::args::{SimulateArgs, SystemArgs};
use crate::output::{self, Bar, thousands};
use anyhow::{Result, bail};
use rand::SeedableRng;
use std::process::ExitCode;
use std::time::{Duration, Instant};
use weir_kafka::Brokers;
use weir_model::Micros;
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
            "WEIR-0301: the simulation would end on {}, in the future; choose an earlier --start or fewer --days",
            show(end)
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
    };
    if a.live {
        return live(&brokers, a, options);
    }
    let simulation = Simulation::new(options.clone());
    let truth = a
        .truth
        .clone()
        .unwrap_or_else(|| system.data_dir.join(format!("truth-{}.jsonl", a.seed)));
    truth::add(&truth, &a.tenant, simulation.truth())?;
    let (end, injected) = (simulation.end(), simulation.truth().len());
    let begun = Instant::now();
    let bar = Bar::new("events", a.json);
    let report = ingest::simulation(&brokers, options, &mut |n, t| bar.at(n, t))?;
    drop(bar);
    if a.json {
        output::json(&serde_json::json!({
            "written": report.written, "already": report.already, "start": start, "end": end,
            "anomalies": injected, "truth": truth, "seconds": begun.elapsed().as_secs_f64(),
        }))?;
    } else {
        println!(
            "{} events of {} engineers from {} to {} published in {:.1} s ({} records were there before)",
            thousands(report.written),
            a.engineers,
            show(start),
            show(end),
            begun.elapsed().as_secs_f64(),
            thousands(report.already)
        );
        println!(
            "{injected} injected anomalies are listed in {}",
            truth.display()
        );
    }
    Ok(ExitCode::SUCCESS)
}

fn live(brokers: &Brokers, a: &SimulateArgs, options: Options) -> Result<ExitCode> {
    let simulation = Simulation::new(options);
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(a.seed);
    let mut publisher = Publisher::new(brokers, &format!("simulate-live-{}", a.seed))?;
    let begun = Instant::now();
    let mut sent = 0u64;
    let bar = Bar::new("live events", a.json);
    while a.seconds.is_none_or(|s| begun.elapsed().as_secs_f64() < s) {
        let due = (begun.elapsed().as_secs_f64() * a.rate) as u64;
        if sent < due {
            let now = Micros(jiff::Timestamp::now().as_microsecond());
            publisher.event(&simulation.at(&mut rng, now))?;
            sent += 1;
        } else {
            // What was made must be seen: do not let a slow stream wait for its commit.
            publisher.commit(&Progress::Records {
                records: sent,
                finished: false,
            })?;
            std::thread::sleep(Duration::from_millis(20));
        }
        if publisher.due() {
            publisher.commit(&Progress::Records {
                records: sent,
                finished: false,
            })?;
        }
        bar.at(sent, None);
    }
    publisher.commit(&Progress::Records {
        records: sent,
        finished: false,
    })?;
    drop(bar);
    let seconds = begun.elapsed().as_secs_f64();
    if a.json {
        output::json(&serde_json::json!({ "written": sent, "seconds": seconds }))?;
    } else {
        println!("{} events published in {seconds:.1} s", thousands(sent));
    }
    Ok(ExitCode::SUCCESS)
}
