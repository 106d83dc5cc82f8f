//! Reading a log that is already there: core-seconds per million events, as the slope between two
//! sizes.

use crate::child;
use crate::report::Figure;
use crate::system::{self, System, Work, history};
use anyhow::Result;
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Instant;
use weir_kafka::admin::Partitions;

/// The job to run.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Job {
    /// What the stages do.
    pub work: Work,
    /// Engineers.
    pub engineers: u64,
    /// Partitions of the raw topic.
    pub raw: u32,
    /// Partitions of the partials.
    pub partials: u32,
    /// Records in a batch of the log, at most.
    pub batch: u32,
}

impl Job {
    /// 100,000 engineers, the default numbers of partitions, batches as large as Kafka takes them.
    pub const USUAL: Job = Job {
        work: Work::Plain,
        engineers: 100_000,
        raw: 4,
        partials: 16,
        batch: 10_000,
    };
    /// The log as a producer leaves it that sends 10,000 events per second when they come: what
    /// four partitions get in the 5 ms that it waits for more.
    pub const LIVE: Job = Job {
        batch: 12,
        ..Job::USUAL
    };
    /// More work on the same log.
    pub const JUDGED: Job = Job {
        work: Work::Judged,
        ..Job::USUAL
    };
}

/// One run over a log of one size.
#[derive(Debug, Clone, Serialize)]
pub struct Run {
    /// Records in the log.
    pub events: u64,
    /// CPU seconds of the three stages.
    pub stages: f64,
    /// Of these: system time.
    pub stages_system: f64,
    /// CPU seconds of a bare consumer, several times before and after the stages ran (median).
    pub bare: f64,
    /// CPU seconds of the broker while the stages ran.
    pub broker: f64,
    /// Wall seconds, start and end included.
    pub wall: f64,
    /// Largest resident size of the stages.
    pub peak: u64,
    /// CPU seconds of the stages by thread.
    pub threads: BTreeMap<String, f64>,
}

/// Pairs of runs per figure: the pace of a virtual machine changes from minute to minute, and a
/// slope takes two runs.
const PAIRS: usize = 3;
/// Of the figures that say what the stages cost.
const MORE_PAIRS: usize = 5;
/// Times that the bare consumer reads before the stages, and after them.
const BARE: usize = 3;

/// Core-seconds per million events between two sizes, the median of the pairs.
#[derive(Debug, Clone, Serialize)]
pub struct Slope {
    /// The job.
    pub job: Job,
    /// The smaller and the larger log of each pair.
    pub pairs: Vec<[Run; 2]>,
    /// Of the stages.
    pub stages: f64,
    /// Of the stages, all pairs, ascending.
    pub each: Vec<f64>,
    /// Of a bare consumer.
    pub bare: f64,
    /// Of the broker, for the stages.
    pub broker: f64,
    /// Of the stages' threads.
    pub threads: BTreeMap<String, f64>,
}

impl Slope {
    /// The stages' cost as a multiple of a bare consumer's, where that was measured.
    fn against_bare(&self) -> f64 {
        self.stages / self.bare
    }
}

fn run(job: Job, events: u64, bare: bool) -> Result<Run> {
    let catalog = system::catalog(job.work)?;
    let partitions = Partitions {
        raw: job.raw,
        partials: job.partials,
        ..Partitions::default()
    };
    let system = System::start(&catalog, &partitions)?;
    let counts = system.fill(
        &catalog,
        &history(job.engineers, job.raw),
        events,
        job.batch,
    )?;
    let consume = |_| -> Result<f64> {
        let (usage, records) = system::consume(&system.brokers)?;
        // Ticks may have come since.
        anyhow::ensure!(
            records >= events,
            "a bare consumer read {records} of {events} records"
        );
        Ok(usage.cpu())
    };
    let times = if bare { BARE } else { 0 };
    let mut consumed: Vec<f64> = (0..times).map(consume).collect::<Result<_>>()?;
    let (broker, begun) = (system.broker_cpu()?, Instant::now());
    let mut stages = system::stages(&system.brokers, job.work)?;
    system.settled(&mut stages, counts)?;
    let broker = system.broker_cpu()? - broker;
    let threads = child::threads_of(stages.pid())?;
    let usage = stages.stop()?;
    let wall = begun.elapsed().as_secs_f64();
    for time in 0..times {
        consumed.push(consume(time)?);
    }
    consumed.sort_by(f64::total_cmp);
    let run = Run {
        events,
        stages: usage.cpu(),
        stages_system: usage.system,
        bare: consumed.get(times).copied().unwrap_or(0.0),
        broker,
        wall,
        peak: usage.peak,
        threads,
    };
    eprintln!("  {run:.2?}");
    Ok(run)
}

/// Runs a job over two sizes of log, several times.
fn slope(job: Job, sizes: [u64; 2], bare: bool, pairs: usize) -> Result<Slope> {
    eprintln!("catching up: {job:?}");
    let pair =
        |_| -> Result<[Run; 2]> { Ok([run(job, sizes[0], bare)?, run(job, sizes[1], bare)?]) };
    let pairs: Vec<[Run; 2]> = (0..pairs).map(pair).collect::<Result<_>>()?;
    let millions = (sizes[1] - sizes[0]) as f64 / 1e6;
    let ascending = |f: &dyn Fn(&Run) -> f64| {
        let mut all: Vec<f64> = pairs
            .iter()
            .map(|p| (f(&p[1]) - f(&p[0])) / millions)
            .collect();
        all.sort_by(f64::total_cmp);
        all
    };
    let median = |f: &dyn Fn(&Run) -> f64| ascending(f)[pairs.len() / 2];
    let names = pairs[0][1].threads.keys().cloned();
    let thread = |name: String| {
        let used = median(&|r| r.threads.get(&name).copied().unwrap_or(0.0));
        (name, used)
    };
    Ok(Slope {
        job,
        stages: median(&|r| r.stages),
        each: ascending(&|r| r.stages),
        bare: median(&|r| r.bare),
        broker: median(&|r| r.broker),
        threads: names.map(thread).collect(),
        pairs,
    })
}

/// What a slope is of.
fn basis(sizes: [u64; 2], pairs: usize) -> String {
    let [small, large] = sizes.map(|n| n as f64 / 1e6);
    format!("slope between {small} and {large} M events, median of {pairs}")
}

fn shares(threads: &BTreeMap<String, f64>) -> String {
    let mut all: Vec<_> = threads.iter().filter(|t| *t.1 >= 0.02).collect();
    all.sort_by(|a, b| b.1.total_cmp(a.1));
    let all: Vec<String> = all
        .iter()
        .map(|(name, used)| format!("{} {used:.2}", name.trim_end_matches("-0")))
        .collect();
    all.join(", ")
}

fn ratio(name: &str, command: &str, of: &Slope, note: String) -> Figure {
    let ratio = of.against_bare();
    Figure {
        name: name.into(),
        goal: "2.5x".into(),
        least: "4x".into(),
        measured: format!("{ratio:.2}x"),
        note,
        met: Some((ratio <= 2.5, ratio <= 4.0)),
        command: command.into(),
        detail: serde_json::json!([of]),
    }
}

/// Sizes of the logs, and pairs of them.
fn sizes(quick: bool) -> ([u64; 2], usize) {
    if quick {
        ([500_000, 1_500_000], 1)
    } else {
        ([2_000_000, 6_000_000], MORE_PAIRS)
    }
}

fn each(of: &Slope) -> String {
    let each: Vec<String> = of.each.iter().map(|x| format!("{x:.2}")).collect();
    each.join(", ")
}

/// Figures 1 and 2.
pub fn figures(quick: bool) -> Result<Vec<Figure>> {
    let (sizes, pairs) = sizes(quick);
    let usual = slope(Job::USUAL, sizes, true, pairs)?;
    Ok(vec![
        Figure {
            name: "combine + window + score, core-s per million events".into(),
            goal: "1.2".into(),
            least: "2.0".into(),
            measured: format!("{:.2}", usual.stages),
            note: format!(
                "{} ({}); by thread: {}; broker beside it {:.2}",
                basis(sizes, pairs),
                each(&usual),
                shares(&usual.threads),
                usual.broker
            ),
            met: Some((usual.stages <= 1.2, usual.stages <= 2.0)),
            command: "catch-up".into(),
            detail: serde_json::Value::Null,
        },
        ratio(
            "against a bare batch consume of the same topic",
            "catch-up",
            &usual,
            format!(
                "{}; bare consume {:.2} core-s per million",
                basis(sizes, pairs),
                usual.bare
            ),
        ),
    ])
}

/// Figure 2, of a log that was written live.
pub fn live(quick: bool) -> Result<Vec<Figure>> {
    // Writing small batches takes longer than reading them.
    let (sizes, pairs) = if quick {
        ([100_000, 300_000], 1)
    } else {
        ([500_000, 1_500_000], PAIRS)
    };
    let live = slope(Job::LIVE, sizes, true, pairs)?;
    let note = format!(
        "{}; batches of {} instead of thousands; stages {:.2}, bare consume {:.2} core-s per million",
        basis(sizes, pairs),
        Job::LIVE.batch,
        live.stages,
        live.bare
    );
    let name = "the same, of a log written live at 10k events/s";
    Ok(vec![ratio(name, "catch-up-live", &live, note)])
}

/// Figures 1 and 2, of more than the job is.
pub fn judged(quick: bool) -> Result<Vec<Figure>> {
    let (sizes, pairs) = sizes(quick);
    let judged = slope(Job::JUDGED, sizes, true, pairs)?;
    Ok(vec![Figure {
        name: "more than that job: windows of four sizes, an early limit, a z-score".into(),
        goal: String::new(),
        least: String::new(),
        measured: format!("{:.2} core-s, {:.2}x", judged.stages, judged.against_bare()),
        note: format!(
            "{} ({}); by thread: {}; bare consume {:.2} core-s per million",
            basis(sizes, pairs),
            each(&judged),
            shares(&judged.threads),
            judged.bare
        ),
        met: None,
        command: "catch-up-judged".into(),
        detail: serde_json::json!([judged]),
    }])
}

/// Figure 6: the same job with fewer series, and with few and many partitions.
pub fn scale(quick: bool) -> Result<Vec<Figure>> {
    let (sizes, pairs) = if quick {
        ([250_000, 750_000], 1)
    } else {
        ([1_000_000, 3_000_000], PAIRS)
    };
    let of = |job, bare| slope(job, sizes, bare, pairs);
    let few = Job {
        engineers: 1000,
        ..Job::USUAL
    };
    let (few, usual) = (of(few, true)?, of(Job::USUAL, true)?);
    let one = Job {
        raw: 1,
        partials: 1,
        ..Job::USUAL
    };
    let many = Job {
        raw: 64,
        partials: 64,
        ..Job::USUAL
    };
    let (one, many) = (of(one, false)?, of(many, false)?);
    let (series, partitions) = (usual.stages / few.stages, many.stages / one.stages);
    let note = |unit: &str, a: &Slope, b: &Slope| {
        format!(
            "{unit}: {:.2} and {:.2} core-s per million; {}",
            a.stages,
            b.stages,
            basis(sizes, pairs)
        )
    };
    let figure = |name: &str, ratio: f64, note, detail| Figure {
        name: name.into(),
        goal: "flat".into(),
        least: "2x".into(),
        measured: format!("{ratio:.2}x"),
        note,
        met: Some((ratio <= 1.2, ratio <= 2.0)),
        command: "scale".into(),
        detail,
    };
    Ok(vec![
        figure(
            "cost per event, 1k to 100k engineers' series",
            series,
            format!(
                "{}; {:.2}x and {:.2}x of a bare consume",
                note("1k, 100k", &few, &usual),
                few.against_bare(),
                usual.against_bare()
            ),
            serde_json::json!([few, usual]),
        ),
        figure(
            "cost per event, 1 to 64 partitions",
            partitions,
            note("1, 64 (raw and partials)", &one, &many),
            serde_json::json!([one, many]),
        ),
    ])
}
