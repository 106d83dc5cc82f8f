//! `weir truth`: what was injected against what was found.

use super::{runtime, show};
use crate::args::{SystemArgs, TruthArgs};
use crate::output;
use anyhow::{Result, bail};
use std::process::ExitCode;
use weir_model::codes::QUERY;
use weir_ops::{Score, truth};
use weir_store::Store;

pub fn run(system: &SystemArgs, a: &TruthArgs) -> Result<ExitCode> {
    let path = a
        .file
        .clone()
        .unwrap_or_else(|| system.data_dir.join(format!("truth-{}.jsonl", a.seed)));
    let injected = truth::injected(&path, &a.tenant)?;
    let store = Store::new(&system.find()?.own_store()?);
    let runtime = runtime()?;
    let backtest = match a.backtest.as_deref() {
        None => None,
        Some(id) => Some(runtime.block_on(backtest(&store, &a.tenant, id))?),
    };
    let score = Score::of(&store, &a.tenant, injected, backtest.as_deref());
    let score = runtime.block_on(score)?;
    let (unanswered, hits) = (score.unanswered(), score.hits());
    let of = score.injected.len() - unanswered;
    if a.json {
        output::json(&serde_json::json!({
            "injected": of, "found": hits, "findings": score.findings, "outside": score.outside,
            "unanswered": unanswered, "backtest": backtest,
        }))?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut rows = Vec::new();
    for i in score.injected.iter().filter(|i| i.answerable()) {
        let t = &i.truth;
        rows.push(vec![
            serde_json::to_value(&t.kind)?
                .as_str()
                .unwrap_or_default()
                .to_owned(),
            format!("{}={}", t.dimension, t.value),
            show(t.start),
            match t.factor {
                1.0 => "-".into(),
                factor => format!("{factor}x"),
            },
            if i.found_by.is_empty() {
                "missed".into()
            } else {
                few(&i.found_by)
            },
            i.minutes.map_or_else(|| "-".into(), |m| m.to_string()),
        ]);
    }
    output::table(
        &["injected", "in", "from", "factor", "found by", "minutes"],
        &rows,
    )?;
    if unanswered > 0 {
        println!("{unanswered} more are labelled, and no detector or rule looks for them");
    }
    println!(
        "{hits} of {of} injected anomalies found; {} findings in all, {} of them at no injected time",
        score.findings, score.outside
    );
    Ok(ExitCode::SUCCESS)
}

/// The id of a back-test that is done: the one named, or the last of the tenant.
async fn backtest(store: &Store, tenant: &str, id: &str) -> Result<String> {
    let named = Some(id).filter(|id| !id.is_empty());
    match (store.backtest(tenant, named).await?, named) {
        (Some(id), _) => Ok(id),
        (None, Some(id)) => bail!(
            "{QUERY}: no back-test {id} of tenant \"{tenant}\" is done; `weir backtest --tenant {tenant}` makes one"
        ),
        (None, None) => bail!(
            "{QUERY}: no back-test of tenant \"{tenant}\" is done; make one with `weir backtest --tenant {tenant}`"
        ),
    }
}

/// The first names of a list, and how many more there are.
fn few(names: &[String]) -> String {
    const SHOWN: usize = 2;
    match names.split_at_checked(SHOWN) {
        Some((first, rest)) if !rest.is_empty() => {
            format!("{} and {} more", first.join(", "), rest.len())
        }
        _ => names.join(", "),
    }
}
