//! `weir experiment`

use super::tenant;
use clap::{Args as ClapArgs, Subcommand};

#[derive(Subcommand, Debug)]
pub enum ExperimentCommand {
    /// All variants against their baselines: state, difference with its range, what is missing
    List(ExperimentArgs),
    /// One experiment: split, difference, power, guardrails
    Show {
        /// Its name
        name: String,
        #[command(flatten)]
        of: ExperimentArgs,
    },
}

#[derive(ClapArgs, Debug)]
pub struct ExperimentArgs {
    /// By data through this day of the tenant (yesterday where not given)
    #[arg(long, value_name = "DAY")]
    pub through: Option<String>,
    /// Whose, where there are several tenants
    #[arg(long, value_parser = tenant)]
    pub tenant: Option<String>,
    /// Print JSON for programs
    #[arg(long)]
    pub json: bool,
}
