//! `weir kafka`

pub mod acls;
mod print;

use crate::args::{AclFormat, KafkaCommand};
use anyhow::{Result, bail};
use std::process::ExitCode;
use weir_model::codes::INPUT;

pub fn run(command: &KafkaCommand) -> Result<ExitCode> {
    let KafkaCommand::Acls {
        format,
        principal,
        host,
    } = command;
    if !principal.contains(acls::PLACE) {
        bail!(
            "{INPUT}: --principal has to hold {}: where the name of each service goes",
            acls::PLACE
        );
    }
    let all = acls::all(principal);
    match format {
        AclFormat::KafkaAcls => print!("{}", print::commands(&all, host)),
        AclFormat::Json => crate::output::json(&all)?,
    }
    Ok(ExitCode::SUCCESS)
}
