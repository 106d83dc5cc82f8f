//! Whose data a command is about.

use anyhow::{Result, bail};
use weir_catalog::suggest;
use weir_model::codes::QUERY;
use weir_store::Store;
use weir_store::explain::TENANTS;

/// The tenant that is meant: the one that is named, or the only one that there is.
///
/// # Errors
/// There is no data of it, there are several, or none (WEIR-0305); or ClickHouse does not answer.
pub async fn meant(store: &Store, named: Option<&str>) -> Result<String> {
    let rows = store.rows(TENANTS, &[]).await?.rows;
    let known: Vec<&str> = rows.iter().filter_map(|r| r.first()?.as_str()).collect();
    match (named, &known[..]) {
        (Some(t), _) if known.contains(&t) => Ok(t.to_owned()),
        (Some(t), all) => bail!(
            "{QUERY}: there is no data of tenant \"{t}\"; {}",
            suggest(t, all.iter().copied())
        ),
        (None, [one]) => Ok((*one).to_owned()),
        (None, []) => bail!("{QUERY}: there is no data yet; publish events, or try weir simulate"),
        (None, many) => bail!(
            "{QUERY}: there are several tenants; name one with --tenant: {}",
            many.join(", ")
        ),
    }
}
