//! Which subjects belong to a share, in SQL: the text of [`Share::text`], made by ClickHouse.

use weir_catalog::EventDef;
use weir_oracle::Share;

/// Of windows of an event type, where a dimension that a rollup does not have is empty.
pub fn of_windows(event: &EventDef, share: Share) -> String {
    let mut names: Vec<&str> = event.dimensions.iter().map(|d| d.name.as_str()).collect();
    // As the pieces are, whose names end with `=`.
    names.sort_unstable_by_key(|n| format!("{n}="));
    let parts = names
        .iter()
        .map(|n| format!(", if(`{n}` = '', '', concat('\\0{n}=', `{n}`))"));
    condition(
        &format!("concat(tenant, ''{})", parts.collect::<String>()),
        share,
    )
}

/// Of anomalies, KPIs and alerts, which have their dimensions as a map.
pub fn of_rows(share: Share) -> String {
    let parts = "arraySort(arrayMap((k, v) -> concat('\\0', k, '=', v), \
                 arrayFilter((k, v) -> v != '', mapKeys(dimensions), mapValues(dimensions)), \
                 arrayFilter(v -> v != '', mapValues(dimensions))))";
    condition(
        &format!("concat(tenant, arrayStringConcat({parts}))"),
        share,
    )
}

fn condition(text: &str, share: Share) -> String {
    if share == Share::WHOLE {
        return "true".to_owned();
    }
    format!("xxh3({text}) % {} = {}", share.of, share.number)
}
