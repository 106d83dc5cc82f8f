//! `weir alerts`

use super::tenant;
use clap::{Args as ClapArgs, Subcommand};
use std::time::Duration;

#[derive(ClapArgs, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub struct AlertsArgs {
    #[command(subcommand)]
    pub say: Option<SayArgs>,
    #[command(flatten)]
    pub list: AlertsListArgs,
}

#[derive(ClapArgs, Debug)]
pub struct AlertsListArgs {
    /// Those that are over, too
    #[arg(long)]
    pub all: bool,
    /// Only of this rule
    #[arg(long)]
    pub rule: Option<String>,
    /// Only of this severity: critical, high, medium or low
    #[arg(long)]
    pub severity: Option<String>,
    /// Only of this subject
    #[arg(long, value_name = "NAME=VALUE,...", default_value = "")]
    pub subject: String,
    /// At most so many, those that opened last
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub limit: u32,
    /// Go on: print each step of an alert as it comes, until Ctrl-C
    #[arg(long)]
    pub follow: bool,
    /// Whose, where there are several tenants
    #[arg(long, value_parser = tenant)]
    pub tenant: Option<String>,
    /// Print JSON for programs; with --follow a line each
    #[arg(long)]
    pub json: bool,
}

#[derive(Subcommand, Debug)]
pub enum SayArgs {
    /// Take care of alerts: they are not told again while they last
    Ack {
        /// Ids, or how they begin
        #[arg(required = true, value_name = "ID")]
        ids: Vec<String>,
        /// What there is to say about them
        #[arg(long)]
        note: Option<String>,
        #[command(flatten)]
        by: SpeakerArgs,
    },
    /// No word of a rule, or of one alert, for a while
    Silence {
        /// Rule; or the id of one alert, or how it begins
        #[arg(value_name = "RULE|ID")]
        what: String,
        /// For how long, e.g. 2h
        #[arg(long = "for", value_name = "TIME", value_parser = humantime::parse_duration)]
        span: Duration,
        /// Only alerts of this subject
        #[arg(long, value_name = "NAME=VALUE,...", default_value = "")]
        subject: String,
        /// Why
        #[arg(long)]
        reason: Option<String>,
        #[command(flatten)]
        by: SpeakerArgs,
    },
}

#[derive(ClapArgs, Debug)]
pub struct SpeakerArgs {
    /// Who says so: an address or a pseudonym
    #[arg(long, env = "WEIR_ENGINEER", value_name = "EMAIL")]
    pub by: String,
    /// Whose alerts, where there are several tenants
    #[arg(long, value_parser = tenant)]
    pub tenant: Option<String>,
    /// Print JSON for programs
    #[arg(long)]
    pub json: bool,
}
