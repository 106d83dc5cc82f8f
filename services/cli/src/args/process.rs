//! `weir process` and `weir calamum`

use super::{GatewayArgs, tenant};
use clap::{Args as ClapArgs, Subcommand};
use std::path::PathBuf;
use std::time::Duration;

#[derive(Subcommand, Debug)]
pub enum ProcessCommand {
    /// Show one process: what it uses, how long it runs, what began it
    Detail(DetailArgs),
    /// End a process, after asking; never the first one, this one, or one that began it
    Kill(KillArgs),
    /// List processes that use more than they should
    Anomalies(AnomaliesArgs),
    /// Show what began a process, and what it began
    Tree(TreeArgs),
    /// Follow a process for a while; with --emit send samples of this machine to the gateway
    Watch(WatchArgs),
    /// Write what all processes use to a file of lines of JSON, which weir replay plays
    Snapshot(SnapshotArgs),
    /// List the largest processes
    System(SystemViewArgs),
}

/// Who looks, and where that is recorded.
#[derive(ClapArgs, Debug)]
pub struct ActorArgs {
    /// Who asks, for the record: an address or a pseudonym
    #[arg(long, env = "WEIR_ENGINEER", value_name = "EMAIL")]
    pub by: Option<String>,
    /// Whose events the record and samples are
    #[arg(long, default_value = "default", value_parser = tenant, value_name = "NAME")]
    pub tenant: String,
    #[command(flatten)]
    pub gateway: GatewayArgs,
    /// Print JSON for programs
    #[arg(long)]
    pub json: bool,
}

#[derive(ClapArgs, Debug)]
pub struct DetailArgs {
    /// Its id
    #[arg(long, value_name = "PID")]
    pub pid: i32,
    /// User, command line, threads and disks, too
    #[arg(short, long)]
    pub verbose: bool,
    #[command(flatten)]
    pub actor: ActorArgs,
}

#[derive(ClapArgs, Debug)]
pub struct KillArgs {
    /// Its id
    #[arg(long, value_name = "PID")]
    pub pid: i32,
    /// End it without a chance to clean up
    #[arg(long)]
    pub force: bool,
    /// Do not ask
    #[arg(long)]
    pub yes: bool,
    /// Why, for the record
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// When it began, as `detail --json` says (`started`): refused where the id belongs to another
    /// one by now
    #[arg(long, value_name = "TICKS")]
    pub started: Option<u64>,
    /// How long to wait for its end
    #[arg(long, default_value = "5s", value_name = "TIME", value_parser = humantime::parse_duration)]
    pub wait: Duration,
    #[command(flatten)]
    pub actor: ActorArgs,
}

#[derive(ClapArgs, Debug)]
pub struct AnomaliesArgs {
    /// Processor time from which on it is one, in percent of one core
    #[arg(long, default_value_t = 95.0, value_parser = positive, value_name = "PERCENT")]
    pub cpu_threshold: f64,
    /// Memory from which on it is one, in MB
    #[arg(long, default_value_t = 2048.0, value_parser = positive, value_name = "MB")]
    pub memory_threshold: f64,
    /// Leave out processes that run for less, in seconds
    #[arg(long, default_value_t = 0.0, value_parser = positive, value_name = "SECONDS")]
    pub min_runtime: f64,
    /// Running time from which on it is one, in seconds (else none is)
    #[arg(long, value_parser = positive, value_name = "SECONDS")]
    pub max_runtime: Option<f64>,
    /// At most so many, the busiest
    #[arg(long, default_value_t = 20, value_name = "N")]
    pub limit: usize,
    /// Users and command lines, too
    #[arg(short, long)]
    pub verbose: bool,
    #[command(flatten)]
    pub span: SpanArgs,
    #[command(flatten)]
    pub actor: ActorArgs,
}

/// Between the two looks that tell the use of processors.
#[derive(ClapArgs, Debug)]
pub struct SpanArgs {
    /// Time over which the use of processors is measured
    #[arg(long, default_value = "500ms", value_name = "TIME", value_parser = humantime::parse_duration)]
    pub over: Duration,
}

#[derive(ClapArgs, Debug)]
pub struct TreeArgs {
    /// Its id
    #[arg(long, value_name = "PID")]
    pub pid: i32,
    /// So many generations below it
    #[arg(long, default_value_t = 5, value_name = "N")]
    pub depth: usize,
    #[command(flatten)]
    pub actor: ActorArgs,
}

#[derive(ClapArgs, Debug)]
pub struct WatchArgs {
    /// Its id
    #[arg(long, value_name = "PID", required_unless_present = "emit")]
    pub pid: Option<i32>,
    /// Seconds between two samples (with --emit: those of the declaration)
    #[arg(long, value_parser = at_least_a_tenth, value_name = "SECONDS")]
    pub interval: Option<f64>,
    /// Seconds until it ends (else 20; with --emit: until Ctrl-C)
    #[arg(long, value_parser = positive, value_name = "SECONDS")]
    pub duration: Option<f64>,
    /// Send `process.sampled` and `resource.sampled`, as process.yaml declares
    #[arg(long)]
    pub emit: bool,
    /// Its command line with each sample
    #[arg(short, long)]
    pub verbose: bool,
    #[command(flatten)]
    pub actor: ActorArgs,
}

#[derive(ClapArgs, Debug)]
pub struct SnapshotArgs {
    /// Only programs and command lines that contain this
    #[arg(long, value_name = "TERM")]
    pub filter: Option<String>,
    /// At most so many, the largest
    #[arg(long, value_name = "N")]
    pub limit: Option<usize>,
    /// File (else metrics/process_snapshot_DATE_TIME.jsonl in the data directory)
    #[arg(long, value_name = "PATH")]
    pub output: Option<PathBuf>,
    /// Users and command lines, too
    #[arg(short, long)]
    pub verbose: bool,
    #[command(flatten)]
    pub span: SpanArgs,
    #[command(flatten)]
    pub actor: ActorArgs,
}

#[derive(ClapArgs, Debug)]
pub struct SystemViewArgs {
    /// At most so many
    #[arg(long, default_value_t = 10, value_name = "N")]
    pub limit: usize,
    /// Users and command lines, too
    #[arg(short, long)]
    pub verbose: bool,
    #[command(flatten)]
    pub span: SpanArgs,
    #[command(flatten)]
    pub actor: ActorArgs,
}

#[derive(Subcommand, Debug)]
pub enum CalamumCommand {
    /// Inject processes that use too much, see whether they are told of, and whether what must not
    /// be ended is refused
    Test(DrillArgs),
    /// What is injected
    #[command(hide = true)]
    Fault {
        /// Keep a processor busy
        #[arg(long)]
        cpu: bool,
        /// Take memory, in MB
        #[arg(long, default_value_t = 0, value_name = "MB")]
        memory: usize,
        /// Ends after so many seconds, whatever happens
        #[arg(long, value_name = "SECONDS")]
        seconds: u64,
    },
}

#[derive(ClapArgs, Debug)]
pub struct DrillArgs {
    /// What is drilled, as the report shall call it
    #[arg(long, value_name = "ID")]
    pub target: String,
    /// Report to write, Markdown where it ends with .md, else JSON
    #[arg(long, value_name = "PATH")]
    pub report: Option<PathBuf>,
    /// Processor time that is told of, in percent of one core
    #[arg(long, default_value_t = 40.0, value_parser = positive, value_name = "PERCENT")]
    pub cpu_threshold: f64,
    /// Memory that is told of, in MB; a quarter more is taken
    #[arg(long, default_value_t = 200.0, value_parser = a_little, value_name = "MB")]
    pub memory_threshold: f64,
    /// Seconds between two looks
    #[arg(long, default_value_t = 0.5, value_parser = at_least_a_tenth, value_name = "SECONDS")]
    pub interval: f64,
    /// Seconds in which a fault has to be told of
    #[arg(long, default_value_t = 15.0, value_parser = a_while, value_name = "SECONDS")]
    pub limit: f64,
    #[command(flatten)]
    pub actor: ActorArgs,
}

pub fn within(s: &str, least: f64, most: f64) -> Result<f64, String> {
    match s.parse::<f64>() {
        Ok(x) if x >= least && x <= most => Ok(x),
        Ok(_) => Err(format!("write {least} to {most}")),
        Err(e) => Err(e.to_string()),
    }
}

pub fn positive(s: &str) -> Result<f64, String> {
    within(s, 0.0, 1e12)
}

fn at_least_a_tenth(s: &str) -> Result<f64, String> {
    within(s, 0.1, 86_400.0)
}

/// Memory that a drill takes without harm.
fn a_little(s: &str) -> Result<f64, String> {
    within(s, 50.0, 2_000.0)
}

/// Seconds that a fault lasts.
fn a_while(s: &str) -> Result<f64, String> {
    within(s, 1.0, 300.0)
}
