//! Rounds of faults with weir's real limits of time; `./scripts/test` runs them scaled down.

use anyhow::Result;
use clap::Parser;
use std::path::PathBuf;
use weir_tests::faults::{Plan, run};

/// Stops and kills the parts of a running system, round after round, and compares the numbers with
/// an undisturbed one.
#[derive(Parser)]
struct Args {
    /// Faults, one after the other
    #[arg(long, default_value_t = 26)]
    rounds: usize,
    /// The same seed gives the same faults in the same order
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Multiplies weir's limits of time, and the pauses with them
    #[arg(long, default_value_t = 1.0)]
    scale: f64,
    /// Directory of the system, kept (default: a temporary one)
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

fn main() -> Result<()> {
    let a = Args::parse();
    let plan = Plan {
        rounds: a.rounds,
        seed: a.seed,
        scale: a.scale,
    };
    match a.dir {
        Some(dir) => {
            std::fs::create_dir_all(&dir)?;
            run(&plan, &dir);
        }
        None => run(&plan, tempfile::tempdir()?.path()),
    }
    Ok(())
}
