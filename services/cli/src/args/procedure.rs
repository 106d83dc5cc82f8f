//! `weir procedure`

use super::GatewayArgs;
use clap::{Args as ClapArgs, Subcommand};

#[derive(Subcommand, Debug)]
pub enum ProcedureCommand {
    /// Rate a procedure: `weir procedure feedback github/PROC-1 --clarity 4 --usefulness 5`
    Feedback(FeedbackArgs),
    /// Say that a procedure was followed: `weir procedure invoked github/PROC-1 --status success
    /// --duration 12.5`
    Invoked(InvokedArgs),
}

#[derive(ClapArgs, Debug)]
pub struct FeedbackArgs {
    /// Its id, e.g. github/PROC-1
    pub procedure: String,
    /// How clear it is, 1 to 5
    #[arg(long, value_parser = rating, required_unless_present_any = ["usefulness", "comment"])]
    pub clarity: Option<f64>,
    /// How useful it is, 1 to 5
    #[arg(long, value_parser = rating)]
    pub usefulness: Option<f64>,
    /// What there is to say about it
    #[arg(long, value_name = "TEXT")]
    pub comment: Option<String>,
    #[command(flatten)]
    pub about: AboutArgs,
}

#[derive(ClapArgs, Debug)]
pub struct InvokedArgs {
    /// Its id, e.g. github/PROC-1
    pub procedure: String,
    /// How it ended
    #[arg(long, value_parser = ["success", "failure", "aborted"])]
    pub status: String,
    /// How long it took, in seconds
    #[arg(long, value_parser = super::process::positive, value_name = "SECONDS")]
    pub duration: f64,
    /// Kind of task that it was for
    #[arg(long, value_name = "NAME")]
    pub task: Option<String>,
    /// Class of the error, if any
    #[arg(long, value_name = "NAME")]
    pub error_type: Option<String>,
    #[command(flatten)]
    pub about: AboutArgs,
}

/// Who says so, and to whom.
#[derive(ClapArgs, Debug)]
pub struct AboutArgs {
    /// Agent that says so
    #[arg(long, value_name = "NAME")]
    pub agent: Option<String>,
    /// Its team
    #[arg(long, value_name = "NAME")]
    pub team: Option<String>,
    /// Check the event and send nothing
    #[arg(long)]
    pub validate: bool,
    #[command(flatten)]
    pub gateway: GatewayArgs,
    /// Print JSON for programs
    #[arg(long)]
    pub json: bool,
}

fn rating(s: &str) -> Result<f64, String> {
    super::process::within(s, 1.0, 5.0)
}
