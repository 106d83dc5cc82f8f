//! `weir token`

use super::audit;
use crate::args::{SystemArgs, TokenCommand, TokenScope};
use crate::output;
use anyhow::{Result, bail};
use std::process::ExitCode;
use weir_http::token::{self, Scope};
use weir_model::codes::INPUT;
use weir_ops::time::show;
use weir_sources::audit::Change;

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
            let labels: Vec<&str> = scopes.iter().map(|s| s.label()).collect();
            let labels = labels.join(",");
            let (id, made) = token::create(&brokers, &tenant, scopes, name.as_deref())?;
            let detail = format!("scopes {labels}");
            audited(system, "token.create", (&tenant, &id), Some(&detail));
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
            let known = token::list(&brokers)?.into_iter().find(|(i, _)| *i == id);
            let Some((_, entry)) = known else {
                bail!("{INPUT}: there is no token {id}; `weir token list` shows all");
            };
            token::revoke(&brokers, &id)?;
            audited(system, "token.revoke", (&entry.tenant, &id), None);
            match json {
                true => output::json(&serde_json::json!({"revoked": id}))?,
                false => println!("{id} opens nothing any more"),
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Says who made or ended a token of a tenant.
fn audited(system: &SystemArgs, action: &str, (tenant, id): (&str, &str), detail: Option<&str>) {
    let change = Change {
        tenant,
        action,
        target_kind: "token",
        target: id,
        detail,
        ..Change::default()
    };
    audit::done(system, change);
}

impl From<TokenScope> for Scope {
    fn from(scope: TokenScope) -> Scope {
        match scope {
            TokenScope::Write => Scope::Write,
            TokenScope::Read => Scope::Read,
            TokenScope::Persons => Scope::Persons,
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
