//! `weir top`

use super::tenant;
use clap::Args as ClapArgs;
use std::time::Duration;

#[derive(ClapArgs, Debug)]
pub struct TopArgs {
    /// Print one frame as text and end
    #[arg(long)]
    pub once: bool,
    /// Between two looks
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = humantime::parse_duration)]
    pub every: Duration,
    /// Whose spend and alerts, where there are several tenants
    #[arg(long, value_parser = tenant)]
    pub tenant: Option<String>,
    /// With --once: print JSON for programs
    #[arg(long, requires = "once")]
    pub json: bool,
}
