//! `weir analytics`

use super::tenant;
use clap::{Args as ClapArgs, Subcommand};
use std::path::PathBuf;

#[derive(Subcommand, Debug)]
pub enum AnalyticsCommand {
    /// KPIs and scores of an operator, at their newest value
    OperatorStats {
        /// Who
        operator: String,
        #[command(flatten)]
        of: AnalyticsArgs,
    },
    /// What an operator should train, the most urgent first
    TrainingPlan {
        #[command(flatten)]
        aim: AimArgs,
        #[command(flatten)]
        of: AnalyticsArgs,
    },
    /// What model calls cost, by a dimension
    CostReport {
        /// Days up to today
        #[arg(long, default_value_t = 30, value_name = "DAYS")]
        timeframe: u32,
        /// model, team, category or engineer
        #[arg(long, default_value = "model", value_name = "DIMENSION")]
        category: String,
        #[command(flatten)]
        of: AnalyticsArgs,
    },
    /// Operators by what they have reached
    Leaderboard {
        /// xp, level, sessions, hours, success_rate or certifications
        #[arg(long, default_value = "xp", value_name = "NAME")]
        category: String,
        /// The first so many
        #[arg(long, default_value_t = 10, value_name = "N")]
        limit: usize,
        #[command(flatten)]
        of: AnalyticsArgs,
    },
    /// What an operator misses in the skills of a role
    SkillGap {
        #[command(flatten)]
        aim: AimArgs,
        #[command(flatten)]
        of: AnalyticsArgs,
    },
    /// Write a report to a file: operator, team, cost, trend, compliance, or another one that
    /// `weir report` lists
    ExportReport {
        /// Name of the report
        report: String,
        /// Where it is written
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// As `weir report --format` (default: what the file's name ends with)
        #[arg(long)]
        format: Option<String>,
        /// Whom a report of one operator is about
        #[arg(long, value_name = "OPERATOR")]
        operator_id: Option<String>,
        /// Whole days up to yesterday
        #[arg(long, default_value_t = 30, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=3660))]
        days: u32,
        /// Whose, where there are several tenants
        #[arg(long, value_parser = tenant)]
        tenant: Option<String>,
    },
    /// One look: spend, teams, models, operators who are ahead, open alerts
    Dashboard {
        /// Whose, where there are several tenants
        #[arg(long, value_parser = tenant)]
        tenant: Option<String>,
        /// Print JSON for programs
        #[arg(long)]
        json: bool,
    },
}

#[derive(ClapArgs, Debug)]
pub struct AimArgs {
    /// Who
    pub operator: String,
    /// Role of the catalog (each of them where it is left out)
    #[arg(long, value_name = "ROLE")]
    pub target_role: Option<String>,
}

/// What all have in common.
#[derive(ClapArgs, Debug)]
pub struct AnalyticsArgs {
    /// Whose, where there are several tenants
    #[arg(long, value_parser = tenant)]
    pub tenant: Option<String>,
    /// Print JSON for programs
    #[arg(long)]
    pub json: bool,
    /// Print CSV
    #[arg(long, conflicts_with = "json")]
    pub csv: bool,
}
