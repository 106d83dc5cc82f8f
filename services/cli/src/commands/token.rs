//! `weir token`

use crate::args::{SystemArgs, TokenCommand, TokenScope};
use crate::output;
use anyhow::{Result, bail};
use std::process::ExitCode;
use weir_http::token::{self, Scope};
use weir_model::codes::INPUT;
use weir_ops::time::show;

pub fn run(system: &SystemArgs, command: TokenCommand) -> Result<ExitCode> {
    let brokers = system.find_brokers()?;
    match command {
        TokenCommand::Create {
            tenant,
            scope,
            name,
            json,
        } => {
            let scopes: Vec<Scope> = scope.iter().map(|s| Scope::from(*s)).collect();
            let (id, made) = token::create(&brokers, &tenant, scopes, name.as_deref())?;
            if json {
                let shown = serde_json::json!({
                    "id": id, "tenant": tenant, "token": made.expose(),
                });
                output::json(&shown)?;
            } else {
                eprintln!("token {id} of tenant {tenant}; it is not shown again:");
                println!("{}", made.expose());
            }
        }
        TokenCommand::List(a) => list(token::list(&brokers)?, a.json)?,
        TokenCommand::Revoke { id, json } => {
            if !token::revoke(&brokers, &id)? {
                bail!("{INPUT}: there is no token {id}; `weir token list` shows all");
            }
            match json {
                true => output::json(&serde_json::json!({"revoked": id}))?,
                false => println!("{id} opens nothing any more"),
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

impl From<TokenScope> for Scope {
    fn from(scope: TokenScope) -> Scope {
        match scope {
            TokenScope::Write => Scope::Write,
            TokenScope::Read => Scope::Read,
        }
    }
}

fn list(all: Vec<(String, token::Entry)>, json: bool) -> Result<()> {
    let scopes = |e: &token::Entry| {
        let labels: Vec<&str> = e.scopes.iter().map(|s| s.label()).collect();
        labels.join(",")
    };
    if json {
        let shown = all.iter().map(|(id, e)| {
            serde_json::json!({
                "id": id, "tenant": e.tenant, "scopes": e.scopes, "name": e.name,
                "created": show(e.created),
            })
        });
        return output::json(&shown.collect::<Vec<_>>());
    }
    let row = |(id, e): &(String, token::Entry)| {
        let (tenant, name) = (e.tenant.clone(), e.name.clone());
        vec![id.clone(), tenant, scopes(e), name, show(e.created)]
    };
    let rows: Vec<Vec<String>> = all.iter().map(row).collect();
    output::table(&["id", "tenant", "scopes", "name", "created"], &rows)
}
