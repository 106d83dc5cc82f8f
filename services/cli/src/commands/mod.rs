//! One module per command.

mod agents;
mod alerts;
mod analytics;
mod audit;
mod backtest;
mod baseline;
mod calamum;
mod catalog;
mod connect;
mod dashboard;
mod digest;
mod disk;
mod dlq;
mod door;
mod emit;
mod experiment;
mod explain;
mod findings;
mod forecast;
mod hook;
mod import;
mod judged;
mod kafka;
mod kpi;
mod mail;
mod metrics;
mod notify;
mod people;
mod probe;
mod procedure;
mod process;
mod query;
mod report;
mod services;
mod simulate;
mod snapshot;
mod sources;
mod status;
mod store;
mod team;
mod token;
mod top;
mod topics;
mod trends;
mod truth;
mod up;
mod upgrade;
mod verify;
mod ways_in;
mod ways_out;

use crate::args::{Args, BaselineCommand, Command};
use anyhow::{Context, Result};
use std::process::ExitCode;
use weir_model::codes::QUERY;
use weir_ops::time::show;

/// Runs a command.
pub fn run(args: Args) -> Result<ExitCode> {
    let system = args.system;
    if args.wide {
        crate::output::be_wide();
    }
    match args.command {
        Command::Up(a) => up::run(&system, &a),
        Command::Status(a) => status::run(&system, &a),
        Command::Top(a) => top::run(&system, &a),
        Command::Import(a) => import::run(&system, a),
        Command::Simulate(a) => simulate::run(&system, &a),
        Command::Record(a) => snapshot::record(&system, &a),
        Command::Replay(a) => snapshot::replay(&system, &a),
        Command::Dashboard(a) => dashboard::run(&system, &a),
        Command::Query(a) => query::run(&system, a),
        Command::Alerts(a) => alerts::run(&system, &a),
        Command::Analytics(c) => analytics::run(&system, c),
        Command::Report(a) => report::run(&system, a),
        Command::Team(c) => team::run(&system, &c),
        Command::Forecast(a) => forecast::run(&a),
        Command::Kpi(a) => kpi::run(&system, &a),
        Command::Trends(a) => trends::run(&system, &a),
        Command::Findings(a) => findings::run(&system, &a),
        Command::Experiment(c) => experiment::run(&system, &c),
        Command::Verify(a) => verify::run(&system, &a),
        Command::Explain(c) => explain::run(&system, &c),
        Command::Backtest(a) => backtest::run(&system, &a),
        Command::Baseline(BaselineCommand::Capture(a)) => baseline::capture(&system, &a),
        Command::Truth(a) => truth::run(&system, &a),
        Command::Digest(a) => digest::run(&system, &a),
        Command::Dlq(a) => dlq::run(&system, a),
        Command::Kafka(c) => kafka::run(&c),
        Command::Topics(a) => topics::run(&system, &a),
        Command::Catalog(a) => catalog::run(&system, a),
        Command::Reprocess(a) => services::reprocess(&system, a.json),
        Command::Processor(a) => services::processor(&system, &a),
        Command::Sink(a) => services::sink(&system, &a),
        Command::Gateway(a) => services::gateway(&system, &a),
        Command::Api(a) => services::api(&system, &a),
        Command::Notify(a) => notify::run(&system, &a),
        Command::Token(a) => token::run(&system, a),
        Command::People(a) => people::list(&system, &a),
        Command::Erase(a) => people::erase(&system, &a),
        Command::Emit(a) => emit::run(&system, &a),
        Command::Connect(a) => connect::run(&system, &a),
        Command::Sources(a) => sources::run(&system, &a),
        Command::Hook(c) => hook::run(&system, &c),
        Command::Procedure(c) => procedure::run(&system, &c),
        Command::Process(c) => process::run(&system, &c),
        Command::Calamum(c) => calamum::run(&system, &c),
        Command::Probe(a) => probe::run(&a),
        Command::Store(command) => store::run(&system, command),
        Command::Upgrade(a) => upgrade::run(&system, &a),
        Command::Completions { shell } => {
            let mut command = <Args as clap::CommandFactory>::command();
            clap_complete::generate(shell, &mut command, "weir", &mut std::io::stdout());
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// A time typed by a person: RFC 3339, or a date (midnight UTC).
fn time(text: &str) -> Result<weir_model::Micros> {
    if let Ok(t) = text.parse::<jiff::Timestamp>() {
        return Ok(weir_model::Micros(t.as_microsecond()));
    }
    let date: jiff::civil::Date = text.parse().map_err(|_| {
        anyhow::anyhow!("{QUERY}: `{text}` is no time; write 2026-01-05 or 2026-01-05T00:00:00Z")
    })?;
    let midnight = date.to_zoned(jiff::tz::TimeZone::UTC)?.timestamp();
    Ok(weir_model::Micros(midnight.as_microsecond()))
}

/// A runtime for one command.
fn runtime() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")
}
