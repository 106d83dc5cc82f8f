//! `weir dashboard`

use crate::args::{DashboardArgs, SystemArgs};
use crate::output;
use anyhow::{Context, Result, bail};
use std::process::ExitCode;
use std::time::{Duration, Instant};
use weir_http::OWN_TENANT;
use weir_http::token::{self, Scope};
use weir_model::codes::NOT_RUNNING;
use weir_runtime::config::Secret;

/// How long one answer may take.
const ANSWER: Duration = Duration::from_secs(10);
/// How long a new token may take to become known.
const KNOWN: Duration = Duration::from_secs(15);
/// Of tokens that are made here.
const NAME: &str = "dashboard";

pub fn run(system: &SystemArgs, a: &DashboardArgs) -> Result<ExitCode> {
    let found = system.find()?;
    let Some(api) = &found.api else {
        bail!("{NOT_RUNNING}: no api runs here; start it with `weir up`");
    };
    let tenant = a.tenant.as_deref().unwrap_or(OWN_TENANT);
    let (id, token) = match tenant {
        OWN_TENANT => {
            let owner = found.token()?;
            let owner = owner.context("the owner's token is not in this data directory")?;
            (token::OWNER.to_owned(), owner)
        }
        other => token::create(&found.brokers, other, Scope::ALL.to_vec(), Some(NAME))?,
    };
    let until = Instant::now() + KNOWN;
    let link = loop {
        match link(api, &token) {
            Some(link) => break link,
            None if Instant::now() > until => {
                bail!("{NOT_RUNNING}: the api at {api} makes no link; look at `weir status`")
            }
            None => std::thread::sleep(Duration::from_millis(100)),
        }
    };
    if a.json {
        let told = serde_json::json!({"link": link, "tenant": tenant, "token": id});
        output::json(&told)?;
    } else {
        println!("{link}");
        eprintln!("opens the dashboard of tenant {tenant} once, within ten minutes");
        if id != token::OWNER {
            eprintln!("`weir token revoke {id}` ends it");
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// A link into the dashboard, that the api makes for the bearer of a token; none where it does not
/// answer, or does not know it (yet).
pub fn link(api: &str, token: &Secret) -> Option<String> {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_global(Some(ANSWER))
        .build()
        .into();
    let asked = agent
        .post(format!("{api}/dashboard/code"))
        .header("authorization", format!("Bearer {}", token.expose()))
        .send_empty();
    let text = asked.and_then(|mut answer| answer.body_mut().read_to_string());
    let made: serde_json::Value = serde_json::from_str(&text.ok()?).ok()?;
    Some(format!("{api}{}", made["link"].as_str()?))
}
