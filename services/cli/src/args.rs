//! What can be typed.

mod alerts;
mod analytics;
mod experiment;
mod hook;
mod procedure;
mod process;
mod top;

pub use alerts::{AlertsArgs, AlertsListArgs, SayArgs, SpeakerArgs};
pub use analytics::{AimArgs, AnalyticsArgs, AnalyticsCommand};
pub use experiment::{ExperimentArgs, ExperimentCommand};
pub use hook::{HookCommand, HookInstallArgs, HookPathArgs};
pub use procedure::{AboutArgs, FeedbackArgs, InvokedArgs, ProcedureCommand};
pub use process::{
    ActorArgs, AnomaliesArgs, CalamumCommand, DetailArgs, DrillArgs, KillArgs, ProcessCommand,
    SnapshotArgs, SpanArgs, SystemViewArgs, TreeArgs, WatchArgs,
};
pub use top::TopArgs;

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;
use weir_runtime::config::Secret;

/// Turns raw telemetry of AI-assisted engineering into numbers people can trust.
///
/// Producers publish events to Kafka; weir windows them into aggregates, anomalies and KPIs,
/// exactly once, and writes them to ClickHouse. Start everything on this machine with `weir up`,
/// then try `weir simulate` and `weir query kpis`.
#[derive(Parser, Debug)]
#[command(
    name = "weir",
    version,
    max_term_width = 110,
    arg_required_else_help = true
)]
#[command(
    after_help = "First steps:\n  weir up                       start Kafka, ClickHouse and all services here\n  weir connect claude-code      make a coding agent send here\n  weir simulate --days 14       publish a simulated organisation\n  weir import git .             publish the history of this repository\n  weir query                    list the questions that have names\n  weir query kpis               ask one\n  weir verify                   count everything again from the log and compare"
)]
pub struct Args {
    #[command(flatten)]
    pub system: SystemArgs,
    /// Print tables in full width; else they fit the terminal, or 120 columns where there is none
    #[arg(long, global = true)]
    pub wide: bool,
    #[command(subcommand)]
    pub command: Command,
}

/// Where the system is.
#[derive(ClapArgs, Debug, Clone)]
pub struct SystemArgs {
    /// Data directory of a system on this machine
    #[arg(
        long,
        global = true,
        default_value = ".weir",
        env = "WEIR_DATA_DIR",
        value_name = "DIR"
    )]
    pub data_dir: PathBuf,
    /// Kafka brokers of a system elsewhere (`host:port,…`)
    #[arg(long, global = true, env = "WEIR_BROKERS", value_name = "HOSTS")]
    pub brokers: Option<String>,
    /// ClickHouse of a system elsewhere (`http://host:8123`); its password is read from
    /// WEIR_CLICKHOUSE_PASSWORD
    #[arg(
        long,
        global = true,
        env = "WEIR_CLICKHOUSE",
        hide_env_values = true,
        value_name = "URL",
        value_parser = secret
    )]
    pub clickhouse: Option<Secret>,
    /// User of that ClickHouse
    #[arg(
        long,
        global = true,
        env = "WEIR_CLICKHOUSE_USER",
        hide_short_help = true,
        value_name = "NAME"
    )]
    pub clickhouse_user: Option<String>,
    /// File with the password of that user
    #[arg(
        long,
        global = true,
        env = "WEIR_CLICKHOUSE_PASSWORD_FILE",
        hide_short_help = true,
        value_name = "FILE"
    )]
    pub clickhouse_password_file: Option<PathBuf>,
    /// Name of the cluster that this ClickHouse is, for who makes its tables (the sink)
    #[arg(
        long,
        global = true,
        env = "WEIR_CLICKHOUSE_CLUSTER",
        hide_short_help = true,
        value_name = "NAME"
    )]
    pub clickhouse_cluster: Option<String>,
    /// Folder of schemas and catalog in place of the built-in one
    #[arg(long, global = true, env = "WEIR_SCHEMAS", value_name = "DIR")]
    pub schemas: Option<PathBuf>,
}

#[derive(Subcommand, Debug)]
pub enum Command {
    /// Start Kafka, the ClickHouse engine and all services on this machine, until Ctrl-C
    Up(UpArgs),
    /// Show what runs, how far it is and what waits
    Status(StatusArgs),
    /// Show what goes on, live: the pipeline, spend, alerts
    Top(TopArgs),
    /// Print a link into the dashboard, which opens once
    Dashboard(DashboardArgs),
    /// Publish what other tools recorded: a repository's history, or a table through a mapping
    #[command(subcommand_negates_reqs = true, args_conflicts_with_subcommands = true)]
    Import(ImportArgs),
    /// Publish a simulated organisation with labelled anomalies
    Simulate(SimulateArgs),
    /// Write a span of the raw log to a snapshot file
    Record(RecordArgs),
    /// Play a snapshot file into the log, keeping its event times
    Replay(ReplayArgs),
    /// Ask ClickHouse: SQL, or a question by name (without arguments: lists them)
    Query(QueryArgs),
    /// List what is told, follow it, take care of it, or silence it
    Alerts(AlertsArgs),
    /// Operators, their training, costs and boards
    #[command(subcommand)]
    Analytics(AnalyticsCommand),
    /// Write a report for people: of an engineer, a team, for executives, … (without arguments:
    /// lists them)
    Report(ReportArgs),
    /// Reports of teams without a shared system
    #[command(subcommand)]
    Team(TeamCommand),
    /// Forecast a series of a CSV file, with intervals and a back-test
    Forecast(ForecastArgs),
    /// Show a KPI over some days: value, terms, trend, and the days
    Kpi(KpiArgs),
    /// List which KPIs get better or worse, computed once a day is over
    Trends(TrendsArgs),
    /// List what deserves a look, computed once a day is over: verdicts, budgets, causes, savings
    Findings(FindingsArgs),
    /// Experiments: roll out, hold or roll back?
    #[command(subcommand)]
    Experiment(ExperimentCommand),
    /// Count everything again from the raw log, plainly, and compare with ClickHouse
    Verify(VerifyArgs),
    /// Tell what a number is made of: formula, terms, parts, prices, and the events in the log
    #[command(subcommand)]
    Explain(ExplainCommand),
    /// Judge recorded history again, without telling anybody: how often would each rule have fired?
    Backtest(BacktestArgs),
    /// What is usual of a KPI
    #[command(subcommand)]
    Baseline(BaselineCommand),
    /// Compare the anomalies that a simulation injected with those that were found
    Truth(TruthArgs),
    /// Hash the merged numbers and final rows: equal logs give equal digests
    Digest(DigestArgs),
    /// Records that could not be read
    #[command(subcommand)]
    Dlq(DlqCommand),
    /// List the topics with partitions, records and lag
    Topics(TopicsArgs),
    /// What brokers elsewhere have to know about weir
    #[command(subcommand)]
    Kafka(KafkaCommand),
    /// What a ClickHouse elsewhere has to know about weir
    #[command(subcommand)]
    Store(StoreCommand),
    /// Check the catalog, or print what it declares
    #[command(subcommand)]
    Catalog(CatalogCommand),
    /// Derive everything again from the first offset of the log, as a new run (restart the services
    /// after it)
    Reprocess(JsonArgs),
    /// Run the stages alone against brokers elsewhere
    Processor(ProcessorArgs),
    /// Run the sink alone against brokers and ClickHouse elsewhere
    Sink(ServiceArgs),
    /// Run the gateway alone against brokers elsewhere: events over HTTP to Kafka
    Gateway(ServiceArgs),
    /// Run the api alone against brokers and ClickHouse elsewhere: what was counted, over HTTP
    Api(ServiceArgs),
    /// Run the alert consumer alone: alerts to people, by the routes of a file
    Notify(NotifyArgs),
    /// Make, list and revoke the tokens that open the gateway and the api
    #[command(subcommand)]
    Token(TokenCommand),
    /// List who pseudonyms stand for, where names are replaced
    People(PeopleArgs),
    /// Forget who a pseudonym stands for: `weir erase --engineer ada@example.com`
    Erase(EraseArgs),
    /// Send an event to the gateway: `weir emit incident.recorded severity=high …`
    Emit(EmitArgs),
    /// Make a coding agent or a program send here: `weir connect claude-code --write`
    Connect(ConnectArgs),
    /// Show who sends OpenTelemetry here: versions, when, what, and what is to be mended
    Sources(SourcesArgs),
    /// Look at the processes of this machine, and end one
    #[command(subcommand)]
    Process(ProcessCommand),
    /// Drill: are processes that use too much told of, and how soon?
    #[command(subcommand)]
    Calamum(CalamumCommand),
    /// Publish commits as they are made, by a hook of git
    #[command(subcommand)]
    Hook(HookCommand),
    /// Say what a procedure was good for, or that one was followed
    #[command(subcommand)]
    Procedure(ProcedureCommand),
    /// Ask a service whether it is ready, and end with 0 where it is
    Probe(ProbeArgs),
    /// Say what would happen if this version took over the running system; changes nothing
    Upgrade(UpgradeArgs),
    /// Print the completions of a shell
    Completions {
        /// Shell
        shell: clap_complete::Shell,
    },
}

#[derive(Subcommand, Debug)]
pub enum KafkaCommand {
    /// Print the ACLs that each service needs, and nothing more
    Acls {
        /// As commands of Kafka's own tool, or as JSON for programs
        #[arg(long, value_enum, default_value_t = AclFormat::KafkaAcls)]
        format: AclFormat,
        /// How principals are called, with `{service}` for the name of each service
        #[arg(long, default_value = "User:weir-{service}", value_name = "NAME")]
        principal: String,
        /// Brokers that the commands name
        #[arg(long, default_value = "localhost:9092", value_name = "HOST")]
        host: String,
    },
}

#[derive(Subcommand, Debug)]
pub enum StoreCommand {
    /// Print the SQL of roles, users and row policies, for an administrator to run once the sink
    /// has made the tables
    Grants {
        /// Database
        #[arg(long, default_value = "weir", value_name = "NAME")]
        database: String,
        /// Tenants that shall have a user each, which sees nothing of the others
        #[arg(long, value_delimiter = ',', value_parser = tenant, value_name = "NAME")]
        tenant: Vec<String>,
    },
}

#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum AclFormat {
    KafkaAcls,
    Json,
}

#[derive(ClapArgs, Debug)]
pub struct ProbeArgs {
    /// Address of its health and metrics
    #[arg(value_name = "ADDR", required_unless_present = "describe")]
    pub address: Option<String>,
    /// Ask whether it lives: whether a restart would not help
    #[arg(long)]
    pub live: bool,
    /// Ask nobody, print what metrics services have, and what to do when each moves
    #[arg(long, conflicts_with = "address")]
    pub describe: bool,
    /// Print that as JSON for programs
    #[arg(long, requires = "describe")]
    pub json: bool,
}

#[derive(ClapArgs, Debug)]
pub struct UpgradeArgs {
    /// Compare versions: ends with 0 where the system goes on, 3 where something is derived again,
    /// 1 where this version does not take it over
    #[arg(long, required = true)]
    pub check: bool,
    /// Print JSON for programs
    #[arg(long)]
    pub json: bool,
}

#[derive(ClapArgs, Debug)]
pub struct TopicsArgs {
    /// Ask nobody, print what keys and values are, how long they stay, who writes and who reads them
    #[arg(long)]
    pub describe: bool,
    /// Print JSON for programs
    #[arg(long)]
    pub json: bool,
}

#[derive(ClapArgs, Debug)]
pub struct JsonArgs {
    /// Print JSON for programs
    #[arg(long)]
    pub json: bool,
}

#[derive(ClapArgs, Debug)]
pub struct StatusArgs {
    /// Show what opens ClickHouse for reading, and Kafka's second port, for other tools (user and
    /// password), the gateway's token, and a link into the dashboard
    #[arg(long)]
    pub secrets: bool,
    /// A row for each topic; else those that are read count as one
    #[arg(long)]
    pub all: bool,
    /// Print JSON for programs
    #[arg(long)]
    pub json: bool,
}

#[derive(ClapArgs, Debug)]
pub struct PeopleArgs {
    /// Only of this tenant
    #[arg(long, value_name = "NAME")]
    pub tenant: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(ClapArgs, Debug)]
pub struct EraseArgs {
    /// Who is to be forgotten: the address, or the pseudonym
    #[arg(long, value_name = "WHO")]
    pub engineer: String,
    /// Tenant whose events name them
    #[arg(long, default_value = "default", value_name = "NAME")]
    pub tenant: String,
    /// Print the receipt as JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(ClapArgs, Debug)]
pub struct UpArgs {
    /// Port of Kafka (chosen free and remembered where not given)
    #[arg(long, value_name = "PORT")]
    pub kafka_port: Option<u16>,
    /// Port of ClickHouse's HTTP interface
    #[arg(long, value_name = "PORT")]
    pub clickhouse_port: Option<u16>,
    /// Address of health and metrics
    #[arg(long, default_value = "127.0.0.1:0", value_name = "ADDR")]
    pub http: String,
    /// Partitions of each raw topic, fixed when first made
    #[arg(long, default_value_t = 4, value_name = "N")]
    pub raw_partitions: u32,
    /// Partitions of the partials, fixed when first made
    #[arg(long, default_value_t = 16, value_name = "N")]
    pub partials: u32,
    /// Processor instances in this process
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub processors: u32,
    /// Services to start beside Kafka and ClickHouse
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "processor,sink,gateway,api",
        value_name = "LIST"
    )]
    pub services: Vec<String>,
    /// Address of the gateway (127.0.0.1:4318, or another port where that is taken)
    #[arg(long, value_name = "ADDR")]
    pub gateway: Option<std::net::SocketAddr>,
    /// Whether gateway and imports write pseudonyms in place of names; once begun it holds for the
    /// data directory
    #[arg(long, value_enum, value_name = "MODE")]
    pub privacy: Option<crate::system::PrivacyMode>,
    /// Address of OTLP over gRPC (127.0.0.1:4317, or another port where that is taken)
    #[arg(long, value_name = "ADDR")]
    pub otlp_grpc: Option<std::net::SocketAddr>,
    /// Address of the api (127.0.0.1:9347, or another port where that is taken)
    #[arg(long, value_name = "ADDR")]
    pub api: Option<std::net::SocketAddr>,
    /// File that says who is told of alerts: starts the alert consumer too
    #[arg(long, value_name = "FILE")]
    pub notify: Option<PathBuf>,
    /// File that says which reports are mailed when and to whom (docs/reports.md)
    #[arg(long, value_name = "FILE")]
    pub reports: Option<PathBuf>,
}

impl UpArgs {
    /// Whether a service is to run.
    pub fn wants(&self, service: &str) -> bool {
        self.services.iter().any(|s| s == service)
    }
}

#[derive(ClapArgs, Debug)]
pub struct DashboardArgs {
    /// Whose numbers it shows (default: the owner's tenant); a token is made for another one
    #[arg(long, value_parser = tenant)]
    pub tenant: Option<String>,
    /// Print JSON for programs
    #[arg(long)]
    pub json: bool,
}

#[derive(Subcommand, Debug)]
pub enum TokenCommand {
    /// Make a token; it is printed once, alone on its line
    Create {
        /// Whose events it sends
        #[arg(long, value_parser = tenant)]
        tenant: String,
        /// What it is good for
        #[arg(long, value_enum, value_delimiter = ',', default_value = "write")]
        scope: Vec<TokenScope>,
        /// Name: also the source of events that name none (its id where not given)
        #[arg(long, value_parser = tenant)]
        name: Option<String>,
        /// Print JSON for programs
        #[arg(long)]
        json: bool,
    },
    /// List the tokens: who they are for, never what they are
    List(JsonArgs),
    /// End a token at once, by its id
    Revoke {
        /// Id, as `weir token list` shows it
        id: String,
        /// Print JSON for programs
        #[arg(long)]
        json: bool,
    },
}

#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenScope {
    /// Send events, register schemas
    Write,
    /// Read what was counted, and schemas; without what is about single persons or few
    Read,
    /// With `read`: what is about single persons or few, too
    Persons,
}

#[derive(ClapArgs, Debug)]
pub struct EmitArgs {
    /// Event type
    pub event: String,
    /// `field=value`, by the names of the event type's schema (`engineer.email=a@b.c`);
    /// `field:=JSON` for lists and records
    #[arg(value_name = "FIELD=VALUE")]
    pub fields: Vec<String>,
    /// Check the event and send nothing
    #[arg(long)]
    pub validate: bool,
    #[command(flatten)]
    pub gateway: GatewayArgs,
    /// Print JSON for programs
    #[arg(long)]
    pub json: bool,
}

/// Where events are sent to.
#[derive(ClapArgs, Debug, Clone)]
pub struct GatewayArgs {
    /// Gateway of a system elsewhere
    #[arg(long, env = "WEIR_URL", value_name = "URL")]
    pub url: Option<String>,
    /// Token (the owner's, of the data directory, where not given)
    #[arg(long, env = "WEIR_TOKEN", hide_env_values = true, value_name = "TOKEN", value_parser = secret)]
    pub token: Option<Secret>,
}

#[derive(ClapArgs, Debug)]
pub struct ConnectArgs {
    /// claude-code, codex, copilot, gemini, opencode, python or qwen (without it: lists them)
    #[arg(required_if_eq_any([("write", "true"), ("check", "true")]))]
    pub client: Option<String>,
    /// Show what changes in the settings of the client, and write it
    #[arg(long)]
    pub write: bool,
    /// Wait for the first record of the client, and say what came
    #[arg(long)]
    pub check: bool,
    /// Seconds that --check waits
    #[arg(long, default_value_t = 60, value_name = "SECONDS")]
    pub timeout: u64,
    #[command(flatten)]
    pub gateway: GatewayArgs,
    /// Print JSON for programs
    #[arg(long)]
    pub json: bool,
}

/// Which rows of what is computed once a day is over.
#[derive(ClapArgs, Debug)]
pub struct ComputedArgs {
    /// Values of dimensions: `team=payments`
    #[arg(
        long,
        default_value = "",
        hide_default_value = true,
        value_name = "NAME=VALUE,…"
    )]
    pub subject: String,
    /// Of data through this day and later ones (only the newest where not given)
    #[arg(long, value_name = "DAY")]
    pub since: Option<String>,
    /// Whose (needed where there are several tenants)
    #[arg(long)]
    pub tenant: Option<String>,
    /// Most rows
    #[arg(long, default_value_t = 50, value_name = "N")]
    pub limit: usize,
    /// Print JSON for programs
    #[arg(long)]
    pub json: bool,
}

#[derive(ClapArgs, Debug)]
pub struct TrendsArgs {
    /// Only this KPI
    pub kpi: Option<String>,
    /// improving, stable or degrading
    #[arg(long, value_name = "WORD")]
    pub verdict: Option<String>,
    #[command(flatten)]
    pub of: ComputedArgs,
}

#[derive(ClapArgs, Debug)]
pub struct FindingsArgs {
    /// trend, budget, experiment, cause, recommendation or opportunity
    pub kind: Option<String>,
    /// About this KPI, budget, experiment, detector, skill or saving
    #[arg(long, value_name = "NAME")]
    pub about: Option<String>,
    /// That say so, e.g. used_up
    #[arg(long, value_name = "WORD")]
    pub verdict: Option<String>,
    #[command(flatten)]
    pub of: ComputedArgs,
}

#[derive(ClapArgs, Debug)]
pub struct KpiArgs {
    /// Name
    pub kpi: String,
    /// Values of dimensions: `team=payments`
    #[arg(
        long,
        default_value = "",
        hide_default_value = true,
        value_name = "NAME=VALUE,…"
    )]
    pub subject: String,
    /// Days that end with yesterday
    #[arg(long, default_value_t = 28, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=3660))]
    pub days: u32,
    /// Whose (needed where there are several tenants)
    #[arg(long)]
    pub tenant: Option<String>,
    /// Most subjects
    #[arg(long, default_value_t = 50, value_name = "N")]
    pub limit: usize,
    /// Print JSON for programs
    #[arg(long)]
    pub json: bool,
}

#[derive(ClapArgs, Debug)]
pub struct SourcesArgs {
    /// Days to look back
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=3660))]
    pub days: u32,
    /// Only this tenant
    #[arg(long)]
    pub tenant: Option<String>,
    /// Print JSON for programs
    #[arg(long)]
    pub json: bool,
}

#[derive(ClapArgs, Debug)]
pub struct ImportArgs {
    #[command(subcommand)]
    pub source: Option<ImportSource>,
    /// Mapping: a file, or the name of a shipped one (coding-agent-trace, azure-llm-trace,
    /// conversation-trace, assistant-analytics)
    #[arg(long, value_name = "FILE.yaml", required = true)]
    pub map: Option<String>,
    /// CSV or JSONL, gzipped or not
    #[arg(required = true)]
    pub data: Vec<PathBuf>,
    /// Nothing is added to the files any more: a last line without its end counts (packed files and
    /// pipes are complete anyway)
    #[arg(long)]
    pub complete: bool,
    /// Tenant of the events
    #[arg(long, default_value = "default", value_parser = tenant)]
    pub tenant: String,
    /// Print JSON for programs
    #[arg(long)]
    pub json: bool,
}

#[derive(Subcommand, Debug)]
pub enum ImportSource {
    /// The history of a repository as `productivity.recorded`, one event per commit
    Git {
        /// Path of a clone, a worktree, a bare repository, or anything inside one
        path: PathBuf,
        /// Tenant of the events
        #[arg(long, default_value = "default", value_parser = tenant)]
        tenant: String,
        /// Team of the engineers
        #[arg(long, default_value = "")]
        team: String,
        /// Print JSON for programs
        #[arg(long)]
        json: bool,
    },
    /// What coding agents did on this machine, out of the session logs that they keep, and what it
    /// cost: Claude Code, Codex, Gemini CLI, Qwen Code, opencode
    Agents(AgentsArgs),
}

#[derive(ClapArgs, Debug)]
pub struct AgentsArgs {
    /// Folder to look in as if it were a person's home; no variable moves anything then
    #[arg(long, value_name = "DIR")]
    pub home: Option<PathBuf>,
    /// Only these agents, e.g. claude-code,codex
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub agent: Vec<String>,
    /// Only what happened from this day on, e.g. 2026-01-05
    #[arg(long, value_name = "DAY")]
    pub since: Option<jiff::civil::Date>,
    /// Publish nothing, and ask for no running system
    #[arg(long)]
    pub dry_run: bool,
    /// Go on with what is written, until Ctrl-C
    #[arg(long)]
    pub watch: bool,
    /// Address of the person whose logs they are (default: git's user.email)
    #[arg(long, value_name = "EMAIL")]
    pub engineer: Option<String>,
    /// Tenant of the events
    #[arg(long, default_value = "default", value_parser = tenant)]
    pub tenant: String,
    /// Team of the engineer
    #[arg(long, default_value = "")]
    pub team: String,
    /// Print JSON for programs
    #[arg(long)]
    pub json: bool,
}

/// A URL may have a password in it.
fn secret(s: &str) -> Result<Secret, std::convert::Infallible> {
    Ok(Secret::new(s))
}

fn at_least_one(s: &str) -> Result<usize, String> {
    match s.parse() {
        Ok(0) => Err("there must be at least one".into()),
        Ok(n) => Ok(n),
        Err(e) => Err(e.to_string()),
    }
}

/// A factor or rate: finite and not below zero.
fn factor(s: &str) -> Result<f64, String> {
    match s.parse::<f64>() {
        Ok(x) if x.is_finite() && x >= 0.0 => Ok(x),
        Ok(_) => Err("write a number from 0 on".into()),
        Err(e) => Err(e.to_string()),
    }
}

/// Events without a tenant would all become dead letters.
fn tenant(s: &str) -> Result<String, String> {
    if s.is_empty() || s.len() > 512 || s.chars().any(|c| c < ' ') {
        return Err("a tenant has 1 to 512 bytes and no control characters".into());
    }
    Ok(s.to_owned())
}

#[derive(ClapArgs, Debug)]
pub struct SimulateArgs {
    /// Engineers
    #[arg(long, default_value_t = 50, value_parser = at_least_one)]
    pub engineers: usize,
    /// Days, the last one being yesterday (or see --start)
    #[arg(long, default_value_t = 14, value_parser = clap::value_parser!(u32).range(1..=3660))]
    pub days: u32,
    /// Seed: the same numbers give the same events
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// First day, e.g. 2026-01-05
    #[arg(long, value_name = "DATE")]
    pub start: Option<String>,
    /// Tenant
    #[arg(long, default_value = "acme", value_parser = tenant)]
    pub tenant: String,
    /// Multiplies everybody's activity
    #[arg(long, default_value_t = 1.0, value_parser = factor)]
    pub intensity: f64,
    /// Inject no anomalies
    #[arg(long)]
    pub quiet: bool,
    /// Only these event types, e.g. ai.query,ai.feedback
    #[arg(
        long,
        value_name = "TYPE",
        value_delimiter = ',',
        conflicts_with = "live"
    )]
    pub only: Vec<String>,
    /// File for the truth about the injected anomalies (default: truth-SEED.jsonl in the data
    /// directory)
    #[arg(long, value_name = "FILE")]
    pub truth: Option<PathBuf>,
    /// Events now, at --rate per second, until Ctrl-C or --seconds
    #[arg(long)]
    pub live: bool,
    /// Events per second with --live
    #[arg(long, default_value_t = 100.0, value_parser = factor)]
    pub rate: f64,
    /// End a live simulation after so many seconds
    #[arg(long, value_parser = factor)]
    pub seconds: Option<f64>,
    /// Print JSON for programs
    #[arg(long)]
    pub json: bool,
}

#[derive(ClapArgs, Debug)]
pub struct RecordArgs {
    /// Snapshot file to write
    pub file: PathBuf,
    /// From this log time, e.g. 2026-01-05T00:00:00Z
    #[arg(long, value_name = "TIME")]
    pub from: Option<String>,
    /// Up to this log time
    #[arg(long, value_name = "TIME")]
    pub through: Option<String>,
    /// Print JSON for programs
    #[arg(long)]
    pub json: bool,
}

#[derive(ClapArgs, Debug)]
pub struct ReplayArgs {
    /// Snapshot file to play: of `weir record`, or of `weir process snapshot`
    pub file: PathBuf,
    /// `1x`, `100x`, … or `max`
    #[arg(long, default_value = "max")]
    pub speed: String,
    /// Print JSON for programs
    #[arg(long)]
    pub json: bool,
}

#[derive(ClapArgs, Debug)]
pub struct QueryArgs {
    /// SQL, or the name of a question
    pub question: Option<String>,
    /// Parameters of the question: `--days 30`, `--tenant acme`, …
    #[arg(
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "PARAMETERS"
    )]
    pub parameters: Vec<String>,
    /// Print JSON for programs
    #[arg(long, conflicts_with = "csv")]
    pub json: bool,
    /// Print CSV
    #[arg(long)]
    pub csv: bool,
}

#[derive(ClapArgs, Debug)]
pub struct ReportArgs {
    /// Name of the report
    pub report: Option<String>,
    /// Whole days up to yesterday, or up to --to: 30d, 4w, 3mo (default: as the report declares)
    #[arg(long, value_name = "DAYS", conflicts_with = "from")]
    pub period: Option<String>,
    /// First day of the tenant
    #[arg(long, value_name = "DATE")]
    pub from: Option<String>,
    /// Last day, included
    #[arg(long, value_name = "DATE")]
    pub to: Option<String>,
    /// Whom it is about, where it is about one: an engineer's e-mail address
    #[arg(long, value_name = "NAME")]
    pub subject: Option<String>,
    /// Whose numbers (default: the only tenant that has data)
    #[arg(long, value_name = "TENANT")]
    pub tenant: Option<String>,
    /// html, md, json, yaml, csv; some reports also xlsx, pptx, pdf
    #[arg(long, default_value = "md", value_name = "FORMAT")]
    pub format: String,
    /// Where it is written (default: standard output)
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Templates in place of the shipped ones, where the folder has them (report.html, report.md)
    #[arg(long, value_name = "DIR")]
    pub templates: Option<PathBuf>,
}

#[derive(Subcommand, Debug)]
pub enum TeamCommand {
    /// Merge reports that engineers exported (`weir report engineer --format yaml`) into one of the
    /// team
    Aggregate {
        /// Their files
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        /// yaml, html, md, json, csv or xlsx
        #[arg(long, default_value = "yaml", value_name = "FORMAT")]
        format: String,
        /// Where it is written (default: standard output)
        #[arg(long, value_name = "FILE")]
        output: Option<PathBuf>,
        /// Templates in place of the shipped ones
        #[arg(long, value_name = "DIR")]
        templates: Option<PathBuf>,
    },
}

#[derive(ClapArgs, Debug)]
pub struct ForecastArgs {
    /// CSV file with a header; lines in any order, an empty value is a gap
    #[arg(long, value_name = "FILE")]
    pub csv: PathBuf,
    /// Column of the times (default: the first that is called time, timestamp, date, ds, day or
    /// window_start)
    #[arg(long, value_name = "COLUMN")]
    pub time: Option<String>,
    /// Column of the values (default: the first that is called value, y or values)
    #[arg(long, value_name = "COLUMN")]
    pub value: Option<String>,
    /// Lengths of the seasons in steps, e.g. 24,168 for hours
    #[arg(long, value_delimiter = ',', value_name = "LIST")]
    pub season: Vec<usize>,
    /// Steps to look ahead
    #[arg(long, default_value_t = 48, value_name = "N")]
    pub horizon: usize,
    /// Print JSON for programs
    #[arg(long)]
    pub json: bool,
}

#[derive(ClapArgs, Debug)]
pub struct VerifyArgs {
    /// How many differences to print
    #[arg(long, default_value_t = 20)]
    pub show: usize,
    /// Seconds to wait until everything that is in the log has reached ClickHouse
    #[arg(long, default_value_t = 120.0)]
    pub wait: f64,
    /// Memory to count in; what does not fit waits in temporary files (in the folder TMPDIR)
    #[arg(long, value_name = "SIZE", default_value = "1GiB")]
    pub memory: bytesize::ByteSize,
    /// Print JSON for programs
    #[arg(long)]
    pub json: bool,
}

#[derive(Subcommand, Debug)]
pub enum ExplainCommand {
    /// A value of a KPI or a score
    Kpi {
        /// Its name, e.g. roi
        name: String,
        #[command(flatten)]
        of: ExplainArgs,
    },
    /// A measure, e.g. llm.call.cost, or a statistic of one, e.g. llm.call.latency.p95
    Measure {
        /// Event type, measure and, of a distribution, the statistic
        name: String,
        #[command(flatten)]
        of: ExplainArgs,
    },
}

#[derive(ClapArgs, Debug)]
pub struct ExplainArgs {
    /// Values of the dimensions: `team=search` or `team=search,model=haiku`; without it the tenant
    /// as a whole
    #[arg(long, default_value = "", value_name = "NAME=VALUE,...")]
    pub subject: String,
    /// A day of the tenant's (2026-03-02), an hour of UTC (2026-03-02T14), or the end of any other
    /// window (2026-03-02T14:05:00Z)
    #[arg(long, value_name = "WINDOW")]
    pub window: String,
    /// Tenant (may be left out where there is only one)
    #[arg(long, value_parser = tenant)]
    pub tenant: Option<String>,
    /// How many parts and how many events of each term to list
    #[arg(long, default_value_t = 20, value_name = "N")]
    pub limit: usize,
    /// Print JSON for programs
    #[arg(long)]
    pub json: bool,
}

#[derive(ClapArgs, Debug)]
pub struct BacktestArgs {
    /// Tenant (may be left out where there is only one)
    #[arg(long, value_parser = tenant)]
    pub tenant: Option<String>,
    /// First day, e.g. 2026-01-05 (default: the first one with data)
    #[arg(long, value_name = "DAY")]
    pub from: Option<String>,
    /// Last day (default: the last one with data)
    #[arg(long, value_name = "DAY")]
    pub to: Option<String>,
    /// So many days up to the last one
    #[arg(long, value_name = "N")]
    pub days: Option<String>,
    /// Only this KPI or score, and what it stands on (may be given several times)
    #[arg(long, value_name = "NAME")]
    pub kpi: Vec<String>,
    /// Only this detector (may be given several times)
    #[arg(long, value_name = "NAME")]
    pub detector: Vec<String>,
    /// Only this rule, and what it stands on; lists each time it would have fired (may be given
    /// several times)
    #[arg(long, value_name = "NAME")]
    pub rule: Vec<String>,
    /// Folder of schemas and catalog to judge by, in place of those that run: tries what is not in
    /// force yet
    #[arg(long, value_name = "DIR")]
    pub catalog: Option<PathBuf>,
    /// Leave out events that came late, as the stream does; else all count as if they had come in
    /// time
    #[arg(long)]
    pub on_time: bool,
    /// End with 1 where a rule would have fired on more than a tenth of what it judged
    #[arg(long)]
    pub check: bool,
    /// Seconds to wait until the history has reached ClickHouse
    #[arg(long, default_value_t = 120.0, value_parser = factor)]
    pub wait: f64,
    /// Print JSON for programs
    #[arg(long)]
    pub json: bool,
}

#[derive(Subcommand, Debug)]
pub enum BaselineCommand {
    /// Publish what a KPI was over a period, by subject, as the baselines that hold from now on
    Capture(CaptureArgs),
}

#[derive(ClapArgs, Debug)]
pub struct CaptureArgs {
    /// Name of the KPI
    #[arg(long, value_name = "NAME")]
    pub kpi: String,
    /// What it is captured as (default: the name of the KPI)
    #[arg(long, value_name = "NAME")]
    pub metric: Option<String>,
    /// Only subjects with these values: `component=search` (default: all)
    #[arg(long, default_value = "", value_name = "NAME=VALUE,...")]
    pub subject: String,
    /// First day, e.g. 2026-01-05
    #[arg(long, value_name = "DAY")]
    pub from: String,
    /// Last day
    #[arg(long, value_name = "DAY")]
    pub to: String,
    /// Tenant (may be left out where there is only one)
    #[arg(long, value_parser = tenant)]
    pub tenant: Option<String>,
    /// Publish nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Print JSON for programs
    #[arg(long)]
    pub json: bool,
}

#[derive(ClapArgs, Debug)]
pub struct TruthArgs {
    /// Seed of the simulation
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Truth file (default: truth-SEED.jsonl in the data directory)
    #[arg(long, value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Tenant of the simulation
    #[arg(long, default_value = "acme", value_parser = tenant)]
    pub tenant: String,
    /// Look at what a back-test found in place of what the stream did: at the last one of the
    /// tenant, or at the one with this id
    #[arg(long, value_name = "RUN", num_args = 0..=1, default_missing_value = "")]
    pub backtest: Option<String>,
    /// Print JSON for programs
    #[arg(long)]
    pub json: bool,
}

#[derive(ClapArgs, Debug)]
pub struct DigestArgs {
    /// Only windows that end by then, e.g. 2026-01-05T00:00:00Z
    #[arg(long, value_name = "TIME")]
    pub through: Option<String>,
    /// Seconds to wait until all is final through then, and has reached ClickHouse
    #[arg(long, default_value_t = 120.0, value_parser = factor)]
    pub wait: f64,
    /// Print JSON for programs
    #[arg(long)]
    pub json: bool,
}

#[derive(Subcommand, Debug)]
pub enum DlqCommand {
    /// List dead letters with their code
    List {
        /// At most so many
        #[arg(long, default_value_t = 50)]
        limit: usize,
        /// Only this code, e.g. WEIR-0003
        #[arg(long)]
        code: Option<String>,
        /// Print JSON for programs
        #[arg(long)]
        json: bool,
    },
    /// Publish dead letters to their topics again
    Replay {
        /// Only this code, e.g. WEIR-0003
        #[arg(long)]
        code: Option<String>,
        /// Print JSON for programs
        #[arg(long)]
        json: bool,
    },
}

#[derive(Subcommand, Debug)]
pub enum CatalogCommand {
    /// Load and check the catalog, and report what is hardly meant (findings)
    Check {
        /// Compare with the catalog of the running system
        #[arg(long)]
        against_running: bool,
        /// Print JSON for programs
        #[arg(long)]
        json: bool,
    },
    /// Print what is declared
    List {
        /// What
        #[arg(value_enum, default_value_t = CatalogPart::Measures)]
        part: CatalogPart,
        /// Print JSON for programs
        #[arg(long)]
        json: bool,
    },
    /// Print a declaration, and what an SLA or a budget stands for
    Show {
        /// Its name
        name: String,
    },
    /// Write the pages of all that is declared, and of what answers which need
    Docs {
        /// Folder that they are written to
        #[arg(long, default_value = "docs", value_name = "DIR")]
        out: PathBuf,
        /// Write nothing; fail where a page is not what would be written
        #[arg(long)]
        check: bool,
    },
}

#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum CatalogPart {
    Events,
    Measures,
    Kpis,
    Detectors,
    Rules,
    /// What measures are kept by, in which windows, and what reads these
    Rollups,
}

#[derive(ClapArgs, Debug)]
pub struct ProcessorArgs {
    /// Stages to run
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "combine,window,score",
        value_name = "LIST"
    )]
    pub stages: Vec<String>,
    #[command(flatten)]
    pub service: ServiceArgs,
}

#[derive(ClapArgs, Debug)]
pub struct ServiceArgs {
    /// Id of this instance within its group: keep it over restarts
    #[arg(long, default_value = "0")]
    pub instance: String,
    /// Address of health and metrics
    #[arg(long, default_value = "127.0.0.1:0", value_name = "ADDR")]
    pub http: String,
    /// Configuration file (defaults < file < WEIR__SECTION__KEY)
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Print the configuration and exit
    #[arg(long)]
    pub dump_config: bool,
    /// End where Kafka or ClickHouse does not answer at the start, in place of waiting for it
    #[arg(long)]
    pub exit_when_unreachable: bool,
}

#[derive(ClapArgs, Debug)]
pub struct NotifyArgs {
    #[command(flatten)]
    pub service: ServiceArgs,
    /// File that says who is told of what (`notify.yaml`, or what the configuration says)
    #[arg(long, value_name = "FILE")]
    pub routes: Option<PathBuf>,
    /// Check such a file and exit
    #[arg(long, value_name = "FILE", conflicts_with = "routes")]
    pub check: Option<PathBuf>,
    /// With --check: send one message to the receivers of a route
    #[arg(long, value_name = "ROUTE", requires = "check")]
    pub send_test: Option<String>,
}
