//! Measures what weir costs, each figure against another one taken in the same run.

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use report::Figure;
use std::path::PathBuf;
use system::Work;

mod agents;
mod api;
mod catch_up;
mod child;
mod engine;
mod gateway;
mod generate;
mod hidden;
mod idle;
mod latency;
mod memory;
mod peers;
mod replay;
mod report;
mod running;
mod sink;
mod sparse;
mod system;
mod whole;

/// Serves the client library's C code too: with the C library's own allocator, reading costs twice
/// as much.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Where the allocator looks for its options.
#[unsafe(export_name = "malloc_conf")]
pub static MALLOC_CONF: &[u8] = weir_runtime::ALLOCATOR_OPTIONS;

#[derive(Parser)]
#[command(about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
    /// Small sizes: to see that it runs
    #[arg(long, global = true)]
    quick: bool,
    /// Document whose table is replaced
    #[arg(long, global = true, value_name = "FILE")]
    write: Option<PathBuf>,
    /// All numbers, as JSON
    #[arg(long, global = true, value_name = "FILE")]
    json: Option<PathBuf>,
}

#[derive(Subcommand)]
enum Command {
    /// All figures
    All,
    /// CPU of the stages over a log that is there, and against a bare consumer
    CatchUp,
    /// The same of a log that was written live, in small batches
    CatchUpLive,
    /// The same with windows of four sizes and detectors
    CatchUpJudged,
    /// Event to anomaly
    Latency,
    /// Rows per second of the sink against bare inserts
    Sink,
    /// Bytes per active series
    Memory,
    /// CPU by number of series and partitions
    Scale,
    /// CPU of the stages over a log with long pauses
    Sparse,
    /// `weir up` without work
    Idle,
    /// What taking events costs the gateway, and how soon it answers
    Gateway,
    /// `weir up` with the shipped catalog and a simulated organisation: what one pays
    Whole {
        /// Another weir, to compare with
        #[arg(long, value_name = "PROGRAM")]
        weir: Option<PathBuf>,
    },
    /// `weir import agents` over made session logs, beside another tool
    Agents {
        /// Megabytes of logs
        #[arg(long)]
        mb: Option<u64>,
        /// Command of the other tool; HOME and CLAUDE_CONFIG_DIR say where the logs are
        #[arg(long, value_name = "COMMAND")]
        other: Option<String>,
    },
    /// The api under new questions, questions asked before, and streams, all at once
    Api(api::Options),
    /// The engines of the three stages in one thread, without Kafka: for a profiler
    Engine {
        #[arg(long, default_value_t = 100_000)]
        engineers: u64,
        #[arg(long, default_value_t = 6_000_000)]
        events: u64,
    },
    /// A snapshot played into a fresh system, once for each number of instances
    Replay {
        snapshot: PathBuf,
        /// `1x`, `100x`, … or `max`
        #[arg(long, default_value = "max")]
        speed: String,
        /// Instances of the stages
        #[arg(long, value_delimiter = ',', default_values_t = [1, 2])]
        instances: Vec<u32>,
    },
    /// The job of `catch-up` and the same on Kafka Streams: `load-tests/peers/run` starts it
    Peers(peers::Options),
    #[command(hide = true)]
    Stages {
        #[arg(long)]
        work: Work,
        #[arg(long)]
        brokers: String,
    },
    #[command(hide = true, name = "sink-alone")]
    SinkAlone {
        #[arg(long)]
        brokers: String,
        #[arg(long)]
        clickhouse: String,
    },
    #[command(hide = true)]
    Consume {
        #[arg(long)]
        brokers: String,
    },
    #[command(hide = true)]
    Hold { raw: u32, file: PathBuf },
}

fn main() -> Result<()> {
    weir_runtime::log::init(&weir_runtime::log::LogConfig {
        filter: "warn".into(),
        json: false,
    });
    let arguments = Arguments::parse();
    let (catalog, quick) = (|| system::catalog(Work::Judged), arguments.quick);
    let figures: Vec<Figure> = match &arguments.command {
        Command::All => {
            let catalog = catalog()?;
            [
                catch_up::figures(quick)?,
                catch_up::live(quick)?,
                catch_up::judged(quick)?,
                latency::figures(&catalog, quick)?,
                sink::figures(&catalog, quick)?,
                memory::figures(&catalog, quick)?,
                catch_up::scale(quick)?,
                sparse::figures(&catalog, quick)?,
                idle::figures(quick)?,
                gateway::figures(quick)?,
                whole::figures(quick, None)?,
                agents::figures(agents::megabytes(quick), None)?,
            ]
            .concat()
        }
        Command::CatchUp => catch_up::figures(quick)?,
        Command::CatchUpLive => catch_up::live(quick)?,
        Command::CatchUpJudged => catch_up::judged(quick)?,
        Command::Latency => latency::figures(&catalog()?, quick)?,
        Command::Sink => sink::figures(&catalog()?, quick)?,
        Command::Memory => memory::figures(&catalog()?, quick)?,
        Command::Scale => catch_up::scale(quick)?,
        Command::Sparse => sparse::figures(&catalog()?, quick)?,
        Command::Idle => idle::figures(quick)?,
        Command::Gateway => gateway::figures(quick)?,
        Command::Whole { weir } => whole::figures(quick, weir.as_deref())?,
        Command::Agents { mb, other } => {
            agents::figures(mb.unwrap_or(agents::megabytes(quick)), other.as_deref())?
        }
        Command::Api(options) => api::figures(options)?,
        Command::Engine { engineers, events } => {
            return engine::print(&catalog()?, *engineers, *events).map(drop);
        }
        Command::Replay {
            snapshot,
            speed,
            instances,
        } => return replay::run(snapshot, speed, instances, arguments.json.is_some()),
        Command::Peers(options) => return peers::run(options, quick, arguments.json.as_deref()),
        Command::Stages { work, brokers } => return hidden::services(brokers, None, Some(*work)),
        Command::SinkAlone {
            brokers,
            clickhouse,
        } => return hidden::services(brokers, Some(clickhouse), None),
        Command::Consume { brokers } => return hidden::consume(brokers),
        Command::Hold { raw, file } => {
            println!(
                "{}",
                serde_json::to_string(&engine::hold(&catalog()?, *raw, file)?)?
            );
            return Ok(());
        }
    };
    let machine = report::context(quick);
    let table = report::table(&machine, &figures);
    println!("{table}");
    if let Some(file) = &arguments.json {
        let all = serde_json::json!({ "machine": machine, "figures": figures });
        std::fs::write(file, serde_json::to_vec_pretty(&all)?)
            .with_context(|| format!("writing {}", file.display()))?;
    }
    if let Some(document) = &arguments.write {
        report::write(document, &table)?;
    }
    Ok(())
}
