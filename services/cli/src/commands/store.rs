//! `weir store grants`: roles, users and row policies for a ClickHouse of one's own.

use crate::args::{StoreCommand, SystemArgs};
use anyhow::{Result, bail};
use std::io::Write;
use std::process::ExitCode;
use weir_model::codes::CONFIG;
use weir_store::grants::Grants;

const HEAD: &str = "\
-- Users come from nowhere (HOST NONE) until they are known by something:
-- ALTER USER weir_sink IDENTIFIED BY '...' HOST ANY;
";

pub fn run(system: &SystemArgs, command: StoreCommand) -> Result<ExitCode> {
    let StoreCommand::Grants { database, tenant } = command;
    if system.clickhouse_cluster.is_some() {
        bail!(
            "{CONFIG}: these statements are for a single node: on a cluster write policies for the \
             tables of the shards (`<name>__shard`) too, ON CLUSTER, and leave --clickhouse-cluster out"
        );
    }
    let grants = Grants {
        database: &database,
        tenants: &tenant,
    };
    let catalog = system.catalog()?;
    let statements = grants.statements(&catalog)?;
    let mut out = std::io::stdout().lock();
    out.write_all(HEAD.as_bytes())?;
    for statement in statements {
        writeln!(out, "{statement};")?;
    }
    Ok(ExitCode::SUCCESS)
}
