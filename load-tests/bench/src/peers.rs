//! The job of `catch-up` and the same job on Kafka Streams (`load-tests/peers`), in turn on the same
//! log: what each costs, and the ratio, once both have counted the same.

use crate::child::{self, Child};
use crate::generate::EVENT;
use crate::report;
use crate::system::{self, Committed, DEADLINE, System, Work, ends, history, read_all};
use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use weir_kafka::Brokers;
use weir_kafka::admin::{Admin, Partitions, TopicSpec};
use weir_model::records::{AggregateReader, Part, ValueRef};
use weir_model::topics;

/// How the two are run.
#[derive(Args)]
pub struct Options {
    /// Folder of the jars of `load-tests/peers`, its own classes in `classes` beside them
    #[arg(long, value_name = "DIR")]
    jars: PathBuf,
    /// Engineers, one run of all sizes for each
    #[arg(long, value_delimiter = ',', default_values_t = [1_000, 100_000])]
    engineers: Vec<u64>,
    /// Events of the larger log; the smaller one has a third of it
    #[arg(long)]
    events: Option<u64>,
    /// Pairs of logs for each number of engineers; their median is told
    #[arg(long)]
    pairs: Option<usize>,
    /// Threads of the Streams job
    #[arg(long, default_value_t = 2)]
    threads: u32,
    /// Milliseconds between commits of the Streams job: the longer, the cheaper
    #[arg(long, default_value_t = 2000)]
    commit_ms: u32,
    /// Heap of the Streams job, MiB
    #[arg(long, default_value_t = 3072)]
    heap: u32,
    /// Kills the Streams job after so many seconds and starts it again, to see that it still counts
    /// each event once; its figures are then those of the second start
    #[arg(long, value_name = "SECONDS")]
    kill_after: Option<f64>,
    /// An option of its Java machine (may stand more than once)
    #[arg(long = "java", value_name = "OPTION", allow_hyphen_values = true)]
    java: Vec<String>,
}

const PARTIALS: &str = "peers.partials";
const RESULTS: &str = "peers.results";
const GROUP: &str = "peers-streams";
/// Names of the rollups by their numbers in the results of the Streams job.
const ROLLUPS: [&str; 5] = ["capability", "engineer", "team", "capability,platform", ""];
/// Nothing may come any more after so long: more than the Streams job waits before it calls a
/// partition idle, and the commit after that.
const QUIET: Duration = Duration::from_secs(10);

/// What the results of one of them come to, over all windows of a rollup.
#[derive(Debug, Clone, Default, Serialize, PartialEq, Eq)]
struct Total {
    count: u64,
    failures: u64,
    tokens: u64,
}

/// By rollup.
type Totals = BTreeMap<String, Total>;

/// One of the two over one log.
#[derive(Debug, Clone, Serialize)]
struct Run {
    /// CPU seconds of the process, start and end included.
    cpu: f64,
    /// Of these: system time.
    system: f64,
    /// CPU seconds of the broker meanwhile.
    broker: f64,
    /// Largest resident size, bytes.
    peak: u64,
    /// Seconds by the clock, until nothing had come for a while.
    seconds: f64,
    /// Rows of results.
    rows: u64,
    /// Of these: rows of events that came too late for their window.
    late_rows: u64,
    totals: Totals,
}

/// Both over one log.
#[derive(Debug, Clone, Serialize)]
struct Both {
    events: u64,
    weir: Run,
    streams: Run,
}

/// Core-seconds per million events between two sizes of log.
#[derive(Debug, Clone, Serialize)]
struct Compared {
    engineers: u64,
    weir: f64,
    streams: f64,
    ratio: f64,
    weir_broker: f64,
    streams_broker: f64,
    /// CPU seconds of the Streams job that do not depend on the log: Java's start, part of its
    /// compiler's work, the wait at the end.
    streams_fixed: f64,
    pairs: Vec<[Both; 2]>,
}

#[derive(Default)]
struct Counted {
    totals: Totals,
    rows: u64,
    late_rows: u64,
}

impl Counted {
    fn add(&mut self, rollup: &str, late: bool, row: Total) {
        self.rows += 1;
        self.late_rows += u64::from(late);
        if !self.totals.contains_key(rollup) {
            self.totals.insert(rollup.to_owned(), Total::default());
        }
        if let Some(t) = self.totals.get_mut(rollup) {
            t.count += row.count;
            t.failures += row.failures;
            t.tokens += row.tokens;
        }
    }
}

/// What weir's results come to.
fn counted_by_weir(brokers: &Brokers) -> Result<Counted> {
    let mut all = Counted::default();
    read_all(brokers, topics::AGGREGATES, &mut |value| {
        let mut block = AggregateReader::new(value)?;
        let names: Vec<String> = block.rollups.iter().map(|r| r.join(",")).collect();
        while let Some(row) = block.next_row()? {
            let mut total = Total::default();
            let mut counts = 0;
            for value in row.values() {
                match value {
                    ValueRef::Count(n) if counts == 0 => (total.count, counts) = (n, 1),
                    ValueRef::Count(n) => total.failures = n,
                    ValueRef::Sum(tokens) => total.tokens = tokens.to_f64() as u64,
                    _ => {}
                }
            }
            all.add(&names[row.rollup], !matches!(row.part, Part::OnTime), total);
        }
        Ok(())
    })?;
    Ok(all)
}

/// What the results of the Streams job come to; `Row.java` says how a row is written.
fn counted_by_streams(brokers: &Brokers) -> Result<Counted> {
    let mut all = Counted::default();
    read_all(brokers, RESULTS, &mut |mut block| {
        while !block.is_empty() {
            let (length, rest) = block.split_first_chunk().context("a row's length")?;
            let (row, rest) = rest
                .split_at_checked(u32::from_be_bytes(*length) as usize)
                .context("a row that is cut off")?;
            let (flags, numbers) = row.split_first_chunk::<2>().context("a row's head")?;
            let number = |i: usize| -> Result<u64> {
                let bytes = numbers.get(8 * i..8 * i + 8).context("a row's head")?;
                Ok(u64::from_be_bytes(bytes.try_into()?))
            };
            let rollup = ROLLUPS.get(usize::from(flags[0])).context("a rollup")?;
            let row = Total {
                count: number(1)?,
                failures: number(2)?,
                tokens: number(3)?,
            };
            all.add(rollup, flags[1] != 0, row);
            block = rest;
        }
        Ok(())
    })?;
    Ok(all)
}

/// Starts one of the two, waits until it is through with the log, ends it, and counts its results.
fn measured(
    system: &System,
    start: impl FnOnce() -> Result<Child>,
    settled: impl FnOnce(&mut Child) -> Result<()>,
    counted: impl FnOnce(&Brokers) -> Result<Counted>,
) -> Result<Run> {
    let (broker, begun) = (system.broker_cpu()?, Instant::now());
    let mut job = start()?;
    settled(&mut job)?;
    let seconds = begun.elapsed().as_secs_f64();
    let broker = system.broker_cpu()? - broker;
    let usage = job.stop()?;
    let counted = counted(&system.brokers)?;
    Ok(Run {
        cpu: usage.cpu(),
        system: usage.system,
        broker,
        peak: usage.peak,
        seconds,
        rows: counted.rows,
        late_rows: counted.late_rows,
        totals: counted.totals,
    })
}

fn run_weir(system: &System, expected: u64) -> Result<Run> {
    measured(
        system,
        || system::stages(&system.brokers, Work::Plain),
        |stages| system.settled(stages, expected),
        counted_by_weir,
    )
}

/// `java` with the job; its state lies in `state`.
fn streams(options: &Options, partitions: &Partitions, brokers: &Brokers, state: &Path) -> Command {
    let home = std::env::var_os("JAVA_HOME").map(|h| Path::new(&h).join("bin/java"));
    let mut command = Command::new(home.unwrap_or_else(|| "java".into()));
    let jars = options.jars.display();
    // The collector that costs the least CPU time: nobody waits for an answer here.
    command.arg("-XX:+UseParallelGC");
    command.args(["-Xms", "-Xmx"].map(|o| format!("{o}{}m", options.heap)));
    command.arg("-Dorg.slf4j.simpleLogger.defaultLogLevel=error");
    command.args(&options.java);
    command.args([
        "-cp",
        &format!("{jars}/classes:{jars}/*"),
        "weir.peers.Main",
    ]);
    command.args(["--brokers", &brokers.bootstrap, "--group", GROUP]);
    command.args(["--raw", &topics::events(EVENT)]);
    command.args(["--partials", PARTIALS, "--results", RESULTS]);
    command.arg("--state").arg(state);
    let numbers = [
        ("--raw-partitions", partitions.raw),
        ("--partials-partitions", partitions.partials),
        ("--results-partitions", partitions.results),
        ("--threads", options.threads),
        ("--commit-ms", options.commit_ms),
    ];
    for (name, n) in numbers {
        command.arg(name).arg(n.to_string());
    }
    command
}

/// Topics of the job; those that weir has made have as many partitions.
fn make_topics(admin: &Admin, partitions: &Partitions) -> Result<()> {
    let topic = |name: &str, partitions| TopicSpec {
        name: name.into(),
        partitions,
        exact: true,
        config: vec![("max.message.bytes".into(), "16000000".into())],
    };
    let topics = [
        topic(PARTIALS, partitions.partials),
        topic(RESULTS, partitions.results),
    ];
    admin.ensure(&topics, partitions.replication)?;
    Ok(())
}

/// Waits until the job has read `log` offsets and wrote nothing for a while.
fn settled(job: &mut Child, admin: &Admin, brokers: &Brokers, log: i64) -> Result<()> {
    let raw = topics::events(EVENT);
    let read = Committed::new(brokers, GROUP, &raw, admin)?;
    let merged = Committed::new(brokers, GROUP, PARTIALS, admin)?;
    let mut last: (Vec<i64>, Instant) = (Vec::new(), Instant::now());
    let limit = Duration::from_secs(1800);
    child::until("reading the log", limit, Duration::from_millis(500), || {
        job.check()?;
        let done = read.read()?.iter().sum::<i64>() >= log;
        let now = vec![
            ends(admin, RESULTS)?.iter().sum(),
            merged.read()?.iter().sum(),
        ];
        if now != last.0 || !done {
            last = (now, Instant::now());
        }
        Ok(last.1.elapsed() > QUIET)
    })
}

/// Starts the job and ends it so that it can do nothing about it.
fn killed(command: Command, after: f64) -> Result<()> {
    let mut job = Child::spawn(command, "the Streams job")?;
    std::thread::sleep(Duration::from_secs_f64(after));
    job.check()?;
    // SAFETY: a signal to a child that was not waited for.
    unsafe { libc::kill(job.pid() as i32, libc::SIGKILL) };
    // Its status is that of the signal: an error here, and what was asked for.
    let _ = job.wait();
    Ok(())
}

fn run_streams(system: &System, options: &Options, partitions: &Partitions) -> Result<Run> {
    let admin = Admin::new(&system.brokers, DEADLINE)?;
    make_topics(&admin, partitions)?;
    let log = ends(&admin, &topics::events(EVENT))?.iter().sum();
    let state = tempfile::Builder::new().prefix("weir-peers-").tempdir()?;
    let command = || streams(options, partitions, &system.brokers, state.path());
    if let Some(seconds) = options.kill_after {
        killed(command(), seconds)?;
        let read = Committed::new(&system.brokers, GROUP, &topics::events(EVENT), &admin)?;
        let read = read.read()?.iter().sum::<i64>();
        eprintln!("  killed after {read} of {log} offsets");
    }
    measured(
        system,
        || Child::spawn(command(), "the Streams job"),
        |job| settled(job, &admin, &system.brokers, log),
        counted_by_streams,
    )
}

/// One log, and both of them on it.
fn both(options: &Options, engineers: u64, events: u64) -> Result<Both> {
    let catalog = system::catalog(Work::Plain)?;
    let partitions = Partitions::default();
    let system = System::start(&catalog, &partitions)?;
    let spec = history(engineers, partitions.raw);
    let expected = system.fill(&catalog, &spec, events, 10_000)?;
    let weir = run_weir(&system, expected)?;
    let streams = run_streams(&system, options, &partitions)?;
    for (name, run) in [("weir", &weir), ("Streams", &streams)] {
        let (cpu, broker) = (run.cpu, run.broker);
        eprintln!("  {events} events, {name}: {cpu:.1} core-s, broker {broker:.1}");
        ensure!(
            run.totals.len() == ROLLUPS.len() && run.totals.values().all(|t| t.count == expected),
            "{name} counted {:?}, the log holds {expected} events",
            run.totals
        );
    }
    if weir.totals != streams.totals {
        bail!(
            "the two differ, so there is nothing to compare: {:?} and {:?}",
            weir.totals,
            streams.totals
        );
    }
    Ok(Both {
        events,
        weir,
        streams,
    })
}

fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}

fn compare(options: &Options, engineers: u64, sizes: [u64; 2], pairs: usize) -> Result<Compared> {
    eprintln!("{engineers} engineers");
    let pair = |_| -> Result<[Both; 2]> {
        Ok([
            both(options, engineers, sizes[0])?,
            both(options, engineers, sizes[1])?,
        ])
    };
    let pairs: Vec<[Both; 2]> = (0..pairs).map(pair).collect::<Result<_>>()?;
    let millions = (sizes[1] - sizes[0]) as f64 / 1e6;
    let slope = |of: &dyn Fn(&Both) -> f64| {
        median(
            pairs
                .iter()
                .map(|[small, large]| (of(large) - of(small)) / millions)
                .collect(),
        )
    };
    let (weir, streams) = (slope(&|b| b.weir.cpu), slope(&|b| b.streams.cpu));
    let small = median(pairs.iter().map(|p| p[0].streams.cpu).collect());
    Ok(Compared {
        engineers,
        weir,
        streams,
        ratio: streams / weir,
        weir_broker: slope(&|b| b.weir.broker),
        streams_broker: slope(&|b| b.streams.broker),
        streams_fixed: small - streams * sizes[0] as f64 / 1e6,
        pairs,
    })
}

/// Runs all of it and prints the table; all numbers go to `json`.
///
/// # Errors
/// One of them ended, did not come to an end, or counted something else than the log holds.
pub fn run(options: &Options, quick: bool, json: Option<&Path>) -> Result<()> {
    let large = options
        .events
        .unwrap_or(if quick { 1_500_000 } else { 6_000_000 });
    let sizes = [large / 3, large];
    let pairs = options.pairs.unwrap_or(if quick { 1 } else { 3 }).max(1);
    ensure!(large >= 300_000, "give --events 300000 or more");
    let of = |engineers: &u64| compare(options, *engineers, sizes, pairs);
    let all: Vec<Compared> = options.engineers.iter().map(of).collect::<Result<_>>()?;
    let machine = report::context(quick);
    println!(
        "{}, {}, commit {}: core-s per million events, slope between {} and {} events, median of {pairs}; in brackets the broker's",
        machine.processor, machine.at, machine.commit, sizes[0], sizes[1]
    );
    println!("| engineers | weir | Kafka Streams | ratio |");
    println!("|---|---|---|---|");
    for c in &all {
        println!(
            "| {} | {:.2} ({:.2}) | {:.2} ({:.2}) | {:.1}x |",
            c.engineers, c.weir, c.weir_broker, c.streams, c.streams_broker, c.ratio
        );
    }
    if let Some(file) = json {
        let all = serde_json::json!({ "machine": machine, "compared": all });
        std::fs::write(file, serde_json::to_vec_pretty(&all)?)
            .with_context(|| format!("writing {}", file.display()))?;
    }
    Ok(())
}
