//! `weir hook`

use super::{GatewayArgs, tenant};
use clap::{Args as ClapArgs, Subcommand};
use std::path::PathBuf;

#[derive(Subcommand, Debug)]
pub enum HookCommand {
    /// Install it: from then on each commit and merge is published, in the background
    Install(HookInstallArgs),
    /// Take it away; hooks that were there before are what they were
    Remove(HookPathArgs),
    /// Say whether it is there, what waits, and what became of the last commit
    Status(HookPathArgs),
    /// Send what waits, as the hook does
    Send(HookPathArgs),
}

#[derive(ClapArgs, Debug)]
pub struct HookPathArgs {
    /// Repository: a clone, or a path inside one
    #[arg(default_value = ".")]
    pub path: PathBuf,
    /// Print JSON for programs
    #[arg(long)]
    pub json: bool,
}

#[derive(ClapArgs, Debug)]
pub struct HookInstallArgs {
    #[command(flatten)]
    pub at: HookPathArgs,
    /// Whose events they are
    #[arg(long, default_value = "default", value_parser = tenant, value_name = "NAME")]
    pub tenant: String,
    /// Team of who commits here
    #[arg(long, default_value = "", value_name = "NAME")]
    pub team: String,
    #[command(flatten)]
    pub gateway: GatewayArgs,
}
